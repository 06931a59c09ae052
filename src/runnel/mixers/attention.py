"""Causal multi-head attention over a window (Vaswani et al. 2017), its state a ring of keys."""

# B batch, T time, D model width, N heads, H width of a head, W window, S keys within reach

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype


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

    def __post_init__(self) -> None:
        if self.dim < 1 or self.window < 1 or self.heads < 0:
            raise ValueError(
                "attention wants dim and window of at least 1 and heads of at least 0; got "
                f"dim={self.dim}, window={self.window}, heads={self.heads}"
            )
        if self.heads and self.dim % self.heads:
            raise ValueError(
                f"dim must be divisible by heads; got dim={self.dim}, heads={self.heads}"
            )
        if self.positions == "rotary" and self.head_width % 2:
            raise ValueError(
                "rotary positions want an even width of head; got "
                f"dim / heads = {self.head_width}; choose other heads or positions=learned"
            )

    @property
    def head_width(self) -> int:
        """Features of one head."""
        if self.heads:
            return self.dim // self.heads
        divisors = [n for n in range(1, self.dim + 1) if self.dim % n == 0]
        return self.dim // min(divisors, key=lambda n: abs(n - self.dim / 64))

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
        self, x_BTD: Tensor, state: AttentionState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, AttentionState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        fresh, (batch, time, _) = state is None, x_BTD.shape
        state = state or self.init_state(batch)
        if reset_BT is None:
            reset_BT = torch.zeros(batch, time, dtype=torch.bool, device=x_BTD.device)
            plain = fresh and time <= self.config.window
        else:
            plain = False
        count_BT = _places(reset_BT, state.count_B)
        if self.places_WD is not None:
            x_BTD = x_BTD + self.places_WD[count_BT % self.config.window].to(x_BTD.dtype)
        query, key, value = self._projected(x_BTD)
        keys = torch.cat([state.keys_BNWH.to(key.dtype), key], dim=2)
        values = torch.cat([state.values_BNWH.to(value.dtype), value], dim=2)
        if plain:
            y = F.scaled_dot_product_attention(
                self._rotated(query, 0), self._rotated(key, 0), value, is_causal=True
            )
        else:
            window = self.config.window
            y = F.scaled_dot_product_attention(
                self._rotated(query, window),
                self._rotated(keys, 0),
                values,
                attn_mask=_within_reach(count_BT, window).unsqueeze(1),
            )
        count_B = count_BT[:, -1] + 1 if time else state.count_B
        after = AttentionState(
            _last(keys, state.keys_BNWH, count_B),
            _last(values, state.values_BNWH, count_B),
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
        unseen = age_W > state.count_B[:, None, None, None]
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


def _places(reset_BT: Tensor, count_B: Tensor) -> Tensor:
    """How many tokens of its sequence came before each position."""
    time = torch.arange(reset_BT.shape[1], device=reset_BT.device)
    start_BT = torch.where(reset_BT, time, -count_B.unsqueeze(1)).cummax(1).values
    return time - start_BT


def _last(new_BNSH: Tensor, before_BNWH: Tensor, count_B: Tensor) -> Tensor:
    """The last W entries, with zeros for those of earlier sequences."""
    window = before_BNWH.shape[2]
    kept = new_BNSH[:, :, new_BNSH.shape[2] - window :].to(before_BNWH.dtype)
    age_W = torch.arange(window - 1, -1, -1, device=count_B.device)
    return kept * (age_W < count_B.unsqueeze(1))[:, None, :, None]


def _within_reach(count_BT: Tensor, window: int) -> Tensor:
    """Mask (B, T, W + T): which of W kept and T new keys each new position may see."""
    time = torch.arange(count_BT.shape[1], device=count_BT.device)
    key = torch.arange(-window, count_BT.shape[1], device=count_BT.device)
    age_TS = time.unsqueeze(1) - key
    in_window = (age_TS >= 0) & (age_TS < window)
    return in_window & (age_TS <= count_BT.unsqueeze(-1))
