"""The scan in Triton: tiles of time and channels, an associative scan in each, a state between.

A program walks one run of time of one block of channels. Where batch and width are too small to
fill a device, time is cut into several runs: a first launch reduces each run to its product of
decays and its state from zero, `_enter` chains those, and a second launch starts each run from the
state that enters it. Logical time s runs forward; `reverse` maps it to position T - 1 - s.
"""

# B batch, T time, E inner width, R runs of time; BT and BE positions and channels of a tile

import triton
import triton.language as tl

from runnel.ops import _triton_cells as cells


@triton.jit
def _then(a1, b1, a2, b2):
    """Two steps as one; a decay of zero cuts, whatever came before it."""
    return a1 * a2, tl.where(a2 == 0, b2, a2 * b1 + b2)


@triton.jit
def _then_complex(a1, a1_im, b1, b1_im, a2, a2_im, b2, b2_im):
    cut = (a2 == 0) & (a2_im == 0)
    b = a2 * b1 - a2_im * b1_im + b2
    b_im = a2 * b1_im + a2_im * b1 + b2_im
    return (
        a1 * a2 - a1_im * a2_im,
        a1 * a2_im + a1_im * a2,
        tl.where(cut, b2, b),
        tl.where(cut, b2_im, b_im),
    )


@triton.jit
def _after(a, a_im, b, b_im, h, h_im, COMPLEX: tl.constexpr):
    """The states that scanned decays and inputs make of the state before them."""
    if COMPLEX:
        cut = (a == 0) & (a_im == 0)
        return (
            tl.where(cut, b, a * h - a_im * h_im + b),
            tl.where(cut, b_im, a * h_im + a_im * h + b_im),
        )
    else:
        return tl.where(a == 0, b, a * h + b), b


@triton.jit
def _load(base, at, mask, COMPLEX: tl.constexpr, dtype: tl.constexpr):
    if COMPLEX:
        x = tl.load(base + 2 * at, mask=mask, other=0).to(dtype)
        return x, tl.load(base + 2 * at + 1, mask=mask, other=0).to(dtype)
    else:
        x = tl.load(base + at, mask=mask, other=0).to(dtype)
        return x, x


@triton.jit
def _store(base, at, x, x_im, mask, COMPLEX: tl.constexpr):
    if COMPLEX:
        tl.store(base + 2 * at, x, mask=mask)
        tl.store(base + 2 * at + 1, x_im, mask=mask)
    else:
        tl.store(base + at, x, mask=mask)


@triton.jit
def _pick(x, row, n):
    """The row of a tile, as a vector over its channels."""
    return tl.sum(tl.where(row[:, None] == n, x, 0), axis=0)


@triton.jit
def _channel(base, e, mask, GIVEN: tl.constexpr, dtype: tl.constexpr):
    if GIVEN:
        return tl.load(base + e, mask=mask, other=0).to(dtype)[None, :]
    else:
        return tl.zeros([1, 1], dtype)


@triton.jit
def _place(E, R, BE: tl.constexpr):
    """Which block of channels, run of time and batch entry a program has."""
    program = tl.program_id(0)
    blocks = tl.cdiv(E, BE)
    e = (program % blocks) * BE + tl.arange(0, BE)
    run = (program // blocks) % R
    return e, run, (program // (blocks * R)).to(tl.int64)


@triton.jit
def forward(
    first, second, third, lower, cosine, sine, entering, reset, states, last, product,
    T, E, R, span,
    OP: tl.constexpr, COMPLEX: tl.constexpr, DECAY_COMPLEX: tl.constexpr, REVERSE: tl.constexpr,
    ENTERS: tl.constexpr, RESETS: tl.constexpr, HGRU: tl.constexpr, SUMMARY: tl.constexpr,
    dtype: tl.constexpr, BT: tl.constexpr, BE: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """The states and each run's last; or, for a summary, only the last and the product."""
    e, run, b = _place(E, R, BE)
    in_width = e < E
    ROTATED: tl.constexpr = COMPLEX and HGRU
    low = _channel(lower, e, in_width, HGRU, dtype)
    cos = _channel(cosine, e, in_width, ROTATED, dtype)
    sin = _channel(sine, e, in_width, ROTATED, dtype)
    here = (b * R + run) * E + e
    h = tl.zeros([BE], dtype)
    h_im = h
    if ENTERS:
        h, h_im = _load(entering, here, in_width, COMPLEX, dtype)
    p = tl.full([BE], 1, dtype)
    p_im = tl.zeros([BE], dtype)
    row = tl.arange(0, BT)
    end = tl.minimum((run + 1) * span, T)
    for start in tl.range(run * span, end, BT, num_stages=STAGES):
        s = start + row
        t = b * T + (T - 1 - s if REVERSE else s)
        mask = (s < end)[:, None] & in_width[None, :]
        at = t[:, None] * E + e[None, :]
        x, x_im = _load(first, at, mask, DECAY_COMPLEX, dtype)
        u, u_im = _load(second, at, mask, COMPLEX, dtype)
        other = x
        if OP == cells.MINLSTM:
            other = u
            u = tl.load(third + at, mask=mask, other=0).to(dtype)
        a, a_im = cells.decay(x, x_im, other, low, cos, sin, OP, COMPLEX)
        v, v_im = cells.entry(x, other, u, u_im, low, OP)
        if COMPLEX and not DECAY_COMPLEX and not HGRU:
            a_im = tl.zeros([BT, BE], dtype)
        if RESETS:
            cut = tl.load(reset + t, mask=s < end, other=0)[:, None] != 0
            a = tl.where(cut, 0, a)
            a_im = tl.where(cut, 0, a_im)
        # What stands behind the end passes the state on.
        a = tl.where(mask, a, 1)
        v = tl.where(mask, v, 0)
        if COMPLEX:
            a_im = tl.where(mask, a_im, 0)
            v_im = tl.where(mask, v_im, 0)
            a, a_im, v, v_im = tl.associative_scan((a, a_im, v, v_im), 0, _then_complex)
        else:
            a, v = tl.associative_scan((a, v), 0, _then)
        y, y_im = _after(a, a_im, v, v_im, h[None, :], h_im[None, :], COMPLEX)
        h = _pick(y, row, BT - 1)
        h_im = _pick(y_im, row, BT - 1) if COMPLEX else h
        if SUMMARY:
            q = _pick(a, row, BT - 1)
            if COMPLEX:
                q_im = _pick(a_im, row, BT - 1)
                p, p_im = p * q - p_im * q_im, p * q_im + p_im * q
            else:
                p = p * q
        else:
            _store(states, at, y, y_im, mask, COMPLEX)
    if SUMMARY:
        _store(product, here, p, p_im, in_width, COMPLEX)
        _store(last, here, h, h_im, in_width, COMPLEX)
    elif run == R - 1:
        _store(last, b * E + e, h, h_im, in_width, COMPLEX)


@triton.jit
def enter(
    product, ends, initial, entering, E, R,
    COMPLEX: tl.constexpr, GIVEN: tl.constexpr, BACKWARD: tl.constexpr, dtype: tl.constexpr,
    BR: tl.constexpr, BE: tl.constexpr,
):  # fmt: skip
    """What enters each run, from the summaries of those before it (backward: behind it)."""
    blocks = tl.cdiv(E, BE)
    program = tl.program_id(0)
    e = (program % blocks) * BE + tl.arange(0, BE)
    b = (program // blocks).to(tl.int64)
    in_width = e < E
    h = tl.zeros([BE], dtype)
    h_im = h
    if GIVEN:
        h, h_im = _load(initial, b * E + e, in_width, COMPLEX, dtype)
    row = tl.arange(0, BR)
    first = (b * R + (R - 1 if BACKWARD else 0)) * E + e
    _store(entering, first, h, h_im, in_width, COMPLEX)
    for start in range(0, R - 1, BR):
        i = start + row
        run = R - 1 - i if BACKWARD else i
        # The last run passes its state on to nobody.
        mask = (i < R - 1)[:, None] & in_width[None, :]
        here = (b * R + run)[:, None] * E + e[None, :]
        a, a_im = _load(product, here, mask, COMPLEX, dtype)
        v, v_im = _load(ends, here, mask, COMPLEX, dtype)
        a = tl.where(mask, a, 1)
        if COMPLEX:
            a_im = tl.where(mask, a_im, 0)
            a, a_im, v, v_im = tl.associative_scan((a, a_im, v, v_im), 0, _then_complex)
        else:
            a, v = tl.associative_scan((a, v), 0, _then)
        y, y_im = _after(a, a_im, v, v_im, h[None, :], h_im[None, :], COMPLEX)
        h = _pick(y, row, BR - 1)
        h_im = _pick(y_im, row, BR - 1) if COMPLEX else h
        _store(entering, here + (-E if BACKWARD else E), y, y_im, mask, COMPLEX)


@triton.jit
def backward(
    first, second, third, lower, cosine, sine, initial, reset, states, grad_states, grad_last,
    entering, ends, product, d_first, d_second, d_third, d_lower, d_theta, d_initial,
    T, E, R, span,
    OP: tl.constexpr, COMPLEX: tl.constexpr, DECAY_COMPLEX: tl.constexpr, REVERSE: tl.constexpr,
    INITIAL: tl.constexpr, RESETS: tl.constexpr, HGRU: tl.constexpr, FROM_STATES: tl.constexpr,
    FROM_LAST: tl.constexpr, ENTERS: tl.constexpr, SUMMARY: tl.constexpr,
    dtype: tl.constexpr, BT: tl.constexpr, BE: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """l_s = grad_s + conj(a_{s+1}) l_{s+1} from the end, and from it every gradient."""
    e, run, b = _place(E, R, BE)
    in_width = e < E
    ROTATED: tl.constexpr = COMPLEX and HGRU
    low = _channel(lower, e, in_width, HGRU, dtype)
    cos = _channel(cosine, e, in_width, ROTATED, dtype)
    sin = _channel(sine, e, in_width, ROTATED, dtype)
    here = (b * R + run) * E + e
    adj = tl.zeros([BE], dtype)
    adj_im = adj
    if ENTERS:
        adj, adj_im = _load(entering, here, in_width, COMPLEX, dtype)
    p = tl.full([BE], 1, dtype)
    p_im = tl.zeros([BE], dtype)
    sum_low = tl.zeros([BE], dtype)
    sum_theta = tl.zeros([BE], dtype)
    row = tl.arange(0, BT)
    begin = run * span
    end = tl.minimum(begin + span, T)
    tiles = tl.cdiv(end - begin, BT)
    for i in tl.range(tiles, num_stages=STAGES):
        s = begin + (tiles - 1 - i) * BT + row
        mask = (s < end)[:, None] & in_width[None, :]
        t = b * T + (T - 1 - s if REVERSE else s)
        at = t[:, None] * E + e[None, :]
        # The decay behind each position; there is none behind the last.
        t_next = t - 1 if REVERSE else t + 1
        at_next = t_next[:, None] * E + e[None, :]
        inside = (s < end) & (s + 1 < T)
        mask_next = inside[:, None] & in_width[None, :]
        x, x_im = _load(first, at_next, mask_next, DECAY_COMPLEX, dtype)
        other = x
        if OP == cells.MINLSTM:
            other = tl.load(second + at_next, mask=mask_next, other=0).to(dtype)
        a, a_im = cells.decay(x, x_im, other, low, cos, sin, OP, COMPLEX)
        if COMPLEX and not DECAY_COMPLEX and not HGRU:
            a_im = tl.zeros([BT, BE], dtype)
        if RESETS:
            cut = tl.load(reset + t_next, mask=inside, other=0)[:, None] != 0
            a = tl.where(cut, 0, a)
            a_im = tl.where(cut, 0, a_im)
        g = tl.zeros([BT, BE], dtype)
        g_im = g
        if FROM_STATES:
            g, g_im = _load(grad_states, at, mask, COMPLEX, dtype)
        if FROM_LAST:
            k, k_im = _load(grad_last, b * E + e, in_width, COMPLEX, dtype)
            final = (s == T - 1)[:, None]
            g += tl.where(final, k[None, :], 0)
            g_im += tl.where(final, k_im[None, :], 0)
        a = tl.where(mask, a, 1)
        g = tl.where(mask, g, 0)
        if COMPLEX:
            a_im = tl.where(mask, -a_im, 0)
            g_im = tl.where(mask, g_im, 0)
            a, a_im, g, g_im = tl.associative_scan(
                (a, a_im, g, g_im), 0, _then_complex, reverse=True
            )
        else:
            a, g = tl.associative_scan((a, g), 0, _then, reverse=True)
        db, db_im = _after(a, a_im, g, g_im, adj[None, :], adj_im[None, :], COMPLEX)
        adj = _pick(db, row, 0)
        adj_im = _pick(db_im, row, 0) if COMPLEX else adj
        if SUMMARY:
            q = _pick(a, row, 0)
            if COMPLEX:
                q_im = _pick(a_im, row, 0)
                p, p_im = p * q - p_im * q_im, p * q_im + p_im * q
            else:
                p = p * q
        else:
            # The gradient of the decay: adj conj(h before), none where a reset cut.
            t_before = t + 1 if REVERSE else t - 1
            follows = mask & (s > 0)[:, None]
            h, h_im = _load(states, t_before[:, None] * E + e[None, :], follows, COMPLEX, dtype)
            if INITIAL:
                k, k_im = _load(initial, b * E + e, in_width, COMPLEX, dtype)
                begins = (s == 0)[:, None]
                h = tl.where(begins, k[None, :], h)
                h_im = tl.where(begins, k_im[None, :], h_im)
            if COMPLEX:
                da = db * h + db_im * h_im
                da_im = db_im * h - db * h_im
            else:
                da = db * h
                da_im = da
            if RESETS:
                cut = tl.load(reset + t, mask=s < end, other=0)[:, None] != 0
                da = tl.where(cut, 0, da)
                da_im = tl.where(cut, 0, da_im)
            x, x_im = _load(first, at, mask, DECAY_COMPLEX, dtype)
            other = x
            if OP == cells.LINEAR:
                _store(d_first, at, da, da_im, mask, DECAY_COMPLEX)
                _store(d_second, at, db, db_im, mask, COMPLEX)
            elif HGRU:
                u, u_im = _load(second, at, mask, COMPLEX, dtype)
                dx, du, du_im, d_low, d_angle = cells.hgru_gradients(
                    da, da_im, db, db_im, x, u, u_im, low, cos, sin, COMPLEX
                )
                tl.store(d_first + at, dx, mask=mask)
                _store(d_second, at, du, du_im, mask, COMPLEX)
                sum_low += tl.sum(tl.where(mask, d_low, 0), axis=0)
                if COMPLEX:
                    sum_theta += tl.sum(tl.where(mask, d_angle, 0), axis=0)
            else:
                if OP == cells.MINLSTM:
                    other = tl.load(second + at, mask=mask, other=0).to(dtype)
                    u = tl.load(third + at, mask=mask, other=0).to(dtype)
                else:
                    u = tl.load(second + at, mask=mask, other=0).to(dtype)
                dx, d_other, du = cells.gated_gradients(da, db, x, other, u, OP)
                tl.store(d_first + at, dx, mask=mask)
                if OP == cells.MINLSTM:
                    tl.store(d_second + at, d_other, mask=mask)
                    tl.store(d_third + at, du, mask=mask)
                else:
                    tl.store(d_second + at, du, mask=mask)
    if SUMMARY:
        _store(product, here, p, p_im, in_width, COMPLEX)
        _store(ends, here, adj, adj_im, in_width, COMPLEX)
    else:
        if HGRU:
            tl.store(d_lower + here, sum_low, mask=in_width)
            if COMPLEX:
                tl.store(d_theta + here, sum_theta, mask=in_width)
        if run == 0:
            # Through the first decay to the state before it.
            t = b * T + (T - 1 if REVERSE else 0)
            at = t * E + e
            x, x_im = _load(first, at, in_width, DECAY_COMPLEX, dtype)
            other = x
            if OP == cells.MINLSTM:
                other = tl.load(second + at, mask=in_width, other=0).to(dtype)
            a, a_im = cells.decay(
                x[None, :], x_im[None, :], other[None, :], low, cos, sin, OP, COMPLEX
            )
            if COMPLEX:
                if not DECAY_COMPLEX and not HGRU:
                    a_im = tl.zeros([1, BE], dtype)
                y = a * adj[None, :] + a_im * adj_im[None, :]
                y_im = a * adj_im[None, :] - a_im * adj[None, :]
            else:
                y = a * adj[None, :]
                y_im = y
            if RESETS:
                cut = tl.load(reset + t) != 0
                y = tl.where(cut, 0, y)
                y_im = tl.where(cut, 0, y_im)
            _store(d_initial, b * E + e[None, :], y, y_im, in_width[None, :], COMPLEX)
