"""The passes around a scan by plain torch operations: the definition, on any device."""

# B batch, T time, D width, K taps, P = K - 1 inputs before

import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.ops.convolution import causal_convolution

__all__ = ["causal_convolution", "gated_silu", "rms_norm", "squared_relu"]


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


def _biased(x: Tensor, bias_D: Tensor | None) -> Tensor:
    return x if bias_D is None else x + bias_D.to(x.dtype)
