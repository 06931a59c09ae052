"""The channel mixers: two layers with an activation between, or a gated linear unit."""

# D model width, F hidden width

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from runnel.ops.fused import gated_silu, gelu, gelu_again, squared_relu

Kind = Literal["gelu", "gelu-tanh", "squared-relu", "gated", "gated-gelu"]


def _gated_gelu(u: Tensor) -> Tensor:
    gate, value = u.chunk(2, dim=-1)
    return F.gelu(gate) * value


_ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "gelu": gelu,
    "squared-relu": squared_relu,
    "gated": gated_silu,
    "gelu-tanh": partial(F.gelu, approximate="tanh"),
    "gated-gelu": _gated_gelu,
}
_ADD_BIAS = {"gelu", "squared-relu", "gated"}
"""those that can add the bias of the layer before them"""


class FeedForward(nn.Module):
    """W_2 a(W_1 x), or W_2 (a(W_g x) W_1 x) for the gated kinds, a being SiLU or GELU."""

    def __init__(self, dim: int, hidden: int, kind: Kind) -> None:
        super().__init__()
        self.kind, self.activation = kind, _ACTIVATIONS[kind]
        self.inputs = nn.Linear(dim, 2 * hidden if kind.startswith("gated") else hidden)
        self.output = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D), each position on its own."""
        u = self._hidden(x)
        # squared_relu keeps its result alone, of which it makes its own gradient.
        keeps_twice = self.kind != "squared-relu" and torch.is_grad_enabled()
        if not keeps_twice or type(self.output) is not nn.Linear or torch.compiler.is_compiling():
            return self.output(self.activation(*u))
        return _ActivatedLinear.apply(self.activation, self.output.weight, self.output.bias, *u)  # type: ignore[no-untyped-call]

    def _hidden(self, x: Tensor) -> tuple[Tensor, ...]:
        """W_1 x + b_1, on a CPU in two parts where one pass adds the bias and sums its gradient."""
        plain = type(self.inputs) is nn.Linear and self.inputs.bias is not None
        if plain and self.kind in _ADD_BIAS and x.device.type == "cpu":
            return F.linear(x, self.inputs.weight), self.inputs.bias
        return (self.inputs(x),)


class _ActivatedLinear(torch.autograd.Function):
    """W a(u) + b that keeps u for the backward pass and makes a(u) again there, in one pass."""

    @staticmethod
    def forward(
        ctx: Any, activation: Callable[..., Tensor], weight: Tensor, bias: Tensor, *u: Tensor
    ) -> Tensor:
        ctx.save_for_backward(weight, *u)
        ctx.activation = activation
        return F.linear(activation(*u), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, *u = ctx.saved_tensors
        a, *grad_u = _again(ctx.activation, u, grad @ weight.to(grad.dtype))
        grad_NE, a_NF = grad.reshape(-1, grad.shape[-1]), a.reshape(-1, a.shape[-1])
        grad_weight = (grad_NE.T @ a_NF).to(weight.dtype)
        return None, grad_weight, grad_NE.sum(0).to(weight.dtype), *grad_u


def _again(
    activation: Callable[..., Tensor], u: Sequence[Tensor], grad: Tensor
) -> tuple[Tensor, ...]:
    """a(u), and the gradients of all that u consists of."""
    if activation is gelu:
        bias = u[1] if len(u) > 1 else None
        a, *grads = gelu_again(u[0], bias, grad)
        return a, *(g for g in grads if g is not None)
    with torch.enable_grad():
        leaves = [part.detach().requires_grad_() for part in u]
        a = activation(*leaves)
    return a.detach(), *torch.autograd.grad(a, leaves, grad)
