"""The passes around a scan by the native CPU library, as torch custom ops with gradients.

The gradients come from hand-written kernels that are not themselves differentiable: a second
backward raises. Differentiate twice with `_fused_torch` instead.
"""

# B batch, T time, D width, K taps, P = K - 1 inputs before

from typing import Any, overload

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from runnel.ops import _fused_library
from runnel.ops._check import accumulation_dtype
from runnel.ops._fused_library import Kind


@overload
def _accumulating(x: Tensor) -> Tensor: ...
@overload
def _accumulating(x: Tensor | None) -> Tensor | None: ...
def _accumulating(x: Tensor | None) -> Tensor | None:
    """Contiguous and in the dtype of accumulation."""
    return None if x is None else x.to(accumulation_dtype(x.dtype)).contiguous()


def _contiguous(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.contiguous()


def _watched(x: Tensor) -> bool:
    """Whether somebody has to see an operator: a gradient, a compiler, a mode, a kind of tensor.

    Otherwise a call of the kernel itself takes a third of the time, which one token notices.
    """
    return (
        torch.is_grad_enabled()
        or type(x) is not Tensor
        or torch.compiler.is_compiling()
        or is_in_torch_dispatch_mode()
    )


# The convolution.


def _convolution_kernel(
    x_BTD: Tensor, weight_KD: Tensor, tail_BPD: Tensor, reset_BT: Tensor | None
) -> tuple[Tensor, Tensor]:
    x_BTD, tail = x_BTD.contiguous(), _accumulating(tail_BPD)
    y_BTD, after = torch.empty_like(x_BTD), torch.empty_like(tail)
    weight_KD, reset_BT = _accumulating(weight_KD), _contiguous(reset_BT)
    _fused_library.convolution(False, x_BTD, weight_KD, tail, reset_BT, y_BTD, after)
    return y_BTD, after.to(tail_BPD.dtype)


_convolution = torch.library.custom_op(
    "runnel::causal_convolution", _convolution_kernel, mutates_args=(), device_types="cpu"
)


@_convolution.register_fake
def _(
    x_BTD: Tensor, weight_KD: Tensor, tail_BPD: Tensor, reset_BT: Tensor | None
) -> tuple[Tensor, Tensor]:
    return x_BTD.new_empty(x_BTD.shape), tail_BPD.new_empty(tail_BPD.shape)


@torch.library.custom_op("runnel::causal_convolution_backward", mutates_args=(), device_types="cpu")
def _convolution_backward(
    x_BTD: Tensor,
    weight_KD: Tensor,
    tail_BPD: Tensor,
    reset_BT: Tensor | None,
    grad_y: Tensor | None,
    grad_after: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    x_BTD, weight, tail = x_BTD.contiguous(), _accumulating(weight_KD), _accumulating(tail_BPD)
    grads = torch.empty_like(x_BTD), torch.empty_like(weight), torch.empty_like(tail)
    grad_after = None if grad_after is None else _accumulating(grad_after)
    given = _contiguous(reset_BT), None, None, _contiguous(grad_y), grad_after
    _fused_library.convolution(True, x_BTD, weight, tail, *given, *grads)
    return grads[0], grads[1].to(weight_KD.dtype), grads[2].to(tail_BPD.dtype)


@_convolution_backward.register_fake
def _(
    x_BTD: Tensor,
    weight_KD: Tensor,
    tail_BPD: Tensor,
    reset_BT: Tensor | None,
    grad_y: Tensor | None,
    grad_after: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        x_BTD.new_empty(x_BTD.shape),
        weight_KD.new_empty(weight_KD.shape),
        tail_BPD.new_empty(tail_BPD.shape),
    )


def _remember_convolution(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs)
    ctx.set_materialize_grads(False)


def _differentiate_convolution(
    ctx: Any, grad_y: Tensor | None, grad_after: Tensor | None
) -> tuple[Tensor | None, ...]:
    if grad_y is None and grad_after is None:
        return None, None, None, None
    return *_convolution_backward(*ctx.saved_tensors, grad_y, grad_after), None


_convolution.register_autograd(_differentiate_convolution, setup_context=_remember_convolution)


def causal_convolution(
    x_BTD: Tensor, weight_KD: Tensor, tail_BPD: Tensor, reset_BT: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y_t = sum over k of weight_k x_{t-k}, and the last K - 1 inputs."""
    run = _convolution if _watched(x_BTD) else _convolution_kernel
    return run(x_BTD, weight_KD, tail_BPD, reset_BT)


# The norm. Its second result is 1 / sqrt(mean(x²) + eps) of each row.


def _norm_kernel(x: Tensor, weight_D: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    x, weight_D = x.contiguous(), _accumulating(weight_D)
    y, inverse = torch.empty_like(x), weight_D.new_empty(x.shape[:-1])
    _fused_library.norm(False, eps, x, weight_D, y, inverse)
    return y, inverse


_norm = torch.library.custom_op(
    "runnel::rms_norm", _norm_kernel, mutates_args=(), device_types="cpu"
)


@_norm.register_fake
def _(x: Tensor, weight_D: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    dtype = accumulation_dtype(x.dtype)
    return x.new_empty(x.shape), x.new_empty(x.shape[:-1], dtype=dtype)


@torch.library.custom_op("runnel::rms_norm_backward", mutates_args=(), device_types="cpu")
def _norm_backward(
    x: Tensor, weight_D: Tensor, inverse: Tensor, grad_y: Tensor
) -> tuple[Tensor, Tensor]:
    x, weight = x.contiguous(), _accumulating(weight_D)
    grad_x, grad_weight = torch.empty_like(x), torch.empty_like(weight)
    given = weight, None, inverse.contiguous(), grad_y.contiguous()
    _fused_library.norm(True, 0.0, x, *given, grad_x, grad_weight)
    return grad_x, grad_weight.to(weight_D.dtype)


@_norm_backward.register_fake
def _(x: Tensor, weight_D: Tensor, inverse: Tensor, grad_y: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), weight_D.new_empty(weight_D.shape)


def _remember_norm(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:2], output[1])
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)


def _differentiate_norm(
    ctx: Any, grad_y: Tensor | None, _grad_inverse: Tensor | None
) -> tuple[Tensor | None, ...]:
    if grad_y is None:
        return None, None, None
    return *_norm_backward(*ctx.saved_tensors, grad_y), None


_norm.register_autograd(_differentiate_norm, setup_context=_remember_norm)


def rms_norm(x: Tensor, weight_D: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) * weight over the last dimension."""
    return (_norm if _watched(x) else _norm_kernel)(x, weight_D, eps)[0]


# The activations. The squared ReLU keeps its result, which the next layer keeps as well, and not
# its input: the root of relu(u)² is relu(u).


def _squared_relu_kernel(x: Tensor, bias_D: Tensor | None) -> Tensor:
    x = x.contiguous()
    y = torch.empty_like(x)
    _fused_library.activation(False, Kind.SQUARED_RELU, y, x, _accumulating(bias_D), y)
    return y


_squared_relu = torch.library.custom_op(
    "runnel::squared_relu", _squared_relu_kernel, mutates_args=(), device_types="cpu"
)


def _fake_like(x: Tensor, bias_D: Tensor | None) -> Tensor:
    return x.new_empty(x.shape)


_squared_relu.register_fake(_fake_like)


@torch.library.custom_op("runnel::squared_relu_backward", mutates_args=(), device_types="cpu")
def _squared_relu_backward(
    y: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor]:
    y = y.contiguous()
    grad_x, bias = torch.empty_like(y), _accumulating(bias_D)
    grad_bias = y.new_empty(0) if bias is None else torch.empty_like(bias)
    given = None, bias, y, grad_y.contiguous()
    _fused_library.activation(True, Kind.SQUARED_RELU, y, *given, grad_x, grad_bias)
    return grad_x, grad_bias if bias_D is None else grad_bias.to(bias_D.dtype)


@_squared_relu_backward.register_fake
def _(y: Tensor, bias_D: Tensor | None, grad_y: Tensor) -> tuple[Tensor, Tensor]:
    grad_bias = y.new_empty(0) if bias_D is None else bias_D.new_empty(bias_D.shape)
    return y.new_empty(y.shape), grad_bias


def _remember_result(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(output, inputs[1])


def _differentiate_squared_relu(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor | None]:
    y, bias_D = ctx.saved_tensors
    grad_x, grad_bias = _squared_relu_backward(y, bias_D, grad_y)
    return grad_x, None if bias_D is None else grad_bias


_squared_relu.register_autograd(_differentiate_squared_relu, setup_context=_remember_result)


def squared_relu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """relu(x + bias)²."""
    return (_squared_relu if _watched(x) else _squared_relu_kernel)(x, bias_D)


def _gated_silu_kernel(x: Tensor, bias_D: Tensor | None) -> Tensor:
    x = x.contiguous()
    y = x.new_empty(*x.shape[:-1], x.shape[-1] // 2)
    _fused_library.activation(False, Kind.GATED_SILU, y, x, _accumulating(bias_D), y)
    return y


_gated_silu = torch.library.custom_op(
    "runnel::gated_silu", _gated_silu_kernel, mutates_args=(), device_types="cpu"
)


@_gated_silu.register_fake
def _(x: Tensor, bias_D: Tensor | None) -> Tensor:
    return x.new_empty(*x.shape[:-1], x.shape[-1] // 2)


@torch.library.custom_op("runnel::gated_silu_backward", mutates_args=(), device_types="cpu")
def _gated_silu_backward(x: Tensor, bias_D: Tensor | None, grad_y: Tensor) -> tuple[Tensor, Tensor]:
    x, grad_y = x.contiguous(), grad_y.contiguous()
    grad_x, bias = torch.empty_like(x), _accumulating(bias_D)
    grad_bias = x.new_empty(0) if bias is None else torch.empty_like(bias)
    given = x, bias, None, grad_y
    _fused_library.activation(True, Kind.GATED_SILU, grad_y, *given, grad_x, grad_bias)
    return grad_x, grad_bias if bias_D is None else grad_bias.to(bias_D.dtype)


@_gated_silu_backward.register_fake
def _(x: Tensor, bias_D: Tensor | None, grad_y: Tensor) -> tuple[Tensor, Tensor]:
    grad_bias = x.new_empty(0) if bias_D is None else bias_D.new_empty(bias_D.shape)
    return x.new_empty(x.shape), grad_bias


def _remember_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _differentiate_gated_silu(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor | None]:
    x, bias_D = ctx.saved_tensors
    grad_x, grad_bias = _gated_silu_backward(x, bias_D, grad_y)
    return grad_x, None if bias_D is None else grad_bias


_gated_silu.register_autograd(_differentiate_gated_silu, setup_context=_remember_inputs)


def gated_silu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """silu(gate) * value, the halves of the last dimension of x + bias."""
    return (_gated_silu if _watched(x) else _gated_silu_kernel)(x, bias_D)


# GELU keeps its input and makes its result again: it is as large, and the next layer may want it.


def _gelu_kernel(x: Tensor, bias_D: Tensor | None) -> Tensor:
    x = x.contiguous()
    y = torch.empty_like(x)
    _fused_library.activation(False, Kind.GELU, y, x, _accumulating(bias_D), y)
    return y


_gelu = torch.library.custom_op("runnel::gelu", _gelu_kernel, mutates_args=(), device_types="cpu")


_gelu.register_fake(_fake_like)


@torch.library.custom_op("runnel::gelu_backward", mutates_args=(), device_types="cpu")
def _gelu_backward(
    x: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    x, bias = x.contiguous(), _accumulating(bias_D)
    y, grad_x = torch.empty_like(x), torch.empty_like(x)
    grad_bias = x.new_empty(0) if bias is None else torch.empty_like(bias)
    given = bias, y, grad_y.contiguous(), grad_x, grad_bias
    _fused_library.activation(True, Kind.GELU, y, x, *given)
    return y, grad_x, grad_bias if bias_D is None else grad_bias.to(bias_D.dtype)


@_gelu_backward.register_fake
def _(x: Tensor, bias_D: Tensor | None, grad_y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    grad_bias = x.new_empty(0) if bias_D is None else bias_D.new_empty(bias_D.shape)
    return x.new_empty(x.shape), x.new_empty(x.shape), grad_bias


def _differentiate_gelu(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor | None]:
    x, bias_D = ctx.saved_tensors
    return gelu_again(x, bias_D, grad_y)[1:]


_gelu.register_autograd(_differentiate_gelu, setup_context=_remember_inputs)


def gelu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """u Phi(u) for u = x + bias."""
    return (_gelu if _watched(x) else _gelu_kernel)(x, bias_D)


def gelu_again(
    x: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """gelu(x + bias), and the gradients of x and of the bias, in one pass."""
    y, grad_x, grad_bias = _gelu_backward(x, bias_D, grad_y)
    return y, grad_x, None if bias_D is None else grad_bias
