"""A unigram cache on the logits: what was said before is likelier again.

After Kuhn and De Mori 1990 and Grave et al. 2016 (arXiv 1612.04426), with a learned weight and rate
of forgetting for each token, and a gate that the model opens where it wants to repeat. A recurrence
of few channels learns slowly to copy a name that it read once; this learns it early, with a state
of V numbers.
"""

# B batch, T time, V vocabulary, D model width

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixer import state_dtype
from runnel.ops import linear_scan

_HALF_LIFE = 256.0
# The weights move as many times further than other vectors: a rare word has few steps to rise in.
_REACH = 10.0


class CacheState(NamedTuple):
    """How often each token was read, faded."""

    count_BV: Tensor


class UnigramCache(nn.Module):
    """m_t = λ m_{t-1} + onehot(x_t);  logits_t + g(y_t) w log(1 + m_t).

    λ and w are learned for each token; g is softplus of a linear map of y_t, what the head reads.
    """

    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        keep = 0.5 ** (1 / _HALF_LIFE)
        self.keep_V = nn.Parameter(torch.full((vocab_size,), math.log(keep / (1 - keep))))
        self.weight_V = nn.Parameter(torch.zeros(vocab_size))
        self.gate = nn.Linear(dim, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def init_state(self, batch_size: int) -> CacheState:
        """Nothing read."""
        vocabulary, dtype = len(self.weight_V), state_dtype(self.weight_V)
        return CacheState(self.weight_V.new_zeros(batch_size, vocabulary, dtype=dtype))

    def forward(
        self,
        tokens_BT: Tensor,
        y_BTD: Tensor,
        state: CacheState | None,
        reset_BT: Tensor | None,
    ) -> tuple[Tensor, CacheState]:
        """What is added to the logits (B, T, V), and the state after the last token."""
        keep_V = self._keep()
        said_BTV = keep_V.new_zeros(*tokens_BT.shape, len(keep_V))
        said_BTV = said_BTV.scatter(-1, tokens_BT.unsqueeze(-1), 1.0)
        initial_BV = None if state is None else state.count_BV
        keep_BTV = keep_V.expand_as(said_BTV)
        count_BTV, last_BV = linear_scan(keep_BTV, said_BTV, initial_BV, reset_BT)
        return self._likelier(count_BTV, y_BTD), CacheState(last_BV)

    def step(self, token_B: Tensor, y_BD: Tensor, state: CacheState) -> tuple[Tensor, CacheState]:
        """One token of `forward`."""
        faded_BV = self._keep() * state.count_BV
        one_B1 = torch.ones_like(faded_BV[:, :1])
        count_BV = faded_BV.scatter_add(-1, token_B.unsqueeze(-1), one_B1)
        return self._likelier(count_BV, y_BD), CacheState(count_BV)

    def _keep(self) -> Tensor:
        return torch.sigmoid(self.keep_V.to(state_dtype(self.keep_V)))

    def _likelier(self, count: Tensor, y: Tensor) -> Tensor:
        return F.softplus(self.gate(y)) * _REACH * self.weight_V * torch.log1p(count)
