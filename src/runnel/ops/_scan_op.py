"""A recurrence as a torch custom op: its schema, its fake kernel and its gradients, for any device.

A backend gives two functions, forward and backward, and gets the four public scans. Who wants to
differentiate twice takes the backend "torch" or "reference" instead.
"""

# B batch, T time, E inner width

from collections.abc import Callable
from typing import Any, NamedTuple, overload

import torch
from torch import Tensor

from runnel.ops import _operator
from runnel.ops._check import accumulation_dtype

LINEAR, MINGRU, MINLSTM, HGRU = range(4)
CODES = {"linear_scan": LINEAR, "mingru_scan": MINGRU, "minlstm_scan": MINLSTM, "hgru_scan": HGRU}
"""The recurrences that one op computes, by their public names."""


def channels(
    lower_bound: Tensor | None, theta: Tensor | None, dtype: torch.dtype
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Lower bound, cosine and sine of theta, in the dtype of accumulation."""
    lower = None if lower_bound is None else contiguous(lower_bound.to(dtype))
    if theta is None:
        return lower, None, None
    theta = contiguous(theta.to(dtype))
    return lower, theta.cos(), theta.sin()


@overload
def contiguous(x: Tensor) -> Tensor: ...
@overload
def contiguous(x: Tensor | None) -> Tensor | None: ...
def contiguous(x: Tensor | None) -> Tensor | None:
    """The same values without gaps, in order, lazy signs carried out; None stays None."""
    return None if x is None else x.resolve_conj().resolve_neg().contiguous()


def empty_gradients(
    first: Tensor,
    third: Tensor | None,
    lower_bound: Tensor | None,
    theta: Tensor | None,
    states: Tensor,
    *,
    beside: bool = False,
) -> list[Tensor]:
    """Room for what a backward returns, in its order; empty where the op has no such input.

    `beside`: those of the sequences side by side in one array.
    """
    real, dtype = accumulation_dtype(first.dtype), accumulation_dtype(states.dtype)
    B, T, E = states.shape
    count = 2 if third is None else 3
    if beside:
        sequences = states.new_empty(B, T, count * E).split(E, dim=-1)
    else:
        others = [states.new_empty(B, T, E) for _ in range(count - 1)]
        sequences = (first.new_empty(B, T, E), *others)
    return [
        *sequences,
        *(states.new_empty(0) for _ in range(3 - count)),
        states.new_empty(0 if lower_bound is None else E, dtype=real),
        states.new_empty(0 if theta is None else E, dtype=real),
        states.new_empty(B, E, dtype=dtype),
    ]


class Scans(NamedTuple):
    """The op, and the public functions that run it."""

    op: Any
    linear_scan: Callable[..., tuple[Tensor, Tensor]]
    mingru_scan: Callable[..., tuple[Tensor, Tensor]]
    minlstm_scan: Callable[..., tuple[Tensor, Tensor]]
    hgru_scan: Callable[..., tuple[Tensor, Tensor]]


def define(
    name: str,
    forward: Callable[..., tuple[Tensor, Tensor]],
    backward: Callable[..., list[Tensor]],
    device_types: str | None = None,
    unseen_backward: Callable[..., list[Tensor]] | None = None,
) -> Scans:
    """Register `forward` as the custom op `name`, with `backward` as its gradients.

    `forward` takes the op's code, whether time is reversed, up to three sequences, the lower bound,
    theta, the initial state and the resets; it returns the states and the last one. `backward`
    takes the same, the states and the gradients of both results, and fills `empty_gradients`.
    `device_types` and `unseen_backward` as in `_operator.define`.
    """
    op, _, run = _operator.define(
        name,
        forward,
        backward,
        fakes=(_fake, _fake_gradients),
        remember=_remember,
        differentiate=_differentiate,
        device_types=device_types,
        unseen_backward=unseen_backward,
    )
    return Scans(op, *_public(run))


def _differentiate(
    gradients: Callable[..., list[Tensor]],
    ctx: Any,
    grad_states: Tensor | None,
    grad_last: Tensor | None,
) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors
    grads = gradients(ctx.op, ctx.reverse, *saved, grad_states, grad_last)
    third, lower_bound, theta, initial = saved[2:6]
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


def _fake(
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


def _fake_gradients(
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
    return empty_gradients(first, third, lower_bound, theta, states)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    op, reverse, first, second, *others = inputs
    # The linear scan's gradients do not depend on its input.
    ctx.save_for_backward(first, None if op == LINEAR else second, *others, output[0])
    ctx.op, ctx.reverse = op, reverse


def _public(
    op: Callable[..., tuple[Tensor, Tensor]],
) -> tuple[Callable[..., tuple[Tensor, Tensor]], ...]:
    def linear_scan(
        decay_BTE: Tensor,
        input_BTE: Tensor,
        initial_BE: Tensor | None = None,
        reset_BT: Tensor | None = None,
        reverse: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """h_t = decay_t h_{t-1} + input_t."""
        return op(LINEAR, reverse, decay_BTE, input_BTE, None, None, None, initial_BE, reset_BT)

    def mingru_scan(
        gate_BTE: Tensor,
        candidate_BTE: Tensor,
        initial_BE: Tensor | None = None,
        reset_BT: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """h_t = (1 - z_t) h_{t-1} + z_t g(candidate_t) with z = sigmoid(gate)."""
        return op(MINGRU, False, gate_BTE, candidate_BTE, None, None, None, initial_BE, reset_BT)

    def minlstm_scan(
        forget_BTE: Tensor,
        input_BTE: Tensor,
        candidate_BTE: Tensor,
        initial_BE: Tensor | None = None,
        reset_BT: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """h_t = f/(f + i) h_{t-1} + i/(f + i) g(candidate_t) with sigmoids f and i."""
        sequences = (forget_BTE, input_BTE, candidate_BTE)
        return op(MINLSTM, False, *sequences, None, None, initial_BE, reset_BT)

    def hgru_scan(
        forget_BTE: Tensor,
        candidate_BTE: Tensor,
        lower_bound_E: Tensor,
        theta_E: Tensor | None,
        initial_BE: Tensor | None = None,
        reset_BT: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """h_t = lam_t exp(i theta) h_{t-1} + (1 - lam_t) candidate_t, lam in [lower_bound, 1]."""
        sequences = (forget_BTE, candidate_BTE, None)
        return op(HGRU, False, *sequences, lower_bound_E, theta_E, initial_BE, reset_BT)

    return linear_scan, mingru_scan, minlstm_scan, hgru_scan
