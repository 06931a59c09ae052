"""Causal multi-head attention over a window (Vaswani et al. 2017), its state a ring of keys."""

# B batch, T time, D model width, N heads, H width of a head, W window, S keys within reach

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixer import Mixer, MixerConfig, check_width, choose_heads, state_dtype
from runnel.ops.places import count_after, places
from runnel.ops.ring import last_entries, within_reach


@dataclass(frozen=True, kw_only=True)
class AttentionConfig(MixerConfig):
    """Attention; every field but `dim` has a default."""

    name: ClassVar[str] = "attention"
    source: ClassVar[str] = "Vaswani et al. 2017; rotary positions: Su et al. 2021"

    heads: int = 0
    """number of heads; 0: the divisor of dim nearest to dim / 64"""
    window: int = 256
    """how many tokens each token sees, itself included"""
    positions: Literal["rotary", "learned", "none"] = "rotary"
    """rotary: relative angles; learned: a vector for each of `window` places, added to the input"""
    restart: bool = False
    """forget all at every window-th token of a sequence, instead of sliding over it"""

    def __post_init__(self) -> None:
        if self.dim < 1 or self.window < 1 or self.heads < 0:
            raise ValueError(
                "attention wants dim and window of at least 1 and heads of at least 0; got "
                f"dim={self.dim}, window={self.window}, heads={self.heads}"
            )
        if self.head_width % 2 and self.positions == "rotary":
            raise ValueError(
                "rotary positions want an even width of head; got "
                f"dim / heads = {self.head_width}; choose other heads or positions=learned"
            )

    @property
    def head_width(self) -> int:
        """Features of one head; ValueError where heads do not divide dim."""
        return self.dim // choose_heads(self.dim, self.heads)

    def build(self) -> "Attention":
        """Make the mixer with fresh weights."""
        return Attention(self)


class AttentionState(NamedTuple):
    """The last W keys and values, oldest first, and how many tokens the sequence has had."""

    keys_BNWH: Tensor
    values_BNWH: Tensor
    count_B: Tensor


class Attention(Mixer[AttentionState]):
    """softmax(q k / sqrt(H)) v over the last W tokens of the same sequence.

    Keys are kept before their rotation and rotated by their place within reach, so that angles stay
    small however long a stream runs. Learned positions go round: place t mod W.
    """

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.inputs = nn.Linear(config.dim, 3 * config.dim)
        self.output = nn.Linear(config.dim, config.dim)
        self.places_WD = None
        if config.positions == "learned":
            self.places_WD = nn.Parameter(0.02 * torch.randn(config.window, config.dim))

    def init_state(self, batch_size: int) -> AttentionState:
        """No key seen yet."""
        c, weight = self.config, self.inputs.weight
        shape = (batch_size, c.dim // c.head_width, c.window, c.head_width)
        keys = weight.new_zeros(shape, dtype=state_dtype(weight))
        count = torch.zeros(batch_size, dtype=torch.int64, device=weight.device)
        return AttentionState(keys, keys, count)

    def forward(
        self,
        x_BTD: Tensor,
        state: AttentionState | None = None,
        reset_BT: Tensor | None = None,
        length_B: Tensor | None = None,
    ) -> tuple[Tensor, AttentionState]:
        """See `Mixer.forward`; the state is that after the first `length_B` of each row, or all."""
        check_width(x_BTD, self.config.dim)
        (batch, time, _), window = x_BTD.shape, self.config.window
        before = self.init_state(batch) if state is None else state
        kept = 0 if state is None else window
        place_BT = places(before.count_B, time, reset_BT)
        if self.places_WD is not None:
            x_BTD = x_BTD + self.places_WD[place_BT % window].to(x_BTD.dtype)
        query, key, value = self._projected(x_BTD)
        keys = torch.cat([before.keys_BNWH.to(key.dtype), key], dim=2)
        values = torch.cat([before.values_BNWH.to(value.dtype), value], dim=2)
        plain = state is None and reset_BT is None and time <= window
        seen_BT = place_BT % window if self.config.restart else place_BT
        y = F.scaled_dot_product_attention(
            self._rotated(query, kept),
            self._rotated(keys[:, :, window - kept :], 0),
            values[:, :, window - kept :],
            attn_mask=None if plain else within_reach(seen_BT, window, kept).unsqueeze(1),
            is_causal=plain,
        )
        count_B = count_after(before.count_B, place_BT, length_B)
        after = AttentionState(
            last_entries(keys, before.keys_BNWH, count_B, length_B),
            last_entries(values, before.values_BNWH, count_B, length_B),
            count_B,
        )
        return self.output(y.transpose(1, 2).flatten(2)), after

    def step(self, x_BD: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """See `Mixer.step`."""
        window = self.config.window
        if self.places_WD is not None:
            x_BD = x_BD + self.places_WD[state.count_B % window].to(x_BD.dtype)
        query, key, value = self._projected(x_BD.unsqueeze(1))
        keys = torch.cat([state.keys_BNWH[:, :, 1:], key.to(state.keys_BNWH.dtype)], dim=2)
        values = torch.cat([state.values_BNWH[:, :, 1:], value.to(keys.dtype)], dim=2)
        query = self._rotated(query.to(keys.dtype), window - 1)
        scores = (query @ self._rotated(keys, 0).mT) * keys.shape[-1] ** -0.5
        age_W = torch.arange(window - 1, -1, -1, device=keys.device)
        seen_B = state.count_B % window if self.config.restart else state.count_B
        unseen = age_W > seen_B[:, None, None, None]
        weights = torch.softmax(scores.masked_fill(unseen, -torch.inf), dim=-1)
        y_BD = (weights @ values).transpose(1, 2).flatten(1).to(x_BD.dtype)
        return self.output(y_BD), AttentionState(keys, values, state.count_B + 1)

    def _projected(self, x_BTD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.inputs(x_BTD).unflatten(-1, (3, -1, self.config.head_width))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value

    def _rotated(self, x_BNSH: Tensor, first: int) -> Tensor:
        """Turn each pair of features by its place, counted from `first`, times the pair's rate."""
        if self.config.positions != "rotary":
            return x_BNSH
        half, dtype = x_BNSH.shape[-1] // 2, state_dtype(x_BNSH)
        rates = 10000.0 ** (-torch.arange(half, device=x_BNSH.device, dtype=dtype) / half)
        places = torch.arange(first, first + x_BNSH.shape[2], device=x_BNSH.device, dtype=dtype)
        angles = torch.outer(places, rates)
        cos, sin = angles.cos().to(x_BNSH.dtype), angles.sin().to(x_BNSH.dtype)
        left, right = x_BNSH.split(half, dim=-1)
        return torch.cat([left * cos - right * sin, left * sin + right * cos], dim=-1)
