"""What each recurrence does at one position, in Triton: its decay and input, and their gradients.

Numbers are pairs of real and imaginary parts; of a real one the second part is never read. This
file and those of the kernels import Triton and are themselves imported when a kernel first runs.
"""

# a decay, b input, h state, l adjoint of the state: dL/dh at one position

import triton
import triton.language as tl

LINEAR: tl.constexpr = tl.constexpr(0)
MINGRU: tl.constexpr = tl.constexpr(1)
MINLSTM: tl.constexpr = tl.constexpr(2)


@triton.jit
def sigmoid(x):
    """1 / (1 + exp(-x)); exp overflows to infinity where the result is zero."""
    return 1 / (1 + tl.exp(-x))


@triton.jit
def log_sigmoid(x):
    """log sigmoid(x), exact where the sigmoid underflows."""
    return tl.minimum(x, 0) - tl.log(1 + tl.exp(-tl.abs(x)))


@triton.jit
def positive(u):
    """g(u) = u + 1/2 for u >= 0 and sigmoid(u) below."""
    return tl.where(u >= 0, u + 0.5, sigmoid(u))


@triton.jit
def positive_slope(u):
    """The derivative of g."""
    return tl.where(u >= 0, 1.0, sigmoid(u) * sigmoid(-u)).to(u.dtype)


@triton.jit
def decay(x, x_im, other, lower, cosine, sine, OP: tl.constexpr, COMPLEX: tl.constexpr):
    """The decay a from the first input, and from the second sequence of minLSTM."""
    if OP == LINEAR:
        return x, x_im
    elif OP == MINGRU:
        a = sigmoid(-x)
        return a, a
    elif OP == MINLSTM:
        a = sigmoid(log_sigmoid(x) - log_sigmoid(other))
        return a, a
    else:
        a = lower + (1 - lower) * sigmoid(x)
        if COMPLEX:
            return a * cosine, a * sine
        else:
            return a, a


@triton.jit
def entry(x, other, u, u_im, lower, OP: tl.constexpr):
    """The input b: what the position adds to the state."""
    if OP == LINEAR:
        return u, u_im
    elif OP == MINGRU:
        b = sigmoid(x) * positive(u)
        return b, b
    elif OP == MINLSTM:
        b = sigmoid(log_sigmoid(other) - log_sigmoid(x)) * positive(u)
        return b, b
    else:
        w = (1 - lower) * sigmoid(-x)
        return w * u, w * u_im


@triton.jit
def gated_gradients(da, db, x, other, u, OP: tl.constexpr):
    """Gradients of minGRU's and minLSTM's sequences from those of a and b, all real."""
    c = positive(u)
    if OP == MINGRU:
        z = sigmoid(x)
        dx = (db * c - da) * z * sigmoid(-x)
        return dx, dx, db * z * positive_slope(u)
    else:
        share = log_sigmoid(x) - log_sigmoid(other)
        rest = sigmoid(-share)
        d_share = (da - db * c) * sigmoid(share) * rest
        d_other = -d_share * sigmoid(-other)
        return d_share * sigmoid(-x), d_other, db * rest * positive_slope(u)


@triton.jit
def hgru_gradients(da, da_im, db, db_im, x, u, u_im, lower, cosine, sine, COMPLEX: tl.constexpr):
    """Gradients of the forget gate, the candidate (two parts), the lower bound and theta."""
    on, off = sigmoid(x), sigmoid(-x)
    w = (1 - lower) * off
    if COMPLEX:
        d_decay = da * cosine + da_im * sine
        d_theta = (lower + (1 - lower) * on) * (da_im * cosine - da * sine)
        d_weight = db * u + db_im * u_im
    else:
        d_decay = da
        d_theta = da
        d_weight = db * u
    difference = d_decay - d_weight
    return difference * w * on, w * db, w * db_im, difference * off, d_theta


LOG2_E: tl.constexpr = tl.constexpr(1.4426950408889634)
LARGEST: tl.constexpr = tl.constexpr(120.0)


@triton.jit
def _exp(x):
    """exp(x), at most 2^120, so that products with it stay finite; NaN stays."""
    return tl.exp2(tl.minimum(x * LOG2_E, LARGEST, propagate_nan=tl.PropagateNan.ALL))


@triton.jit
def _reciprocal(x):
    """1 / x for x > 0: an instruction and a product, where a division makes nine."""
    root = tl.rsqrt(x)
    return root * root


@triton.jit
def parts(x, other, u, low, OP: tl.constexpr):
    """What `decay_and_entry` and `real_gradients` share: few exponentials, and one division.

    minGRU and HGRU: e = exp(-x), so that sigmoid(x) = 1 / (1 + e) and sigmoid(-x) = e / (1 + e).
    minLSTM: both gates over (f + i), every exponential divided by the largest of the three. g below
    zero: v = exp(u), g(u) = v / (1 + v). Returns on = a's and off = b's part of the gates, the pair
    that only minLSTM's gradients need, g and its slope.
    """
    v = tl.exp2(tl.minimum(u, 0, propagate_nan=tl.PropagateNan.ALL) * LOG2_E)
    if OP == MINLSTM:
        least = tl.minimum(tl.minimum(x, other), 0, propagate_nan=tl.PropagateNan.ALL)
        one, ex, eo = _exp(least), _exp(least - x), _exp(least - other)
        below = 2 * one + ex + eo
        r = _reciprocal(below * (1 + v))
        shared = (1 + v) * r
        off, on = (one + ex) * shared, (one + eo) * shared
        dx, d_other = on * ex * shared, off * eo * shared
    else:
        e = _exp(-x)
        below = 1 + e
        r = _reciprocal(below * (1 + v) if OP == MINGRU else below)
        off = (1 + v) * r if OP == MINGRU else r
        on = e * off
        dx, d_other = on * off, on
    s = v * below * r
    c = tl.where(u >= 0, u + 0.5, s)
    slope = tl.where(u >= 0, 1.0, s * (below * r))
    return on, off, dx, d_other, c, slope


@triton.jit
def decay_and_entry(x, other, u, low, OP: tl.constexpr):
    """The decay a and the input b of a real recurrence at once."""
    if OP == LINEAR:
        return x, u
    on, off, _dx, _other, c, _slope = parts(x, other, u, low, OP)
    if OP == MINGRU or OP == MINLSTM:
        return on, off * c
    # HGRU's gate lets through what minGRU's holds back.
    return low + (1 - low) * off, (1 - low) * on * u


@triton.jit
def real_gradients(da, db, x, other, u, low, OP: tl.constexpr):
    """Gradients of the three sequences and of the lower bound, from those of a and b; all real."""
    if OP == LINEAR:
        return da, db, db, db
    on, off, dx, d_other, c, slope = parts(x, other, u, low, OP)
    if OP == MINGRU:
        return (db * c - da) * dx, db * off * slope, db, db
    elif OP == MINLSTM:
        share = da - db * c
        return share * dx, -share * d_other, db * off * slope, db
    else:
        share = da - db * u
        return share * (1 - low) * dx, (1 - low) * on * db, db, share * on
