"""RG-LRU in Griffin's recurrent block: gated decays, inputs of even size (De et al. 2024)."""

# B batch, T time, D model width, E inner width, G blocks of the gates, W = E / G

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype
from runnel.ops import linear_scan
from runnel.ops.convolution import causal_convolution_step
from runnel.ops.fused import causal_convolution

_SHARPNESS = 8.0  # c of equation 3


@dataclass(frozen=True, kw_only=True)
class RGLRUConfig(MixerConfig):
    """Griffin's recurrent block; every field but `dim` has a default."""

    name: ClassVar[str] = "rglru"
    source: ClassVar[str] = "De et al. 2024 (Griffin), arXiv 2402.19427"

    expansion: float = 4 / 3
    """inner width E as a multiple of dim, rounded to a multiple of `blocks`"""
    blocks: int = 4
    """the gates' matrices are block-diagonal with so many blocks"""
    convolution: int = 4
    """taps of the causal depthwise convolution before the recurrence"""
    decays: tuple[float, float] = (0.9, 0.999)
    """a^c at the start, drawn evenly from this range; 0.9 halves in 7 tokens, 0.999 in 693"""

    def __post_init__(self) -> None:
        if min(self.dim, self.expansion * self.dim, self.blocks, self.convolution) < 1:
            raise ValueError(
                "rglru wants dim, expansion * dim, blocks and convolution of at least 1; got "
                f"dim={self.dim}, expansion={self.expansion}, blocks={self.blocks}, "
                f"convolution={self.convolution}"
            )
        if not 0 < self.decays[0] <= self.decays[1] < 1:
            raise ValueError(f"decays wants 0 < smallest <= largest < 1; got {self.decays}")

    @property
    def inner(self) -> int:
        """Channels E."""
        return self.blocks * max(1, round(self.expansion * self.dim / self.blocks))

    def build(self) -> "RGLRU":
        """Make the mixer with fresh weights."""
        return RGLRU(self)


class RGLRUState(NamedTuple):
    """The inputs that the convolution still needs, and the recurrence's value."""

    tail_BPE: Tensor
    h_BE: Tensor


class RGLRU(Mixer[RGLRUState]):
    """h_t = a_t h_{t-1} + sqrt(1 - a_t²) (i_t u_t), read out as W_o (h_t GELU(W_y x_t)).

    u = convolution(W_u x); r_t = σ(W_r u_t + b_r), i_t = σ(W_i u_t + b_i);
    log a_t = -c softplus(Λ) r_t with c = 8 (equations 1 to 4). The released code leaves the root
    out at the first token of a document; the paper, and this, do not.
    """

    def __init__(self, config: RGLRUConfig) -> None:
        super().__init__()
        self.config = config
        E, G = config.inner, config.blocks
        self.inputs = nn.Linear(config.dim, 2 * E)
        self.taps_KE = nn.Parameter(torch.empty(config.convolution, E))
        self.taps_bias_E = nn.Parameter(torch.zeros(E))
        self.gates_GWV = nn.Parameter(torch.randn(G, E // G, 2 * E // G) * (G / E) ** 0.5)
        self.gates_bias_GV = nn.Parameter(torch.zeros(G, 2 * E // G))
        self.rate_E = nn.Parameter(torch.empty(E))
        self.output = nn.Linear(E, config.dim)
        with torch.no_grad():
            nn.init.uniform_(self.taps_KE, -1, 1).mul_(config.convolution**-0.5)
            # softplus(Λ) = -log(a^c) / c
            needed_E = -torch.empty(E).uniform_(*config.decays).log() / _SHARPNESS
            self.rate_E.copy_(needed_E.expm1().log())

    def init_state(self, batch_size: int) -> RGLRUState:
        """Zero."""
        taps_KE = self.taps_KE
        tail_BPE = taps_KE.new_zeros(batch_size, *taps_KE[1:].shape, dtype=state_dtype(taps_KE))
        return RGLRUState(tail_BPE, tail_BPE.new_zeros(batch_size, taps_KE.shape[1]))

    def forward(
        self, x_BTD: Tensor, state: RGLRUState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, RGLRUState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        tail_BPE, h_BE = state or self.init_state(len(x_BTD))
        u_BTE, y_BTE = self.inputs(x_BTD).chunk(2, dim=-1)
        u_BTE, tail_BPE = causal_convolution(u_BTE, self.taps_KE, tail_BPE, reset_BT)
        decay_BTE, input_BTE = self._recurrence(u_BTE + self.taps_bias_E)
        h_BTE, h_BE = linear_scan(decay_BTE, input_BTE, h_BE, reset_BT)
        return self._read_out(h_BTE, y_BTE), RGLRUState(tail_BPE, h_BE)

    def step(self, x_BD: Tensor, state: RGLRUState) -> tuple[Tensor, RGLRUState]:
        """See `Mixer.step`."""
        u_BE, y_BE = self.inputs(x_BD).chunk(2, dim=-1)
        u_BE, tail_BPE = causal_convolution_step(u_BE, self.taps_KE, state.tail_BPE)
        decay_BE, input_BE = self._recurrence(u_BE + self.taps_bias_E)
        h_BE = decay_BE * state.h_BE + input_BE
        return self._read_out(h_BE, y_BE), RGLRUState(tail_BPE, h_BE)

    def decays(self, x_BTD: Tensor) -> Tensor:
        """See `runnel.mixer.Remembers`: a_t."""
        u_BTE, _ = self.inputs(x_BTD).chunk(2, dim=-1)
        tail_BPE = self.init_state(len(x_BTD)).tail_BPE
        u_BTE, _ = causal_convolution(u_BTE, self.taps_KE, tail_BPE)
        return self._recurrence(u_BTE + self.taps_bias_E)[0]

    def _recurrence(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The decay a and the input sqrt(1 - a²) i u, in the dtype of the states."""
        dtype = state_dtype(self.rate_E)
        blocks = u.unflatten(-1, (self.config.blocks, -1))
        gates = torch.einsum("...gw,gwv->...gv", blocks, self.gates_GWV) + self.gates_bias_GV
        r, i = (torch.sigmoid(g.flatten(-2).to(dtype)) for g in gates.chunk(2, dim=-1))
        log_decay = -_SHARPNESS * F.softplus(self.rate_E) * r
        # Above zero, where the root has a slope; it stays exact where the decay is near one.
        forgotten = (-torch.expm1(2 * log_decay)).clamp_min(torch.finfo(dtype).tiny)
        return log_decay.exp(), forgotten.sqrt() * i * u.to(dtype)

    def _read_out(self, h: Tensor, y: Tensor) -> Tensor:
        return self.output(h.to(y.dtype) * F.gelu(y, approximate="tanh"))
