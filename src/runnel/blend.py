"""What minGRU and minLSTM share: a state that each token blends with its candidate."""

# B batch, T time, D model width, E inner width

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype
from runnel.ops import linear_scan
from runnel.ops.parts import split


@dataclass(frozen=True, kw_only=True)
class BlendConfig(MixerConfig):
    """The options of every such mixer; each adds how its gates begin."""

    expansion: float = 1.0
    """inner width E as a multiple of dim"""
    candidate: Literal["positive", "plain"] = "positive"
    """positive: c = g(W x), g(u) = u + 1/2 for u >= 0 and sigmoid(u) below; plain: c = W x"""
    project: bool = True
    """project back to dim; always done where the inner width differs from it"""
    learned_start: bool = False
    """learn the state before the first token; otherwise it is zero"""

    @property
    def inner(self) -> int:
        """Channels E."""
        return round(self.expansion * self.dim)

    def check_sizes(self) -> None:
        """Raise ValueError for a width below one."""
        if min(self.dim, self.inner) < 1:
            raise ValueError(
                f"{self.name} wants dim and expansion * dim of at least 1; got dim={self.dim}, "
                f"expansion={self.expansion}"
            )


class BlendState(NamedTuple):
    """The recurrence's value after the last token."""

    h_BE: Tensor


class Blend(Mixer[BlendState]):
    """h_t = (1 - s_t) h_{t-1} + s_t c_t, where the share s_t and c_t = g(W_h x_t + b_h) see x_t.

    The state is carried as it is: g is for candidates, which are not activated yet.
    """

    def __init__(self, config: BlendConfig, gates: int) -> None:
        """`gates` is how many numbers make the share of a channel."""
        super().__init__()
        self.config, self.inner = config, config.inner
        self.inputs = nn.Linear(config.dim, (gates + 1) * self.inner)
        projected = config.project or self.inner != config.dim
        self.output = nn.Linear(self.inner, config.dim) if projected else nn.Identity()
        self.activation = positive if config.candidate == "positive" else nn.Identity()
        self.start_E = nn.Parameter(torch.zeros(self.inner)) if config.learned_start else None

    @abstractmethod
    def scan(
        self, parts: Sequence[Tensor], initial_BE: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The fused recurrence over gates and positive candidates, from zero after a reset."""

    @abstractmethod
    def share(self, gates: Sequence[Tensor]) -> Tensor:
        """The logit of s_t."""

    def init_state(self, batch_size: int) -> BlendState:
        """Zero, or the learned start."""
        weight = self.inputs.weight
        if self.start_E is not None:
            return BlendState(self.start_E.to(state_dtype(weight)).expand(batch_size, -1))
        return BlendState(weight.new_zeros(batch_size, self.inner, dtype=state_dtype(weight)))

    def forward(
        self, x_BTD: Tensor, state: BlendState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, BlendState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        initial_BE = (state or self.init_state(len(x_BTD))).h_BE
        parts = split(self.inputs(x_BTD), self.inner)
        if self.config.candidate == "positive" and self.start_E is None:
            h_BTE, last_BE = self.scan(parts, initial_BE, reset_BT)
        else:
            *gates, candidate_BTE = parts
            value_BTE, share_BTE = self.activation(candidate_BTE), self.share(gates)
            h_BTE, last_BE = blend_scan(share_BTE, value_BTE, initial_BE, reset_BT, self.start_E)
        return self.output(h_BTE), BlendState(last_BE)

    def step(self, x_BD: Tensor, state: BlendState) -> tuple[Tensor, BlendState]:
        """See `Mixer.step`."""
        *gates, candidate_BE = self.inputs(x_BD).to(state.h_BE.dtype).split(self.inner, dim=-1)
        share_BE = torch.sigmoid(self.share(gates))
        h_BE = torch.lerp(state.h_BE, self.activation(candidate_BE), share_BE)
        return self.output(h_BE.to(x_BD.dtype)), BlendState(h_BE)

    def decays(self, x_BTD: Tensor) -> Tensor:
        """See `runnel.mixer.Remembers`: 1 - s_t."""
        *gates, _ = self.inputs(x_BTD).split(self.inner, dim=-1)
        return torch.sigmoid(-self.share(gates))


def positive(u: Tensor) -> Tensor:
    """g(u) = u + 1/2 for u >= 0, the logistic function below (Feng et al. 2024, appendix B)."""
    return torch.where(u >= 0, F.relu(u) + 0.5, torch.sigmoid(u))


def blend_scan(
    share_BTE: Tensor,
    value_BTE: Tensor,
    initial_BE: Tensor,
    reset_BT: Tensor | None = None,
    start_E: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = (1 - σ(share_t)) h_{t-1} + σ(share_t) value_t; a reset begins again from `start_E`.

    A start other than zero is taken off before the scan and put back after it: h - start obeys the
    same recurrence over value - start, and begins at zero.
    """
    decay_BTE, share_BTE = torch.sigmoid(-share_BTE), torch.sigmoid(share_BTE)
    if start_E is None:
        return linear_scan(decay_BTE, share_BTE * value_BTE, initial_BE, reset_BT)
    start_E = start_E.to(initial_BE.dtype)
    input_BTE = share_BTE * (value_BTE - start_E.to(value_BTE.dtype))
    h_BTE, last_BE = linear_scan(decay_BTE, input_BTE, initial_BE - start_E, reset_BT)
    return h_BTE + start_E.to(h_BTE.dtype), last_BE + start_E
