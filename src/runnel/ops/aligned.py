"""A linear layer whose results begin at cache lines, row after row, whatever their width.

Vocabularies are seldom round numbers, 50,257 or 2,049 for instance, and MKL writes rows that begin
anywhere 1.3 to 1.6 times as slowly on a Zen 3: the product of a head, forward, in float32.
"""

# N rows, K inputs, V outputs

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.ops._operator import watched

_LINE = 64  # bytes


def linear(x: Tensor, weight_VK: Tensor, bias_V: Tensor | None = None) -> Tensor:
    """W x + b for x (..., K); float32 on a CPU in rows that begin at cache lines."""
    plain = x.dtype != torch.float32 or x.device.type != "cpu" or x.dim() < 2
    already = len(weight_VK) * x.itemsize % _LINE == 0
    seen = watched(x, weight_VK, bias_V) or torch.is_autocast_enabled("cpu")
    if plain or already or seen:
        return F.linear(x, weight_VK, bias_V)
    run = _Linear.apply if torch.is_grad_enabled() else _product
    out_NV: Tensor = run(x.flatten(0, -2), weight_VK, bias_V)
    return out_NV if x.dim() == 2 else out_NV.unflatten(0, x.shape[:-1])


def _product(x_NK: Tensor, weight_VK: Tensor, bias_V: Tensor | None) -> Tensor:
    rows, width = len(x_NK), len(weight_VK)
    in_line = _LINE // x_NK.itemsize
    pitch = -(-width // in_line) * in_line
    # Not a view of something wider: what comes out may be changed in place.
    out_NV = torch.empty_strided((rows, width), (pitch, 1), dtype=x_NK.dtype)
    if bias_V is None:
        return torch.mm(x_NK, weight_VK.T, out=out_NV)
    return torch.addmm(bias_V, x_NK, weight_VK.T, out=out_NV)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_NK: Tensor, weight_VK: Tensor, bias_V: Tensor | None) -> Tensor:
        ctx.save_for_backward(x_NK, weight_VK)
        return _product(x_NK, weight_VK, bias_V)

    @staticmethod
    def backward(ctx: Any, grad_NV: Tensor) -> tuple[Tensor | None, ...]:
        x_NK, weight_VK = ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        return (
            grad_NV @ weight_VK if wants_x else None,
            grad_NV.T @ x_NK if wants_weight else None,
            grad_NV.sum(0) if wants_bias else None,
        )
