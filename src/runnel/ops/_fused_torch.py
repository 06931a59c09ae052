"""The passes around a scan by plain torch operations: the definition, on any device."""

# B batch, T time, D width, K taps, P = K - 1 inputs before

import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.ops.convolution import causal_convolution

__all__ = ["causal_convolution", "gated_silu", "gelu", "gelu_again", "rms_norm", "squared_relu"]


def rms_norm(x: Tensor, weight_D: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) * weight over the last dimension."""
    return F.rms_norm(x, weight_D.shape, weight_D.to(x.dtype), eps)


def squared_relu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """relu(x + bias)²."""
    return F.relu(_biased(x, bias_D)).square()


def gated_silu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """silu(gate) * value, the halves of the last dimension of x + bias."""
    gate, value = _biased(x, bias_D).chunk(2, dim=-1)
    return torch.mul(F.silu(gate), value)


def gelu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """u Phi(u) for u = x + bias."""
    return F.gelu(_biased(x, bias_D))


def gelu_again(
    x: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """gelu(x + bias), and the gradients of x and of the bias."""
    with torch.enable_grad():
        leaves = [leaf.detach().requires_grad_() for leaf in (x, bias_D) if leaf is not None]
        y = gelu(*leaves)
    grads = torch.autograd.grad(y, leaves, grad_y)
    return y.detach(), grads[0], None if bias_D is None else grads[1]


def _biased(x: Tensor, bias_D: Tensor | None) -> Tensor:
    return x if bias_D is None else x + bias_D.to(x.dtype)
