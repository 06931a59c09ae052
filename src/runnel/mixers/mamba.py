"""Mamba-1: a selective state space, its diagonal recurrence on our scan (Gu and Dao 2023)."""

# B batch, T time, D model width, E inner width, N states a channel, R rank of the time step

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype
from runnel.ops import linear_scan
from runnel.ops.convolution import causal_convolution_step
from runnel.ops.fused import causal_convolution

_PIECE = 64  # tokens whose E x N states exist at one time


@dataclass(frozen=True, kw_only=True)
class MambaConfig(MixerConfig):
    """Mamba-1; every field but `dim` has a default."""

    name: ClassVar[str] = "mamba"
    source: ClassVar[str] = "Gu and Dao 2023, arXiv 2312.00752"

    states: int = 16
    """states N of each channel"""
    expansion: float = 2.0
    """inner width E as a multiple of dim"""
    convolution: int = 4
    """taps of the causal depthwise convolution before the state space"""
    rank: int = 0
    """rank R of the time step's projection; 0: dim / 16, rounded up"""
    steps: tuple[float, float] = (1e-3, 1e-1)
    """the smallest and largest time step at the start; they are spread evenly in the logarithm"""

    def __post_init__(self) -> None:
        if min(self.dim, self.inner, self.states, self.convolution) < 1 or self.rank < 0:
            raise ValueError(
                "mamba wants dim, expansion * dim, states and convolution of at least 1 and rank "
                f"of at least 0; got dim={self.dim}, expansion={self.expansion}, "
                f"states={self.states}, convolution={self.convolution}, rank={self.rank}"
            )
        if not 0 < self.steps[0] <= self.steps[1]:
            raise ValueError(f"steps wants 0 < smallest <= largest; got {self.steps}")

    @property
    def inner(self) -> int:
        """Channels E."""
        return round(self.expansion * self.dim)

    def build(self) -> "Mamba":
        """Make the mixer with fresh weights."""
        return Mamba(self)


class MambaState(NamedTuple):
    """The inputs that the convolution still needs, and the N states of each channel."""

    tail_BPE: Tensor
    h_BEN: Tensor


class Mamba(Mixer[MambaState]):
    """h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t; y_t = (C_t h_t + D u_t) SiLU(z_t); then W_o y_t.

    [u, z] = W_in x with u through a convolution and SiLU; Δ_t = softplus(W_Δ R_t + b_Δ) and
    [R, B, C]_t = W_s u_t, so that step, input and output depend on the token (section 3.2).
    """

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.config = config
        E, N = config.inner, config.states
        self.rank = config.rank or math.ceil(config.dim / 16)
        self.inputs = nn.Linear(config.dim, 2 * E, bias=False)
        self.taps_KE = nn.Parameter(torch.empty(config.convolution, E))
        self.taps_bias_E = nn.Parameter(torch.zeros(E))
        self.selection = nn.Linear(E, self.rank + 2 * N, bias=False)
        self.time_step = nn.Linear(self.rank, E)
        self.log_rate_EN = nn.Parameter(torch.arange(1.0, N + 1).log().repeat(E, 1))
        self.skip_E = nn.Parameter(torch.ones(E))
        self.output = nn.Linear(E, config.dim, bias=False)
        self._initialise()

    def init_state(self, batch_size: int) -> MambaState:
        """Zero."""
        rate_EN, dtype = self.log_rate_EN, state_dtype(self.log_rate_EN)
        tail = rate_EN.new_zeros(batch_size, len(self.taps_KE) - 1, len(rate_EN), dtype=dtype)
        return MambaState(tail, rate_EN.new_zeros(batch_size, *rate_EN.shape, dtype=dtype))

    def forward(
        self, x_BTD: Tensor, state: MambaState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, MambaState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        tail_BPE, h_BEN = state or self.init_state(len(x_BTD))
        u_BTE, z_BTE = self.inputs(x_BTD).chunk(2, dim=-1)
        u_BTE, tail_BPE = causal_convolution(u_BTE, self.taps_KE, tail_BPE, reset_BT)
        u_BTE = F.silu(u_BTE + self.taps_bias_E)
        y_BTE, h_BEN = self._scan(u_BTE, *self._selected(u_BTE), h_BEN, reset_BT)
        return self.output(y_BTE.to(z_BTE.dtype) * F.silu(z_BTE)), MambaState(tail_BPE, h_BEN)

    def step(self, x_BD: Tensor, state: MambaState) -> tuple[Tensor, MambaState]:
        """See `Mixer.step`."""
        u_BE, z_BE = self.inputs(x_BD).chunk(2, dim=-1)
        u_BE, tail_BPE = causal_convolution_step(u_BE, self.taps_KE, state.tail_BPE)
        u_BE = F.silu(u_BE + self.taps_bias_E)
        step_BE, b_BN, c_BN = self._selected(u_BE)
        u_BE = u_BE.to(step_BE.dtype)
        kept_BEN = torch.exp(step_BE.unsqueeze(-1) * -self.log_rate_EN.exp()) * state.h_BEN
        h_BEN = kept_BEN + (step_BE * u_BE).unsqueeze(-1) * b_BN.unsqueeze(1)
        y_BE = (h_BEN * c_BN.unsqueeze(1)).sum(-1) + self.skip_E * u_BE
        return self.output(y_BE.to(z_BE.dtype) * F.silu(z_BE)), MambaState(tail_BPE, h_BEN)

    def decays(self, x_BTD: Tensor) -> Tensor:
        """See `runnel.mixer.Remembers`: exp(Δ_t A), a channel for each of the E x N states."""
        state = self.init_state(len(x_BTD))
        u_BTE, _ = self.inputs(x_BTD).chunk(2, dim=-1)
        u_BTE, _ = causal_convolution(u_BTE, self.taps_KE, state.tail_BPE)
        step_BTE, _, _ = self._selected(F.silu(u_BTE + self.taps_bias_E))
        return torch.exp(step_BTE.unsqueeze(-1) * -self.log_rate_EN.exp()).flatten(2)

    def _selected(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The time step Δ and the vectors B and C, in the dtype of the states."""
        N = self.config.states
        low, b, c = self.selection(u).split([self.rank, N, N], dim=-1)
        dtype = state_dtype(self.log_rate_EN)
        step = F.softplus(self.time_step(low).to(dtype))
        return step, b.to(dtype), c.to(dtype)

    def _scan(
        self,
        u_BTE: Tensor,
        step_BTE: Tensor,
        b_BTN: Tensor,
        c_BTN: Tensor,
        h_BEN: Tensor,
        reset_BT: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Piece by piece: what has E x N numbers a token is made, used and made again backward."""
        whole = (u_BTE.to(step_BTE.dtype), step_BTE, b_BTN, c_BTN)
        pieces = [x.split(_PIECE, dim=1) for x in whole]
        resets = [None] * len(pieces[0]) if reset_BT is None else reset_BT.split(_PIECE, dim=1)
        outputs = []
        for u, step, b, c, reset in zip(*pieces, resets, strict=True):
            piece = (u, step, b, c, reset, h_BEN)
            if torch.is_grad_enabled():
                y_BTE, h_BEN = checkpoint(
                    self._scan_piece, *piece, use_reentrant=False, preserve_rng_state=False
                )
            else:
                y_BTE, h_BEN = self._scan_piece(*piece)
            outputs.append(y_BTE)
        return torch.cat(outputs, dim=1), h_BEN

    def _scan_piece(
        self,
        u_BTE: Tensor,
        step_BTE: Tensor,
        b_BTN: Tensor,
        c_BTN: Tensor,
        reset_BT: Tensor | None,
        h_BEN: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The outputs before their gate, and the states after the piece."""
        decay_BTEN = torch.exp(step_BTE.unsqueeze(-1) * -self.log_rate_EN.exp())
        input_BTEN = (step_BTE * u_BTE).unsqueeze(-1) * b_BTN.unsqueeze(2)
        h_BTF, last_BF = linear_scan(
            decay_BTEN.flatten(2), input_BTEN.flatten(2), h_BEN.flatten(1), reset_BT
        )
        y_BTE = (h_BTF.view_as(input_BTEN) @ c_BTN.unsqueeze(-1)).squeeze(-1)
        return y_BTE + self.skip_E * u_BTE, last_BF.view_as(h_BEN)

    def _initialise(self) -> None:
        """The time steps spread over `steps`; the rest as torch's own layers begin."""
        low, high = map(math.log, self.config.steps)
        with torch.no_grad():
            nn.init.uniform_(self.taps_KE, -1, 1).mul_(len(self.taps_KE) ** -0.5)
            nn.init.uniform_(self.time_step.weight, -1, 1).mul_(self.rank**-0.5)
            step_E = torch.empty(self.config.inner).uniform_(low, high).exp()
            self.time_step.bias.copy_(step_E + torch.log(-torch.expm1(-step_E)))
