"""The channel mixers: two layers with an activation between, or a gated linear unit."""

# D model width, F hidden width

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Kind = Literal["gelu", "squared-relu", "gated"]


def squared_relu(x: Tensor) -> Tensor:
    """relu(x)² (So et al. 2021, Primer)."""
    return F.relu(x).square()


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "squared-relu": squared_relu}


class FeedForward(nn.Module):
    """W_2 a(W_1 x), or W_2 (SiLU(W_g x) W_1 x) for kind `gated`."""

    def __init__(self, dim: int, hidden: int, kind: Kind) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS.get(kind)
        self.inputs = nn.Linear(dim, hidden if self.activation else 2 * hidden)
        self.output = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D), each position on its own."""
        if self.activation is not None:
            return self.output(self.activation(self.inputs(x)))
        gate, value = self.inputs(x).chunk(2, dim=-1)
        return self.output(torch.mul(F.silu(gate), value))
