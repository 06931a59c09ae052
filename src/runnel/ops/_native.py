"""The ops by the native CPU library, as torch custom ops with fake kernels and gradients.

The gradients come from hand-written kernels that are not themselves differentiable: a second
backward raises. Differentiate twice with the backend "torch" or "reference" instead.
"""

# B batch, T time, E inner width

from typing import Any

import torch
from torch import Tensor

from runnel.ops import _library
from runnel.ops._check import accumulation_dtype
from runnel.ops._library import HGRU, LINEAR, MINGRU, MINLSTM


def available() -> bool:
    """Whether the library was built and loads."""
    return not _library.unavailable_reason()


def unavailable_reason() -> str:
    """Why not; empty when it is available."""
    return _library.unavailable_reason()


def supports(op: str, first: torch.dtype, second: torch.dtype) -> bool:
    """Whether the library covers an op, by its public name, for inputs of these dtypes."""
    return _library.supports(_CODES[op], first, second)


_CODES = {"linear_scan": LINEAR, "mingru_scan": MINGRU, "minlstm_scan": MINLSTM, "hgru_scan": HGRU}


def _contiguous(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.contiguous()


def _channels(
    lower_bound: Tensor | None, theta: Tensor | None, dtype: torch.dtype
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Lower bound, cosine and sine of theta, in the dtype of accumulation."""
    lower = None if lower_bound is None else lower_bound.to(dtype).contiguous()
    if theta is None:
        return lower, None, None
    theta = theta.to(dtype).contiguous()
    return lower, theta.cos(), theta.sin()


@torch.library.custom_op("runnel::scan", mutates_args=(), device_types="cpu")
def _scan(
    op: int,
    reverse: bool,
    first: Tensor,
    second: Tensor,
    third: Tensor | None,
    lower_bound: Tensor | None,
    theta: Tensor | None,
    initial: Tensor | None,
    reset: Tensor | None,
) -> tuple[Tensor, Tensor]:
    first, second, third = first.contiguous(), second.contiguous(), _contiguous(third)
    dtype = accumulation_dtype(second.dtype)
    if initial is not None:
        initial = initial.to(dtype).contiguous()
    states = torch.empty_like(second)
    last = second.new_empty(second.shape[0], second.shape[2], dtype=dtype)
    _library.run(
        False,
        op,
        reverse,
        first.dtype,
        states,
        first,
        second,
        third,
        *_channels(lower_bound, theta, accumulation_dtype(first.dtype)),
        initial,
        _contiguous(reset),
        states,
        last,
    )
    return states, last


@_scan.register_fake
def _(
    op: int,
    reverse: bool,
    first: Tensor,
    second: Tensor,
    third: Tensor | None,
    lower_bound: Tensor | None,
    theta: Tensor | None,
    initial: Tensor | None,
    reset: Tensor | None,
) -> tuple[Tensor, Tensor]:
    dtype = accumulation_dtype(second.dtype)
    states = torch.empty_like(second, memory_format=torch.contiguous_format)
    return states, second.new_empty(second.shape[0], second.shape[2], dtype=dtype)


# Gradients of the inputs, the lower bound, theta and the initial state; empty tensors stand for
# what the op does not have.
@torch.library.custom_op("runnel::scan_backward", mutates_args=(), device_types="cpu")
def _scan_backward(
    op: int,
    reverse: bool,
    first: Tensor,
    second: Tensor | None,
    third: Tensor | None,
    lower_bound: Tensor | None,
    theta: Tensor | None,
    initial: Tensor | None,
    reset: Tensor | None,
    states: Tensor,
    grad_states: Tensor | None,
    grad_last: Tensor | None,
) -> list[Tensor]:
    first, second, third = first.contiguous(), _contiguous(second), _contiguous(third)
    real = accumulation_dtype(first.dtype)
    channels = _channels(lower_bound, theta, real)
    if initial is not None:
        initial = initial.to(accumulation_dtype(states.dtype)).contiguous()
    grads = _empty_gradients(first, third, lower_bound, theta, states)
    _library.run(
        True,
        op,
        reverse,
        first.dtype,
        states,
        first,
        second,
        third,
        *channels,
        initial,
        _contiguous(reset),
        states,
        None,
        _contiguous(grad_states),
        _contiguous(grad_last),
        grads[0],
        grads[1],
        grads[2],
        grads[5],
        grads[3],
        grads[4],
    )
    return grads


def _empty_gradients(
    first: Tensor,
    third: Tensor | None,
    lower_bound: Tensor | None,
    theta: Tensor | None,
    states: Tensor,
) -> list[Tensor]:
    real, dtype = accumulation_dtype(first.dtype), accumulation_dtype(states.dtype)
    B, T, E = states.shape
    return [
        first.new_empty(B, T, E),
        states.new_empty(B, T, E),
        states.new_empty(0) if third is None else states.new_empty(B, T, E),
        states.new_empty(0 if lower_bound is None else E, dtype=real),
        states.new_empty(0 if theta is None else E, dtype=real),
        states.new_empty(B, E, dtype=dtype),
    ]


@_scan_backward.register_fake
def _(
    op: int,
    reverse: bool,
    first: Tensor,
    second: Tensor | None,
    third: Tensor | None,
    lower_bound: Tensor | None,
    theta: Tensor | None,
    initial: Tensor | None,
    reset: Tensor | None,
    states: Tensor,
    grad_states: Tensor | None,
    grad_last: Tensor | None,
) -> list[Tensor]:
    return _empty_gradients(first, third, lower_bound, theta, states)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    op, reverse, first, second, *others = inputs
    # The linear scan's gradients do not depend on its input.
    ctx.save_for_backward(first, None if op == LINEAR else second, *others, output[0])
    ctx.op, ctx.reverse = op, reverse


def _differentiate(
    ctx: Any, grad_states: Tensor | None, grad_last: Tensor | None
) -> tuple[Tensor | None, ...]:
    first, second, third, lower_bound, theta, initial, reset, states = ctx.saved_tensors
    grads = _scan_backward(
        ctx.op,
        ctx.reverse,
        first,
        second,
        third,
        lower_bound,
        theta,
        initial,
        reset,
        states,
        grad_states,
        grad_last,
    )
    return (
        None,
        None,
        grads[0],
        grads[1],
        None if third is None else grads[2],
        None if lower_bound is None else grads[3].to(lower_bound.dtype),
        None if theta is None else grads[4].to(theta.dtype),
        None if initial is None else grads[5].to(initial.dtype),
        None,
    )


_scan.register_autograd(_differentiate, setup_context=_remember)


def linear_scan(
    decay_BTE: Tensor,
    input_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = decay_t h_{t-1} + input_t."""
    return _scan(LINEAR, reverse, decay_BTE, input_BTE, None, None, None, initial_BE, reset_BT)


def mingru_scan(
    gate_BTE: Tensor,
    candidate_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = (1 - z_t) h_{t-1} + z_t g(candidate_t) with z = sigmoid(gate)."""
    return _scan(MINGRU, False, gate_BTE, candidate_BTE, None, None, None, initial_BE, reset_BT)


def minlstm_scan(
    forget_BTE: Tensor,
    input_BTE: Tensor,
    candidate_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = f/(f + i) h_{t-1} + i/(f + i) g(candidate_t) with sigmoids f and i."""
    return _scan(
        MINLSTM, False, forget_BTE, input_BTE, candidate_BTE, None, None, initial_BE, reset_BT
    )


def hgru_scan(
    forget_BTE: Tensor,
    candidate_BTE: Tensor,
    lower_bound_E: Tensor,
    theta_E: Tensor | None,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = lam_t exp(i theta) h_{t-1} + (1 - lam_t) candidate_t, lam in [lower_bound, 1]."""
    return _scan(
        HGRU,
        False,
        forget_BTE,
        candidate_BTE,
        None,
        lower_bound_E,
        theta_E,
        initial_BE,
        reset_BT,
    )
