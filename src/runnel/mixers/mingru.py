"""minGRU: a GRU whose gates see only the input (Feng et al. 2024, arXiv 2410.01201)."""

# B batch, T time, E inner width

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from runnel.blend import Blend, BlendConfig
from runnel.ops import mingru_scan


@dataclass(frozen=True, kw_only=True)
class MinGRUConfig(BlendConfig):
    """minGRU; every field but `dim` has a default."""

    name: ClassVar[str] = "mingru"
    source: ClassVar[str] = "Feng et al. 2024, arXiv 2410.01201"

    half_lives: tuple[float, float] | None = (1.0, 64.0)
    """memory half-lives (tokens) over which the gate biases are spread at the start; none: zero"""

    def __post_init__(self) -> None:
        self.check_sizes()
        if self.half_lives is not None and not 0 < self.half_lives[0] <= self.half_lives[1]:
            raise ValueError(f"half_lives wants 0 < shortest <= longest; got {self.half_lives}")

    def build(self) -> "MinGRU":
        """Make the mixer with fresh weights."""
        return MinGRU(self)


class MinGRU(Blend):
    """h_t = (1 - z_t) h_{t-1} + z_t c_t with z_t = σ(W_z x_t + b_z), c_t = g(W_h x_t + b_h)."""

    def __init__(self, config: MinGRUConfig) -> None:
        super().__init__(config, gates=1)
        with torch.no_grad():
            self.inputs.bias.zero_()
            if config.half_lives is not None:
                shortest, longest = map(torch.tensor, config.half_lives)
                half_life_E = torch.logspace(shortest.log2(), longest.log2(), self.inner, 2)
                self.inputs.bias[: self.inner] = torch.logit(1 - 0.5 ** (1 / half_life_E))

    def scan(
        self, parts: Sequence[Tensor], initial_BE: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See `Blend.scan`."""
        gate_BTE, candidate_BTE = parts
        return mingru_scan(gate_BTE, candidate_BTE, initial_BE, reset_BT)

    def share(self, gates: Sequence[Tensor]) -> Tensor:
        """z before its sigmoid."""
        return gates[0]
