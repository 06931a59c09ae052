"""minGRU: a GRU whose gates see only the input (Feng et al. 2024, arXiv 2410.01201)."""

# B batch, T time, D model width, E inner width

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype
from runnel.ops import mingru_scan
from runnel.ops.blend import blend_scan, positive


@dataclass(frozen=True, kw_only=True)
class MinGRUConfig(MixerConfig):
    """minGRU; every field but `dim` has a default."""

    name: ClassVar[str] = "mingru"
    source: ClassVar[str] = "Feng et al. 2024, arXiv 2410.01201"

    expansion: float = 1.0
    """inner width E as a multiple of dim"""
    candidate: Literal["positive", "plain"] = "positive"
    """positive: c = g(W x), g(u) = u + 1/2 for u >= 0 and sigmoid(u) below; plain: c = W x"""
    project: bool = True
    """project back to dim; always done where the inner width differs from it"""
    half_lives: tuple[float, float] | None = (1.0, 64.0)
    """memory half-lives (tokens) over which the gate biases are spread at the start; none: zero"""
    learned_start: bool = False
    """learn the state before the first token; otherwise it is zero"""

    def __post_init__(self) -> None:
        if self.dim < 1 or round(self.expansion * self.dim) < 1:
            raise ValueError(
                f"mingru wants dim and expansion * dim of at least 1; got dim={self.dim}, "
                f"expansion={self.expansion}"
            )
        if self.half_lives is not None and not 0 < self.half_lives[0] <= self.half_lives[1]:
            raise ValueError(f"half_lives wants 0 < shortest <= longest; got {self.half_lives}")

    def build(self) -> "MinGRU":
        """Make the mixer with fresh weights."""
        return MinGRU(self)


class MinGRUState(NamedTuple):
    """The recurrence's value after the last token."""

    h_BE: Tensor


class MinGRU(Mixer[MinGRUState]):
    """h_t = (1 - z_t) h_{t-1} + z_t c_t with z_t = σ(W_z x_t + b_z), c_t = g(W_h x_t + b_h)."""

    def __init__(self, config: MinGRUConfig) -> None:
        super().__init__()
        self.config = config
        self.inner = round(config.expansion * config.dim)
        self.inputs = nn.Linear(config.dim, 2 * self.inner)
        projected = config.project or self.inner != config.dim
        self.output = nn.Linear(self.inner, config.dim) if projected else nn.Identity()
        self.activation = positive if config.candidate == "positive" else nn.Identity()
        self.start_E = nn.Parameter(torch.zeros(self.inner)) if config.learned_start else None
        with torch.no_grad():
            self.inputs.bias.zero_()
            if config.half_lives is not None:
                shortest, longest = map(torch.tensor, config.half_lives)
                half_life = torch.logspace(shortest.log2(), longest.log2(), self.inner, 2)
                self.inputs.bias[: self.inner] = torch.logit(1 - 0.5 ** (1 / half_life))

    def init_state(self, batch_size: int) -> MinGRUState:
        """Zero, or the learned start."""
        weight = self.inputs.weight
        if self.start_E is not None:
            return MinGRUState(self.start_E.to(state_dtype(weight)).expand(batch_size, -1))
        return MinGRUState(weight.new_zeros(batch_size, self.inner, dtype=state_dtype(weight)))

    def forward(
        self, x_BTD: Tensor, state: MinGRUState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, MinGRUState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        initial_BE = (state or self.init_state(len(x_BTD))).h_BE
        gate_BTE, candidate_BTE = self.inputs(x_BTD).chunk(2, dim=-1)
        if self.config.candidate == "positive" and self.start_E is None:
            h_BTE, last_BE = mingru_scan(gate_BTE, candidate_BTE, initial_BE, reset_BT)
        else:
            value_BTE = self.activation(candidate_BTE)
            h_BTE, last_BE = blend_scan(gate_BTE, value_BTE, initial_BE, reset_BT, self.start_E)
        return self.output(h_BTE), MinGRUState(last_BE)

    def step(self, x_BD: Tensor, state: MinGRUState) -> tuple[Tensor, MinGRUState]:
        """See `Mixer.step`."""
        gate_BE, candidate_BE = self.inputs(x_BD).to(state.h_BE.dtype).chunk(2, dim=-1)
        h_BE = torch.lerp(state.h_BE, self.activation(candidate_BE), torch.sigmoid(gate_BE))
        return self.output(h_BE.to(x_BD.dtype)), MinGRUState(h_BE)
