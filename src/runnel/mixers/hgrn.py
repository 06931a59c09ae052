"""HGRN's gated recurrence with a complex or real state and lower bounds (Qin et al. 2023)."""

# B batch, T time, D model width, E inner width

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixer import Mixer, SharingMixerConfig, check_width, state_dtype
from runnel.ops import hgru_scan


@dataclass(frozen=True, kw_only=True)
class HGRNConfig(SharingMixerConfig):
    """HGRU, the token mixer of HGRN; every field but `dim` has a default."""

    name: ClassVar[str] = "hgrn"
    source: ClassVar[str] = "Qin et al. 2023, NeurIPS, arXiv 2311.04823"

    expansion: float = 1.0
    """number of state channels E as a multiple of dim"""
    state: Literal["complex", "real"] = "complex"
    """complex: each channel also turns by a learned angle every token"""
    order: Literal["gate-then-norm", "norm-then-gate"] = "gate-then-norm"
    """the paper's order, or that of the public CUDA code"""
    norm: Literal["layer", "rms"] = "layer"
    """LayerNorm as in the paper, or RMSNorm as in flash-linear-attention"""
    epsilon: float = 1e-5
    """what the norm adds to the variance or mean square"""

    def __post_init__(self) -> None:
        if self.dim < 1 or round(self.expansion * self.dim) < 1:
            raise ValueError(
                f"hgrn wants dim and expansion * dim of at least 1; got dim={self.dim}, "
                f"expansion={self.expansion}"
            )
        if self.epsilon < 0:
            raise ValueError(f"epsilon must be at least 0; got {self.epsilon}")

    def build(self) -> "HGRN":
        """Make one mixer on its own, with the first layer's lower bound: zero."""
        return HGRN(self, None)

    def build_layers(self, layers: int) -> tuple[list["HGRN"], "LowerBounds"]:  # type: ignore[override]
        """Make the mixers of a stack and the lower bounds that they share."""
        bounds = LowerBounds(layers, round(self.expansion * self.dim))
        return [HGRN(self, partial(bounds.of, k)) for k in range(layers)], bounds


class LowerBounds(nn.Module):
    """γ^k = sum of P_j for j < k, P = softmax of Γ over layers: rises with depth, from zero."""

    def __init__(self, layers: int, inner: int) -> None:
        super().__init__()
        self.logits_LE = nn.Parameter(torch.zeros(layers, inner))

    def of(self, layer: int) -> Tensor:
        """The lower bound (E,) of the layer of that index."""
        return torch.softmax(self.logits_LE, dim=0)[:layer].sum(0)


class HGRNState(NamedTuple):
    """The recurrence's value after the last token; R is 2 (real, imaginary) or 1."""

    h_BER: Tensor


class HGRN(Mixer[HGRNState]):
    """h_t = λ_t exp(iθ) h_{t-1} + (1 - λ_t) c_t, read out through a gate and a norm.

    λ_t = γ + (1 - γ) σ(W_μ x_t + b_μ); c_t = SiLU(W_cr x_t) + i SiLU(W_ci x_t).
    """

    def __init__(self, config: HGRNConfig, bound: Callable[[], Tensor] | None) -> None:
        super().__init__()
        self.config, self.bound = config, bound
        self.inner = round(config.expansion * config.dim)
        self.parts = 2 if config.state == "complex" else 1
        wide = self.parts * self.inner
        self.inputs = nn.Linear(config.dim, self.inner + 2 * wide)
        self.norm = (nn.LayerNorm if config.norm == "layer" else nn.RMSNorm)(wide, config.epsilon)
        self.output = nn.Linear(wide, config.dim)
        self.theta_E = None
        if config.state == "complex":
            self.theta_E = nn.Parameter(10000.0 ** (-2 * torch.arange(self.inner) / self.inner))

    def init_state(self, batch_size: int) -> HGRNState:
        """Zero."""
        weight = self.inputs.weight
        shape = (batch_size, self.inner, self.parts)
        return HGRNState(weight.new_zeros(shape, dtype=state_dtype(weight)))

    def forward(
        self, x_BTD: Tensor, state: HGRNState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, HGRNState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        h_BER = (state or self.init_state(len(x_BTD))).h_BER
        forget, candidate, gate = self.projected(x_BTD)
        states, h_BER = self.scan(forget, candidate, self.theta_E, h_BER, reset_BT)
        return self.read_out(states.to(gate.dtype), gate), HGRNState(h_BER)

    def step(self, x_BD: Tensor, state: HGRNState) -> tuple[Tensor, HGRNState]:
        """See `Mixer.step`."""
        forget, candidate, gate = self.projected(x_BD)
        h_BER = state.h_BER
        bound = self.lower_bound().to(h_BER.dtype)
        decay = bound + (1 - bound) * torch.sigmoid(forget.to(h_BER.dtype))
        added = (1 - decay).unsqueeze(-1) * candidate.to(h_BER.dtype).unflatten(
            -1, (self.parts, self.inner)
        ).transpose(-1, -2)
        turned = h_BER
        if self.theta_E is not None:
            cos, sin = torch.cos(self.theta_E), torch.sin(self.theta_E)
            real, imaginary = h_BER.unbind(-1)
            turned = torch.stack(
                [cos * real - sin * imaginary, sin * real + cos * imaginary], dim=-1
            )
        h_BER = decay.unsqueeze(-1) * turned + added
        flat = h_BER.transpose(-1, -2).flatten(-2).to(gate.dtype)
        return self.read_out(flat, gate), HGRNState(h_BER)

    def decays(self, x_BTD: Tensor) -> Tensor:
        """See `runnel.mixer.Remembers`: λ_t."""
        forget_BTE, _, _ = self.projected(x_BTD)
        bound_E = self.lower_bound()
        return bound_E + (1 - bound_E) * torch.sigmoid(forget_BTE)

    def projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The forget gate before its sigmoid, the candidate and the gate, real parts first."""
        wide = self.parts * self.inner
        forget, candidate, gate = self.inputs(x).split([self.inner, wide, wide], dim=-1)
        return forget, F.silu(candidate), F.silu(gate)

    def lower_bound(self) -> Tensor:
        """γ (E,) of this layer."""
        return self.inputs.weight.new_zeros(self.inner) if self.bound is None else self.bound()

    def scan(
        self,
        forget_BTE: Tensor,
        candidate_BTF: Tensor,
        theta_E: Tensor | None,
        h_BER: Tensor,
        reset_BT: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The recurrence: states (B, T, R E), real parts first, and the last one (B, E, R)."""
        if theta_E is None:
            bound_E, h_BE = self.lower_bound(), h_BER.squeeze(-1)
            states, last_BE = hgru_scan(forget_BTE, candidate_BTF, bound_E, None, h_BE, reset_BT)
            return states, last_BE.unsqueeze(-1)
        # Complex numbers need float32 parts at least; autocast's bfloat16 ends here.
        dtype = state_dtype(candidate_BTF)
        real, imaginary = candidate_BTF.to(dtype).chunk(2, dim=-1)
        states, last_BE = hgru_scan(
            forget_BTE.to(dtype),
            torch.complex(real, imaginary),
            self.lower_bound().to(dtype),
            theta_E.to(dtype),
            torch.view_as_complex(h_BER.contiguous()),
            reset_BT,
        )
        return torch.cat([states.real, states.imag], dim=-1), torch.view_as_real(last_BE)

    def read_out(self, h: Tensor, gate: Tensor) -> Tensor:
        """Gate, normalise (in the configured order) and project states (..., R E)."""
        if self.config.order == "gate-then-norm":
            return self.output(self.norm(gate * h))
        return self.output(self.norm(h) * gate)
