"""minLSTM: forget and input gates that see only the input and sum to one (arXiv 2410.01201)."""

# B batch, T time, E inner width

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.blend import Blend, BlendConfig
from runnel.ops import minlstm_scan


@dataclass(frozen=True, kw_only=True)
class MinLSTMConfig(BlendConfig):
    """minLSTM; every field but `dim` has a default."""

    name: ClassVar[str] = "minlstm"
    source: ClassVar[str] = "Feng et al. 2024, arXiv 2410.01201"

    forget_bias: float = 1.0
    """the forget gate's bias at the start; larger remembers longer"""
    half_lives: tuple[float, float] | None = None
    """memory half-lives (tokens, at least 1) over which the input gate's biases are spread at the
    start; none: zero biases"""

    def __post_init__(self) -> None:
        self.check_sizes()
        if self.half_lives is not None and not 1 <= self.half_lives[0] <= self.half_lives[1]:
            raise ValueError(f"half_lives wants 1 <= shortest <= longest; got {self.half_lives}")

    def build(self) -> "MinLSTM":
        """Make the mixer with fresh weights."""
        return MinLSTM(self)


class MinLSTM(Blend):
    """h_t = f_t/(f_t+i_t) h_{t-1} + i_t/(f_t+i_t) c_t; f, i logistic, c_t = g(W_h x_t + b_h)."""

    def __init__(self, config: MinLSTMConfig) -> None:
        super().__init__(config, gates=2)
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

    def scan(
        self, parts: Sequence[Tensor], initial_BE: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See `Blend.scan`."""
        forget_BTE, input_BTE, candidate_BTE = parts
        return minlstm_scan(forget_BTE, input_BTE, candidate_BTE, initial_BE, reset_BT)

    def share(self, gates: Sequence[Tensor]) -> Tensor:
        """log i - log f, the logit of i/(f+i), which stays exact where both gates are near zero."""
        forget, input_ = gates
        return F.logsigmoid(input_) - F.logsigmoid(forget)
