"""The elementwise passes around a scan, each one pass forward and one backward."""

# B batch, T time, D width, K taps, P = K - 1 inputs before

from types import ModuleType
from typing import cast

import torch
from torch import Tensor

from runnel.ops import _check, _fused_library, _fused_native, _fused_torch

BACKENDS: dict[str, ModuleType] = {"torch": _fused_torch, "native": _fused_native}
"""Every backend by name; each has the functions below."""

__all__ = [
    "BACKENDS",
    "causal_convolution",
    "gated_silu",
    "gelu",
    "gelu_again",
    "rms_norm",
    "squared_relu",
]


def causal_convolution(
    x_BTD: Tensor, weight_KD: Tensor, tail_BPD: Tensor, reset_BT: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y_t = sum over k of weight_k x_{t-k}, nothing crossing a reset; and the last K - 1 inputs.

    `tail_BPD` holds the P = K - 1 inputs before x, oldest first, zero where there were none; the
    second result is the tail for the next call in the same dtype, with what a reset cut off set to
    zero. Raises ValueError for shapes, dtypes or devices that do not fit.
    """
    op = "causal_convolution"
    _check.check_sequence(op, "x_BTD", x_BTD)
    _check.check_real(op, "x_BTD", x_BTD)
    B, T, D = x_BTD.shape
    taps = weight_KD.shape[0] if weight_KD.dim() else 0
    if taps < 1:
        raise ValueError(
            f"{op}: expected weight_KD of shape (K, {D}) with K >= 1; got "
            f"{tuple(weight_KD.shape)}; leave the convolution out instead"
        )
    _check.check_placed(op, "weight_KD", weight_KD, (taps, D), "x_BTD", x_BTD)
    _check.check_placed(op, "tail_BPD", tail_BPD, (B, taps - 1, D), "x_BTD and weight_KD", x_BTD)
    dtypes = (x_BTD.dtype, _check.accumulation_dtype(x_BTD.dtype))
    _check.check_one_of(op, "weight_KD", weight_KD, dtypes)
    _check.check_one_of(op, "tail_BPD", tail_BPD, dtypes)
    if reset_BT is not None:
        _check.check_placed(op, "reset_BT", reset_BT, (B, T), "x_BTD", x_BTD)
        _check.check_one_of(op, "reset_BT", reset_BT, (torch.bool,))
    run = _backend(x_BTD).causal_convolution
    return cast(tuple[Tensor, Tensor], run(x_BTD, weight_KD, tail_BPD, reset_BT))


def rms_norm(x: Tensor, weight_D: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) * weight over the last dimension (Zhang and Sennrich 2019).

    Raises ValueError for shapes, dtypes or devices that do not fit.
    """
    op = "rms_norm"
    _check_float(op, x)
    _check.check_placed(op, "weight_D", weight_D, tuple(x.shape[-1:]), "x", x)
    dtypes = (x.dtype, _check.accumulation_dtype(x.dtype))
    _check.check_one_of(op, "weight_D", weight_D, dtypes)
    return _backend(x).rms_norm(x, weight_D, eps)


def squared_relu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """relu(x + bias)² (So et al. 2021, Primer), any shape.

    A linear layer's bias is cheaper here, in a pass that is made anyway, than in the layer, as its
    gradient is. Raises ValueError for shapes, dtypes or devices that do not fit.
    """
    _check_float("squared_relu", x)
    _check_bias("squared_relu", bias_D, x)
    return _backend(x).squared_relu(x, bias_D)


def gated_silu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """silu(gate) * value (Shazeer 2020), the halves of the last dimension of x + bias.

    The bias as in `squared_relu`. Raises ValueError for shapes, dtypes or devices that do not fit.
    """
    _check_float("gated_silu", x)
    if x.shape[-1] % 2:
        raise ValueError(
            f"gated_silu: expected x of an even last dimension, a gate and a value; got "
            f"{tuple(x.shape)}; join the two along the last dimension"
        )
    _check_bias("gated_silu", bias_D, x)
    return _backend(x).gated_silu(x, bias_D)


def gelu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """u Phi(u) for u = x + bias (Hendrycks and Gimpel 2016, arXiv 1606.08415), any shape.

    Phi is the normal distribution's; the bias as in `squared_relu`. Raises ValueError for shapes,
    dtypes or devices that do not fit.
    """
    _check_float("gelu", x)
    _check_bias("gelu", bias_D, x)
    return _backend(x).gelu(x, bias_D)


def gelu_again(
    x: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """gelu(x + bias) and the gradients of x and of the bias: for who kept x alone."""
    _check_float("gelu_again", x)
    _check_bias("gelu_again", bias_D, x)
    _check.check_same("gelu_again", "grad_y", grad_y, "x", x)
    result = _backend(x).gelu_again(x, bias_D, grad_y)
    return cast(tuple[Tensor, Tensor, Tensor | None], result)


def _check_bias(op: str, bias_D: Tensor | None, x: Tensor) -> None:
    if bias_D is not None:
        _check.check_placed(op, "bias_D", bias_D, tuple(x.shape[-1:]), "x", x)
        dtypes = (x.dtype, _check.accumulation_dtype(x.dtype))
        _check.check_one_of(op, "bias_D", bias_D, dtypes)


def _check_float(op: str, x: Tensor) -> None:
    if x.dim() < 1 or not x.is_floating_point():
        raise ValueError(
            f"{op}: expected x of at least one dimension and a float dtype; got "
            f"{tuple(x.shape)} of {x.dtype}; reshape or convert it"
        )


def _backend(x: Tensor) -> ModuleType:
    # An exported program has to run where our library is not.
    native = x.device.type == "cpu" and _fused_library.supports(x.dtype)
    return BACKENDS["native" if native and not torch.compiler.is_exporting() else "torch"]
