"""The ops by the native CPU library."""

# B batch, T time, E inner width

from typing import Any

import torch
from torch import Tensor

from runnel.ops import _library
from runnel.ops._check import accumulation_dtype
from runnel.ops._scan_op import CODES, channels, contiguous, define, empty_gradients
from runnel.ops.parts import pitch_of


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
    pitch, (first, second, third) = _placed(first, second, third)
    dtype = accumulation_dtype(second.dtype)
    if initial is not None:
        initial = contiguous(initial.to(dtype))
    states = second.new_empty(second.shape)
    last = second.new_empty(second.shape[0], second.shape[2], dtype=dtype)
    _library.run(
        False,
        op,
        reverse,
        first.dtype,
        states,
        pitch,
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
    inputs = contiguous(first), contiguous(second), contiguous(third)
    grads = empty_gradients(first, third, lower_bound, theta, states)
    others = lower_bound, theta, initial, reset, states, grad_states, grad_last
    return _fill(grads, op, reverse, states.shape[2], inputs, *others)


def _backward_beside(
    op: int,
    reverse: bool,
    first: Tensor,
    second: Tensor | None,
    third: Tensor | None,
    *others: Any,
) -> list[Tensor]:
    """`_backward` with gradients side by side in one array, if the inputs are so.

    The results of an operator may not share memory.
    """
    inputs = [x for x in (first, second, third) if x is not None]
    joint = len(inputs) * first.shape[-1]
    if len(inputs) == 1 or pitch_of(inputs) != joint:
        return _backward(op, reverse, first, second, third, *others)
    lower_bound, theta, _, _, states, _, _ = others
    grads = empty_gradients(first, third, lower_bound, theta, states, beside=True)
    return _fill(grads, op, reverse, joint, (first, second, third), *others)


def _fill(
    grads: list[Tensor],
    op: int,
    reverse: bool,
    pitch: int,
    inputs: tuple[Tensor, Tensor | None, Tensor | None],
    lower_bound: Tensor | None,
    theta: Tensor | None,
    initial: Tensor | None,
    reset: Tensor | None,
    states: Tensor,
    grad_states: Tensor | None,
    grad_last: Tensor | None,
) -> list[Tensor]:
    dtype = inputs[0].dtype
    if initial is not None:
        initial = contiguous(initial.to(accumulation_dtype(states.dtype)))
    _library.run(
        True,
        op,
        reverse,
        dtype,
        states,
        pitch,
        *inputs,
        *channels(lower_bound, theta, accumulation_dtype(dtype)),
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


def _placed(
    first: Tensor, second: Tensor, third: Tensor | None
) -> tuple[int, tuple[Tensor, Tensor, Tensor | None]]:
    """The inputs as the library reads them, and how far apart their positions are."""
    pitch = pitch_of([first, second] if third is None else [first, second, third])
    if pitch is not None:
        return pitch, (first, second, third)
    return second.shape[2], (contiguous(first), contiguous(second), contiguous(third))


_scan, linear_scan, mingru_scan, minlstm_scan, hgru_scan = define(
    "runnel::scan", _forward, _backward, device_types="cpu", unseen_backward=_backward_beside
)
