"""A cache on the logits: what was said before is likelier again, or less so, by its role.

After Kuhn and De Mori 1990 and Grave et al. 2016 (arXiv 1612.04426), with a learned weight and rate
of forgetting for each token. The model says in which role it read a token, and at each place how
much it wants what was read in each: the hero's name, not the friend's. A recurrence of few channels
learns slowly to copy a name that it read once; this learns it early, with a state of V numbers a
role.
"""

# B batch, T time, N = B T, V vocabulary, D model width, R roles, S different tokens of a sequence

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from runnel.mixer import state_dtype
from runnel.ops import linear_scan

_HALF_LIFE = 256.0
# The weights move as many times further than other vectors: a rare word has few steps to rise in.
_REACH = 10.0


class CacheState(NamedTuple):
    """How often each token was read in each role, faded."""

    count_BRV: Tensor


class RoleCache(nn.Module):
    """m_tr = λ m_{t-1,r} + s_tr onehot(x_t);  logits_t + w Σ_r g_tr log(1 + m_tr).

    λ and w are learned for each token. Of y_t, what the head reads, linear maps make s_t, shares
    that add up to one, and g_t, of either sign: where one of two was meant, the other is not.
    """

    def __init__(self, vocab_size: int, dim: int, roles: int) -> None:
        super().__init__()
        keep = 0.5 ** (1 / _HALF_LIFE)
        self.roles = roles
        self.keep_V = nn.Parameter(torch.full((vocab_size,), math.log(keep / (1 - keep))))
        self.weight_V = nn.Parameter(torch.zeros(vocab_size))
        self.gate = nn.Linear(dim, roles)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, 0.7)
        self.share = nn.Linear(dim, roles) if roles > 1 else None

    def init_state(self, batch_size: int) -> CacheState:
        """Nothing read."""
        shape = (batch_size, self.roles, len(self.weight_V))
        return CacheState(self.weight_V.new_zeros(shape, dtype=state_dtype(self.weight_V)))

    def forward(
        self,
        logits_NV: Tensor,
        tokens_BT: Tensor,
        y_BTD: Tensor,
        state: CacheState | None,
        reset_BT: Tensor | None,
    ) -> tuple[Tensor, CacheState]:
        """The logits with what is likelier added, in place, and the state after the last token.

        Rows of (B T, V) are no view of what a linear layer made, of which autograd would copy all.
        """
        batch, time = tokens_BT.shape
        keep, weight = self.keep(), self.weight()
        # In a sequence with no state before it only its own tokens can have been said.
        few = state is None and 0 < time < len(keep)
        slot_BT = _first_places(tokens_BT) if few else tokens_BT
        keep_BS, weight_BS = (p[tokens_BT] if few else p.expand(batch, -1) for p in (keep, weight))
        shape_RS = (self.roles, keep_BS.shape[1])
        share_BTR1 = self._share(y_BTD).unsqueeze(-1)
        said_BTRS = share_BTR1.new_zeros(batch, time, *shape_RS)
        said_BTRS = said_BTRS.scatter(
            -1, slot_BT[..., None, None].expand_as(share_BTR1), share_BTR1
        )
        count, last = linear_scan(
            keep_BS.repeat(1, self.roles).unsqueeze(1).expand(-1, time, -1),
            said_BTRS.flatten(2),
            None if state is None else state.count_BRV.flatten(1),
            reset_BT,
        )
        told_BTS = self._told(count.unflatten(2, shape_RS), y_BTD)
        likelier_NS = (told_BTS * weight_BS.unsqueeze(1)).flatten(0, 1).to(logits_NV.dtype)
        last_BRS = last.unflatten(1, shape_RS)
        if not few:
            return logits_NV.add_(likelier_NS), CacheState(last_BRS)
        token_NS = tokens_BT.repeat_interleave(time, dim=0)
        after_BRV = last_BRS.new_zeros(batch, self.roles, len(keep))
        after_BRV = after_BRV.scatter_add(-1, tokens_BT.unsqueeze(1).expand_as(last_BRS), last_BRS)
        return logits_NV.scatter_add_(-1, token_NS, likelier_NS), CacheState(after_BRV)

    def step(
        self, logits_BV: Tensor, token_B: Tensor, y_BD: Tensor, state: CacheState
    ) -> tuple[Tensor, CacheState]:
        """One token of `forward`."""
        share_BR1 = self._share(y_BD).unsqueeze(-1)
        faded_BRV = self.keep() * state.count_BRV
        count_BRV = faded_BRV.scatter_add(
            -1, token_B[:, None, None].expand_as(share_BR1), share_BR1
        )
        return logits_BV + self._told(count_BRV, y_BD) * self.weight(), CacheState(count_BRV)

    def _told(self, count: Tensor, y: Tensor) -> Tensor:
        """The sum over roles of what was told (..., R, S), as much as it is wanted here."""
        return (torch.log1p(count) * self.gate(y).unsqueeze(-1)).sum(-2)

    def weight(self) -> Tensor:
        """How much likelier (V,) a token becomes by what was told of it."""
        return _REACH * self.weight_V

    def keep(self) -> Tensor:
        """What remains (V,) of a count after a token."""
        return torch.sigmoid(self.keep_V.to(state_dtype(self.keep_V)))

    def _share(self, y: Tensor) -> Tensor:
        dtype = state_dtype(self.keep_V)
        if self.share is None:
            return y.new_ones(*y.shape[:-1], 1, dtype=dtype)
        return torch.softmax(self.share(y).to(dtype), -1)


def _first_places(tokens_BT: Tensor) -> Tensor:
    """Where each token stands first in its sequence."""
    same_BTT = tokens_BT.unsqueeze(2) == tokens_BT.unsqueeze(1)
    return same_BTT.byte().argmax(2)
