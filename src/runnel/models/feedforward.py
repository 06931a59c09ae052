"""The channel mixers: two layers with an activation between, or a gated linear unit."""

# D model width, F hidden width

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from runnel.ops.fused import gated_silu, squared_relu

Kind = Literal["gelu", "gelu-tanh", "squared-relu", "gated"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu-tanh": partial(F.gelu, approximate="tanh"),
    "squared-relu": squared_relu,
    "gated": gated_silu,
}


class FeedForward(nn.Module):
    """W_2 a(W_1 x), or W_2 (SiLU(W_g x) W_1 x) for kind `gated`."""

    def __init__(self, dim: int, hidden: int, kind: Kind) -> None:
        super().__init__()
        self.kind, self.activation = kind, _ACTIVATIONS[kind]
        self.inputs = nn.Linear(dim, 2 * hidden if kind == "gated" else hidden)
        self.output = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D), each position on its own."""
        return self.output(self.activation(self.inputs(x)))
