"""The passes around a scan by the native CPU library, as torch custom ops with gradients.

Differentiate twice with `_fused_torch` instead.
"""

# B batch, T time, D width, K taps, P = K - 1 inputs before

from collections.abc import Callable
from typing import Any, cast, overload

import torch
from torch import Tensor

from runnel.ops import _fused_library, _operator
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


# The convolution.


def _convolution_kernel(
    x_BTD: Tensor, weight_KD: Tensor, tail_BPD: Tensor, reset_BT: Tensor | None
) -> tuple[Tensor, Tensor]:
    x_BTD, tail = x_BTD.contiguous(), _accumulating(tail_BPD)
    y_BTD, after = torch.empty_like(x_BTD), torch.empty_like(tail)
    weight_KD, reset_BT = _accumulating(weight_KD), _contiguous(reset_BT)
    _fused_library.convolution(False, x_BTD, weight_KD, tail, reset_BT, y_BTD, after)
    return y_BTD, after.to(tail_BPD.dtype)


def _fake_convolution(
    x_BTD: Tensor, weight_KD: Tensor, tail_BPD: Tensor, reset_BT: Tensor | None
) -> tuple[Tensor, Tensor]:
    return x_BTD.new_empty(x_BTD.shape), tail_BPD.new_empty(tail_BPD.shape)


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


def _fake_convolution_backward(
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


def _remember_inputs(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    ctx.save_for_backward(*inputs)


def _differentiate_convolution(
    gradients: Callable[..., tuple[Tensor, ...]],
    ctx: Any,
    grad_y: Tensor | None,
    grad_after: Tensor | None,
) -> tuple[Tensor | None, ...]:
    if grad_y is None and grad_after is None:
        return None, None, None, None
    return *gradients(*ctx.saved_tensors, grad_y, grad_after), None


_convolution = _operator.define(
    "runnel::causal_convolution",
    _convolution_kernel,
    _convolution_backward,
    fakes=(_fake_convolution, _fake_convolution_backward),
    remember=_remember_inputs,
    differentiate=_differentiate_convolution,
    device_types="cpu",
)


def causal_convolution(
    x_BTD: Tensor, weight_KD: Tensor, tail_BPD: Tensor, reset_BT: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y_t = sum over k of weight_k x_{t-k}, and the last K - 1 inputs."""
    results = _convolution.run(x_BTD, weight_KD, tail_BPD, reset_BT)
    return cast(tuple[Tensor, Tensor], results)


# The norm. Its second result is 1 / sqrt(mean(x²) + eps) of each row.


def _norm_kernel(x: Tensor, weight_D: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    x, weight_D = x.contiguous(), _accumulating(weight_D)
    y, inverse = torch.empty_like(x), weight_D.new_empty(x.shape[:-1])
    _fused_library.norm(False, eps, x, weight_D, y, inverse)
    return y, inverse


def _fake_norm(x: Tensor, weight_D: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    dtype = accumulation_dtype(x.dtype)
    return x.new_empty(x.shape), x.new_empty(x.shape[:-1], dtype=dtype)


def _norm_backward(
    x: Tensor, weight_D: Tensor, inverse: Tensor, grad_y: Tensor
) -> tuple[Tensor, Tensor]:
    x, weight = x.contiguous(), _accumulating(weight_D)
    grad_x, grad_weight = torch.empty_like(x), torch.empty_like(weight)
    given = weight, None, inverse.contiguous(), grad_y.contiguous()
    _fused_library.norm(True, 0.0, x, *given, grad_x, grad_weight)
    return grad_x, grad_weight.to(weight_D.dtype)


def _fake_norm_backward(
    x: Tensor, weight_D: Tensor, inverse: Tensor, grad_y: Tensor
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), weight_D.new_empty(weight_D.shape)


def _remember_norm(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:2], output[1])
    ctx.mark_non_differentiable(output[1])


def _differentiate_norm(
    gradients: Callable[..., tuple[Tensor, ...]],
    ctx: Any,
    grad_y: Tensor | None,
    _grad_inverse: Tensor | None,
) -> tuple[Tensor | None, ...]:
    if grad_y is None:
        return None, None, None
    return *gradients(*ctx.saved_tensors, grad_y), None


_norm = _operator.define(
    "runnel::rms_norm",
    _norm_kernel,
    _norm_backward,
    fakes=(_fake_norm, _fake_norm_backward),
    remember=_remember_norm,
    differentiate=_differentiate_norm,
    device_types="cpu",
)


def rms_norm(x: Tensor, weight_D: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) * weight over the last dimension."""
    return cast(tuple[Tensor, Tensor], _norm.run(x, weight_D, eps))[0]


# The activations. The squared ReLU keeps its result, which the next layer keeps as well, and not
# its input: the root of relu(u)² is relu(u).


def _squared_relu_kernel(x: Tensor, bias_D: Tensor | None) -> Tensor:
    x = x.contiguous()
    y = torch.empty_like(x)
    _fused_library.activation(False, Kind.SQUARED_RELU, y, x, _accumulating(bias_D), y)
    return y


def _fake_like(x: Tensor, bias_D: Tensor | None) -> Tensor:
    return x.new_empty(x.shape)


def _squared_relu_backward(
    y: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor]:
    y = y.contiguous()
    grad_x, bias = torch.empty_like(y), _accumulating(bias_D)
    grad_bias = y.new_empty(0) if bias is None else torch.empty_like(bias)
    given = None, bias, y, grad_y.contiguous()
    _fused_library.activation(True, Kind.SQUARED_RELU, y, *given, grad_x, grad_bias)
    return grad_x, grad_bias if bias_D is None else grad_bias.to(bias_D.dtype)


def _fake_gradients(x: Tensor, bias_D: Tensor | None, grad_y: Tensor) -> tuple[Tensor, Tensor]:
    grad_bias = x.new_empty(0) if bias_D is None else bias_D.new_empty(bias_D.shape)
    return x.new_empty(x.shape), grad_bias


def _remember_result(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(output, inputs[1])


def _differentiate_activation(
    gradients: Callable[..., tuple[Tensor, ...]], ctx: Any, grad_y: Tensor | None
) -> tuple[Tensor | None, ...]:
    if grad_y is None:
        return None, None
    kept, bias_D = ctx.saved_tensors
    *_, grad_x, grad_bias = gradients(kept, bias_D, grad_y)
    return grad_x, None if bias_D is None else grad_bias


_squared_relu = _operator.define(
    "runnel::squared_relu",
    _squared_relu_kernel,
    _squared_relu_backward,
    fakes=(_fake_like, _fake_gradients),
    remember=_remember_result,
    differentiate=_differentiate_activation,
    device_types="cpu",
)


def squared_relu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """relu(x + bias)²."""
    return cast(Tensor, _squared_relu.run(x, bias_D))


def _gated_silu_kernel(x: Tensor, bias_D: Tensor | None) -> Tensor:
    x = x.contiguous()
    y = x.new_empty(*x.shape[:-1], x.shape[-1] // 2)
    _fused_library.activation(False, Kind.GATED_SILU, y, x, _accumulating(bias_D), y)
    return y


def _fake_gated_silu(x: Tensor, bias_D: Tensor | None) -> Tensor:
    return x.new_empty(*x.shape[:-1], x.shape[-1] // 2)


def _gated_silu_backward(x: Tensor, bias_D: Tensor | None, grad_y: Tensor) -> tuple[Tensor, Tensor]:
    x, grad_y = x.contiguous(), grad_y.contiguous()
    grad_x, bias = torch.empty_like(x), _accumulating(bias_D)
    grad_bias = x.new_empty(0) if bias is None else torch.empty_like(bias)
    given = x, bias, None, grad_y
    _fused_library.activation(True, Kind.GATED_SILU, grad_y, *given, grad_x, grad_bias)
    return grad_x, grad_bias if bias_D is None else grad_bias.to(bias_D.dtype)


_gated_silu = _operator.define(
    "runnel::gated_silu",
    _gated_silu_kernel,
    _gated_silu_backward,
    fakes=(_fake_gated_silu, _fake_gradients),
    remember=_remember_inputs,
    differentiate=_differentiate_activation,
    device_types="cpu",
)


def gated_silu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """silu(gate) * value, the halves of the last dimension of x + bias."""
    return cast(Tensor, _gated_silu.run(x, bias_D))


# GELU keeps its input and makes its result again: it is as large, and the next layer may want it.


def _gelu_kernel(x: Tensor, bias_D: Tensor | None) -> Tensor:
    x = x.contiguous()
    y = torch.empty_like(x)
    _fused_library.activation(False, Kind.GELU, y, x, _accumulating(bias_D), y)
    return y


def _gelu_backward(
    x: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    x, bias = x.contiguous(), _accumulating(bias_D)
    y, grad_x = torch.empty_like(x), torch.empty_like(x)
    grad_bias = x.new_empty(0) if bias is None else torch.empty_like(bias)
    given = bias, y, grad_y.contiguous(), grad_x, grad_bias
    _fused_library.activation(True, Kind.GELU, y, x, *given)
    return y, grad_x, grad_bias if bias_D is None else grad_bias.to(bias_D.dtype)


def _fake_gelu_backward(
    x: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape), *_fake_gradients(x, bias_D, grad_y)


_gelu = _operator.define(
    "runnel::gelu",
    _gelu_kernel,
    _gelu_backward,
    fakes=(_fake_like, _fake_gelu_backward),
    remember=_remember_inputs,
    differentiate=_differentiate_activation,
    device_types="cpu",
)


def gelu(x: Tensor, bias_D: Tensor | None = None) -> Tensor:
    """u Phi(u) for u = x + bias."""
    return cast(Tensor, _gelu.run(x, bias_D))


def gelu_again(
    x: Tensor, bias_D: Tensor | None, grad_y: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """gelu(x + bias), and the gradients of x and of the bias, in one pass."""
    seen = torch.is_grad_enabled() or _operator.watched(x, bias_D, grad_y)
    run = _gelu.gradients if seen else _gelu_backward
    y, grad_x, grad_bias = run(x, bias_D, grad_y)
    return y, grad_x, None if bias_D is None else grad_bias
