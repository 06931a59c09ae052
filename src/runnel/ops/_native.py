"""The ops by the native CPU library."""

# B batch, T time, E inner width

import torch
from torch import Tensor

from runnel.ops import _library
from runnel.ops._check import accumulation_dtype
from runnel.ops._scan_op import CODES, channels, contiguous, define, empty_gradients


def available() -> bool:
    """Whether the library was built and loads."""
    return not _library.unavailable_reason()


def unavailable_reason() -> str:
    """Why not; empty when it is available."""
    return _library.unavailable_reason()


def supports(op: str, first: torch.dtype, second: torch.dtype) -> bool:
    """Whether the library covers an op, by its public name, for inputs of these dtypes."""
    return _library.supports(CODES[op], first, second)


def _forward(
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
    first, second, third = contiguous(first), contiguous(second), contiguous(third)
    dtype = accumulation_dtype(second.dtype)
    if initial is not None:
        initial = contiguous(initial.to(dtype))
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
        *channels(lower_bound, theta, accumulation_dtype(first.dtype)),
        initial,
        contiguous(reset),
        states,
        last,
    )
    return states, last


def _backward(
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
    first, second, third = contiguous(first), contiguous(second), contiguous(third)
    real = accumulation_dtype(first.dtype)
    per_channel = channels(lower_bound, theta, real)
    if initial is not None:
        initial = contiguous(initial.to(accumulation_dtype(states.dtype)))
    grads = empty_gradients(first, third, lower_bound, theta, states)
    _library.run(
        True,
        op,
        reverse,
        first.dtype,
        states,
        first,
        second,
        third,
        *per_channel,
        initial,
        contiguous(reset),
        states,
        None,
        contiguous(grad_states),
        contiguous(grad_last),
        grads[0],
        grads[1],
        grads[2],
        grads[5],
        grads[3],
        grads[4],
    )
    return grads


_scan, linear_scan, mingru_scan, minlstm_scan, hgru_scan = define(
    "runnel::scan", _forward, _backward, device_types="cpu"
)
