"""minLSTM: forget and input gates that see only the input and sum to one (arXiv 2410.01201)."""

# B batch, T time, D model width, E inner width

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype
from runnel.ops import minlstm_scan
from runnel.ops.blend import blend_scan, positive


@dataclass(frozen=True, kw_only=True)
class MinLSTMConfig(MixerConfig):
    """minLSTM; every field but `dim` has a default."""

    name: ClassVar[str] = "minlstm"
    source: ClassVar[str] = "Feng et al. 2024, arXiv 2410.01201"

    expansion: float = 1.0
    """inner width E as a multiple of dim"""
    candidate: Literal["positive", "plain"] = "positive"
    """positive: c = g(W x), g(u) = u + 1/2 for u >= 0 and sigmoid(u) below; plain: c = W x"""
    project: bool = True
    """project back to dim; always done where the inner width differs from it"""
    forget_bias: float = 1.0
    """the forget gate's bias at the start; larger remembers longer"""
    half_lives: tuple[float, float] | None = None
    """memory half-lives (tokens, at least 1) over which the input gate's biases are spread at the
    start; none: zero biases"""
    learned_start: bool = False
    """learn the state before the first token; otherwise it is zero"""

    def __post_init__(self) -> None:
        if self.dim < 1 or round(self.expansion * self.dim) < 1:
            raise ValueError(
                f"minlstm wants dim and expansion * dim of at least 1; got dim={self.dim}, "
                f"expansion={self.expansion}"
            )

        if self.half_lives is not None and not 1 <= self.half_lives[0] <= self.half_lives[1]:
            raise ValueError(f"half_lives wants 1 <= shortest <= longest; got {self.half_lives}")

    def build(self) -> "MinLSTM":
        """Make the mixer with fresh weights."""
        return MinLSTM(self)


class MinLSTMState(NamedTuple):
    """The recurrence's value after the last token."""

    h_BE: Tensor


class MinLSTM(Mixer[MinLSTMState]):
    """h_t = f_t/(f_t+i_t) h_{t-1} + i_t/(f_t+i_t) c_t; f, i logistic, c_t = g(W_h x_t + b_h)."""

    def __init__(self, config: MinLSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.inner = round(config.expansion * config.dim)
        self.inputs = nn.Linear(config.dim, 3 * self.inner)
        projected = config.project or self.inner != config.dim
        self.output = nn.Linear(self.inner, config.dim) if projected else nn.Identity()
        self.activation = positive if config.candidate == "positive" else nn.Identity()
        self.start_E = nn.Parameter(torch.zeros(self.inner)) if config.learned_start else None
        with torch.no_grad():
            self.inputs.bias.zero_()
            self.inputs.bias[: self.inner] = config.forget_bias
            if config.half_lives is not None:
                shortest, longest = map(torch.tensor, config.half_lives)
                half_life = torch.logspace(shortest.log2(), longest.log2(), self.inner, 2)
                # With f = σ(forget_bias) and s the share i/(f+i): i = f s/(1-s).
                forget = torch.sigmoid(torch.tensor(config.forget_bias))
                input_gate = forget * (2 ** (1 / half_life) - 1)
                self.inputs.bias[self.inner : 2 * self.inner] = torch.logit(input_gate)

    def init_state(self, batch_size: int) -> MinLSTMState:
        """Zero, or the learned start."""
        weight = self.inputs.weight
        if self.start_E is not None:
            return MinLSTMState(self.start_E.to(state_dtype(weight)).expand(batch_size, -1))
        return MinLSTMState(weight.new_zeros(batch_size, self.inner, dtype=state_dtype(weight)))

    def forward(
        self, x_BTD: Tensor, state: MinLSTMState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, MinLSTMState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        initial_BE = (state or self.init_state(len(x_BTD))).h_BE
        forget_BTE, input_BTE, candidate_BTE = self.inputs(x_BTD).chunk(3, dim=-1)
        if self.config.candidate == "positive" and self.start_E is None:
            gates = (forget_BTE, input_BTE, candidate_BTE)
            h_BTE, last_BE = minlstm_scan(*gates, initial_BE, reset_BT)
        else:
            gate_BTE = _input_share(forget_BTE, input_BTE)
            value_BTE = self.activation(candidate_BTE)
            h_BTE, last_BE = blend_scan(gate_BTE, value_BTE, initial_BE, reset_BT, self.start_E)
        return self.output(h_BTE), MinLSTMState(last_BE)

    def step(self, x_BD: Tensor, state: MinLSTMState) -> tuple[Tensor, MinLSTMState]:
        """See `Mixer.step`."""
        gates_BE = self.inputs(x_BD).to(state.h_BE.dtype)
        forget_BE, input_BE, candidate_BE = gates_BE.chunk(3, dim=-1)
        share_BE = torch.sigmoid(_input_share(forget_BE, input_BE))
        h_BE = torch.lerp(state.h_BE, self.activation(candidate_BE), share_BE)
        return self.output(h_BE.to(x_BD.dtype)), MinLSTMState(h_BE)


def _input_share(forget: Tensor, input_: Tensor) -> Tensor:
    """The logit of i/(f+i): log i - log f, which stays exact where both gates are near zero."""
    return F.logsigmoid(input_) - F.logsigmoid(forget)
