"""The channel mixers: two layers with an activation between, or a gated linear unit."""

# D model width, F hidden width

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from runnel.ops.fused import gated_silu, squared_relu

Kind = Literal["gelu", "gelu-tanh", "squared-relu", "gated", "gated-gelu"]


def _gated_gelu(u: Tensor) -> Tensor:
    gate, value = u.chunk(2, dim=-1)
    return F.gelu(gate) * value


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu-tanh": partial(F.gelu, approximate="tanh"),
    "squared-relu": squared_relu,
    "gated": gated_silu,
    "gated-gelu": _gated_gelu,
}


class FeedForward(nn.Module):
    """W_2 a(W_1 x), or W_2 (a(W_g x) W_1 x) for the gated kinds, a being SiLU or GELU."""

    def __init__(self, dim: int, hidden: int, kind: Kind) -> None:
        super().__init__()
        self.kind, self.activation = kind, _ACTIVATIONS[kind]
        self.inputs = nn.Linear(dim, 2 * hidden if kind.startswith("gated") else hidden)
        self.output = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D), each position on its own."""
        u = self.inputs(x)
        # squared_relu keeps its result alone, of which it makes its own gradient.
        keeps_twice = self.kind != "squared-relu" and torch.is_grad_enabled()
        if not keeps_twice or type(self.output) is not nn.Linear or torch.compiler.is_compiling():
            return self.output(self.activation(u))
        return _ActivatedLinear.apply(u, self.output.weight, self.output.bias, self.activation)  # type: ignore[no-untyped-call]


class _ActivatedLinear(torch.autograd.Function):
    """W a(u) + b that keeps u for the backward pass and makes a(u) again there, in one pass."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, weight: Tensor, bias: Tensor, activation: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.save_for_backward(u, weight)
        ctx.activation = activation
        return F.linear(activation(u), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        u, weight = ctx.saved_tensors
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            a = ctx.activation(u)
        (grad_u,) = torch.autograd.grad(a, u, grad @ weight.to(grad.dtype))
        grad_NE, a_NF = grad.reshape(-1, grad.shape[-1]), a.detach().reshape(-1, a.shape[-1])
        grad_weight = (grad_NE.T @ a_NF).to(weight.dtype)
        return grad_u, grad_weight, grad_NE.sum(0).to(weight.dtype), None
