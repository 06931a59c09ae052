"""Real scans in Triton, position after position: a program has a few channels, and loads ahead.

Where `_triton_kernels` scans tiles across threads, here a thread keeps its channels to itself and
walks; nothing is shared, no thread waits for another. The inputs of AHEAD positions are loaded
together, and while they are worked off those of the next ones are on their way. Runs of time,
`reverse` and summaries are as there.
"""

# B batch, T time, E inner width, R runs of time; BE channels of a program

import triton
import triton.language as tl

from runnel.ops import _triton_cells as cells
from runnel.ops._triton_kernels import _place


@triton.jit
def _ahead(base, at, step, mask, GIVEN: tl.constexpr, AHEAD: tl.constexpr):
    """The numbers of the next positions, as they lie in memory; empty without an array."""
    found = ()
    if GIVEN:
        for i in tl.static_range(AHEAD):
            found = found + (tl.load(base + (at + i * step), mask=mask, other=0),)
    return found


@triton.jit
def _cuts(base, at, step, there, GIVEN: tl.constexpr, AHEAD: tl.constexpr):
    """Whether each of the next positions drops the state before it."""
    found = ()
    if GIVEN:
        for i in tl.static_range(AHEAD):
            found = found + (tl.load(base + (at + i * step), mask=there, other=0) != 0,)
    return found


@triton.jit
def _within(e, E, there):
    """The channels that are there, or none. (The interpreter cannot join a mask and one truth.)"""
    return e < tl.where(there, E, 0)


@triton.jit
def _read(
    first, second, third, reset, at, row, E, side, e, there,
    OP: tl.constexpr, RESETS: tl.constexpr, BACKWARD: tl.constexpr, AHEAD: tl.constexpr,
):  # fmt: skip
    """All that positions are made from; the linear scan's gradients do without its input."""
    step = side * E
    mask = _within(e, E, there)
    return (
        _ahead(first, at, step, mask, True, AHEAD),
        _ahead(second, at, step, mask, not BACKWARD or OP != cells.LINEAR, AHEAD),
        _ahead(third, at, step, mask, OP == cells.MINLSTM, AHEAD),
        _cuts(reset, row, side, there, RESETS, AHEAD),
    )


@triton.jit
def _forward_by(
    ready, states, at, step, mask, low, h, p,
    OP: tl.constexpr, RESETS: tl.constexpr, SUMMARY: tl.constexpr, dtype: tl.constexpr,
    AHEAD: tl.constexpr,
):  # fmt: skip
    """The state and the product of decays after the positions that were read."""
    firsts, seconds, thirds, cuts = ready
    for i in tl.static_range(AHEAD):
        x, other = firsts[i].to(dtype), seconds[i].to(dtype)
        u = other
        if OP == cells.MINLSTM:
            u = thirds[i].to(dtype)
        a, v = cells.decay_and_entry(x, other, u, low, OP)
        y = a * h + v
        q = p * a
        if RESETS:
            y = tl.where(cuts[i], v, y)
            q = tl.where(cuts[i], 0, q)
        h = y
        if SUMMARY:
            p = q
        else:
            tl.store(states + (at + i * step), h, mask=mask)
    return h, p


@triton.jit
def forward(
    first, second, third, lower, entering, reset, states, last, product,
    T, E, R, span,
    OP: tl.constexpr, REVERSE: tl.constexpr, ENTERS: tl.constexpr, RESETS: tl.constexpr,
    HGRU: tl.constexpr, SUMMARY: tl.constexpr, dtype: tl.constexpr,
    BE: tl.constexpr, AHEAD: tl.constexpr,
):  # fmt: skip
    """The states and each run's last; or, for a summary, only the last and the product."""
    e, run, b = _place(E, R, BE)
    mask = e < E
    low = tl.zeros([BE], dtype)
    if HGRU:
        low = tl.load(lower + e, mask=mask, other=0).to(dtype)
    here = (b * R + run) * E + e
    h = tl.zeros([BE], dtype)
    if ENTERS:
        h = tl.load(entering + here, mask=mask, other=0).to(dtype)
    p = tl.full([BE], 1, dtype)
    side: tl.constexpr = -1 if REVERSE else 1
    step = side * E
    begin = run * span
    end = tl.minimum(begin + span, T)
    row = b * T + (T - 1 - begin if REVERSE else begin)
    at = row * E + e
    whole = (end - begin) // AHEAD
    ready = _read(
        first, second, third, reset, at, row, E, side,
        e, whole > 0, OP, RESETS, False, AHEAD,
    )  # fmt: skip
    for i in tl.range(whole):
        now, at_now = ready, at
        at += AHEAD * step
        row += AHEAD * side
        ready = _read(
            first, second, third, reset, at, row, E, side,
            e, i + 1 < whole, OP, RESETS, False, AHEAD,
        )  # fmt: skip
        h, p = _forward_by(
            now, states, at_now, step, mask, low, h, p, OP, RESETS, SUMMARY, dtype, AHEAD
        )
    for _ in tl.range(end - begin - whole * AHEAD):
        now = _read(
            first, second, third, reset, at, row, E, side,
            e, begin < end, OP, RESETS, False, 1,
        )  # fmt: skip
        h, p = _forward_by(now, states, at, step, mask, low, h, p, OP, RESETS, SUMMARY, dtype, 1)
        at += step
        row += side
    if SUMMARY:
        tl.store(product + here, p, mask=mask)
        tl.store(last + here, h, mask=mask)
    elif run == R - 1:
        tl.store(last + (b * E + e), h, mask=mask)


@triton.jit
def _backward_by(
    ready, grads, befores, d_first, d_second, d_third, at, step, mask, low, carry, p, sum_low,
    OP: tl.constexpr, RESETS: tl.constexpr, HGRU: tl.constexpr, FROM_STATES: tl.constexpr,
    SUMMARY: tl.constexpr, dtype: tl.constexpr, AHEAD: tl.constexpr,
):  # fmt: skip
    """What the positions that were read pass on to those before them, and their gradients."""
    firsts, seconds, thirds, cuts = ready
    for i in tl.static_range(AHEAD):
        x = firsts[i].to(dtype)
        other = x
        if OP != cells.LINEAR:
            other = seconds[i].to(dtype)
        u = other
        if OP == cells.MINLSTM:
            u = thirds[i].to(dtype)
        a, _v = cells.decay_and_entry(x, other, u, low, OP)
        db = carry
        if FROM_STATES:
            db += grads[i].to(dtype)
        carry = a * db
        q = p * a
        if RESETS:
            carry = tl.where(cuts[i], 0, carry)
            q = tl.where(cuts[i], 0, q)
        if SUMMARY:
            p = q
        else:
            da = db * befores[i].to(dtype)
            if RESETS:
                da = tl.where(cuts[i], 0, da)
            dx, d_other, du, d_low = cells.real_gradients(da, db, x, other, u, low, OP)
            there = at + i * step
            tl.store(d_first + there, dx, mask=mask)
            tl.store(d_second + there, d_other, mask=mask)
            if OP == cells.MINLSTM:
                tl.store(d_third + there, du, mask=mask)
            if HGRU:
                sum_low += d_low
    return carry, p, sum_low


@triton.jit
def backward(
    first, second, third, lower, initial, reset, states, grad_states, grad_last,
    entering, ends, product, d_first, d_second, d_third, d_lower, d_initial,
    T, E, R, span,
    OP: tl.constexpr, REVERSE: tl.constexpr, INITIAL: tl.constexpr, RESETS: tl.constexpr,
    HGRU: tl.constexpr, FROM_STATES: tl.constexpr, FROM_LAST: tl.constexpr, ENTERS: tl.constexpr,
    SUMMARY: tl.constexpr, dtype: tl.constexpr, BE: tl.constexpr, AHEAD: tl.constexpr,
):  # fmt: skip
    """l_s = grad_s + conj(a_{s+1}) l_{s+1} from the end, and from it every gradient.

    What is carried is a_s l_s, so that no decay is needed twice; at the end it is the gradient of
    the state that entered.
    """
    e, run, b = _place(E, R, BE)
    mask = e < E
    low = tl.zeros([BE], dtype)
    if HGRU:
        low = tl.load(lower + e, mask=mask, other=0).to(dtype)
    here = (b * R + run) * E + e
    carry = tl.zeros([BE], dtype)
    if ENTERS:
        carry = tl.load(entering + here, mask=mask, other=0).to(dtype)
    if FROM_LAST and run == R - 1:
        carry += tl.load(grad_last + (b * E + e), mask=mask, other=0).to(dtype)
    p = tl.full([BE], 1, dtype)
    sum_low = tl.zeros([BE], dtype)
    side: tl.constexpr = 1 if REVERSE else -1
    step = side * E
    begin = run * span
    end = tl.minimum(begin + span, T)
    row = b * T + (T - end if REVERSE else end - 1)
    at = row * E + e
    # Before the first of all positions there is no state to read.
    count = end - tl.maximum(begin, 1)
    whole = count // AHEAD
    ready = _read(
        first, second, third, reset, at, row, E, side,
        e, whole > 0, OP, RESETS, True, AHEAD,
    )  # fmt: skip
    grads = _ahead(grad_states, at, step, _within(e, E, whole > 0), FROM_STATES, AHEAD)
    befores = _ahead(states, at + step, step, _within(e, E, whole > 0), not SUMMARY, AHEAD)
    for i in tl.range(whole):
        now, grads_now, befores_now, at_now = ready, grads, befores, at
        at += AHEAD * step
        row += AHEAD * side
        more = i + 1 < whole
        ready = _read(
            first, second, third, reset, at, row, E, side,
            e, more, OP, RESETS, True, AHEAD,
        )  # fmt: skip
        grads = _ahead(grad_states, at, step, _within(e, E, more), FROM_STATES, AHEAD)
        befores = _ahead(states, at + step, step, _within(e, E, more), not SUMMARY, AHEAD)
        carry, p, sum_low = _backward_by(
            now, grads_now, befores_now, d_first, d_second, d_third, at_now, step, mask, low,
            carry, p, sum_low, OP, RESETS, HGRU, FROM_STATES, SUMMARY, dtype, AHEAD,
        )  # fmt: skip
    for s in tl.range(end - begin - whole * AHEAD):
        left = end - begin - whole * AHEAD - s
        now = _read(
            first, second, third, reset, at, row, E, side,
            e, begin < end, OP, RESETS, True, 1,
        )  # fmt: skip
        grads_now = _ahead(grad_states, at, step, mask, FROM_STATES, 1)
        follows = (run > 0) | (left > 1)
        before = tl.zeros([BE], dtype)
        if not SUMMARY:
            before = tl.load(states + (at + step), mask=_within(e, E, follows), other=0).to(dtype)
            if INITIAL:
                first_of_all = tl.load(initial + (b * E + e), mask=mask, other=0).to(dtype)
                before = tl.where(follows, before, first_of_all)
        carry, p, sum_low = _backward_by(
            now, grads_now, (before,), d_first, d_second, d_third, at, step, mask, low,
            carry, p, sum_low, OP, RESETS, HGRU, FROM_STATES, SUMMARY, dtype, 1,
        )  # fmt: skip
        at += step
        row += side
    if SUMMARY:
        tl.store(product + here, p, mask=mask)
        tl.store(ends + here, carry, mask=mask)
    else:
        if HGRU:
            tl.store(d_lower + here, sum_low, mask=mask)
        if run == 0:
            tl.store(d_initial + (b * E + e), carry, mask=mask)
