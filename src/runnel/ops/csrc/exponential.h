// exp, sigmoid and the gates made of them, on vectors, for arguments that never overflow.
#pragma once

#include "vectors.h"

namespace RUNNEL_VARIANT {

// Horner from the highest coefficient.
template <class A>
INLINE V<A> polynomial(V<A>, A highest) {
    return splat<A>(highest);
}
template <class A, class... Rest>
INLINE V<A> polynomial(V<A> x, A lowest, Rest... rest) {
    return polynomial<A>(x, rest...) * x + lowest;
}

// exp(x) for x <= 0; 0 below the smallest normal number; not-a-numbers stay so.
//
// x = n ln 2 + r with |r| <= ln 2 / 2, exp(r) = 1 + r + r^2 P(r) with P the minimax polynomial of
// the relative error (3.1e-9 for float, 3.6e-18 for double), and 2^n made in the exponent bits. The
// last bits of x / ln 2 + `shift` hold n. tests/ops measures the error against float64: at most 1.0
// ulp for float with fused multiply-add.
template <class A>
INLINE V<A> exp_of_nonpositive(V<A> x) {
    constexpr bool single = sizeof(A) == 4;
    constexpr A smallest = single ? A(-87.33654) : A(-708.39641853226408);
    constexpr A shift = single ? A(12582912.0) : A(6755399441055744.0);
    constexpr int mantissa = single ? 23 : 52;
    constexpr typename Integer<A>::type one =
        single ? 0x3f800000 : (typename Integer<A>::type)0x3ff0000000000000ll;
    constexpr A ln2_high = single ? A(0.693359375) : A(0.693147180369123816490);
    constexpr A ln2_low = single ? A(-2.12194440e-4) : A(1.90821492927058770002e-10);

    V<A> k = x * A(1.4426950408889634) + shift;
    V<A> n = k - shift;
    V<A> r = x - n * ln2_high;
    r = r - n * ln2_low;
    V<A> p;
    if constexpr (single) {
        p = polynomial<A>(r, A(0.49999993441238957), A(0.16666520569584537), A(0.04166838937900546),
                          A(0.008368722654733433), A(0.0013814534073853374));
    } else {
        p = polynomial<A>(r, A(0.50000000000000106), A(0.16666666666666414), A(0.04166666666653011),
                          A(0.008333333333493479), A(0.0013888888943639968),
                          A(0.00019841269508733328), A(2.4801493090804425e-05),
                          A(2.755758442535424e-06), A(2.763025062161949e-07),
                          A(2.500068575974012e-08));
    }
    V<A> e = (r * r) * p + r + A(1);
    V<A> power = (V<A>)(((I<A>)k << mantissa) + one);
    return select<A>(x < smallest, V<A>{}, e * power);
}

// 1 / x for x between 1e-20 and 1e20.
template <class A>
INLINE V<A> reciprocal(V<A> x) {
#if defined(__AVX512F__)
    if constexpr (sizeof(A) == 4) {
        V<A> y = (V<A>)_mm512_rcp14_ps((__m512)x);
        V<A> error = A(1) - x * y;
        return y * error + y;
    }
#endif
    return A(1) / x;
}

template <class A>
INLINE V<A> minus_absolute(V<A> x) {
    constexpr typename Integer<A>::type sign = (typename Integer<A>::type)1
                                               << (8 * sizeof(A) - 1);
    return (V<A>)((I<A>)x | sign);
}

// sigmoid(x) and sigmoid(-x), neither by subtraction from one.
template <class A>
struct Sigmoid {
    V<A> of, of_minus;
};

template <class A>
INLINE Sigmoid<A> sigmoid(V<A> x) {
    V<A> u = exp_of_nonpositive<A>(minus_absolute<A>(x));
    V<A> large = reciprocal<A>(A(1) + u);
    V<A> small = u * large;
    I<A> positive = x >= A(0);
    return {select<A>(positive, large, small), select<A>(positive, small, large)};
}

// g(x) = x + 1/2 for x >= 0, sigmoid(x) below, and its derivative.
template <class A>
struct Candidate {
    V<A> value, slope;
};

template <class A>
INLINE Candidate<A> candidate(V<A> x) {
    I<A> positive = x >= A(0);
    V<A> u = exp_of_nonpositive<A>(select<A>(positive, V<A>{}, x));
    V<A> r = reciprocal<A>(A(1) + u);
    V<A> s = u * r;
    return {select<A>(positive, x + A(0.5), s), select<A>(positive, splat<A>(1), s * r)};
}

// f / (f + i) and i / (f + i) for f = sigmoid(x), i = sigmoid(y), and sigmoid(-x), sigmoid(-y).
template <class A>
struct Shares {
    V<A> forget, input, not_forget, not_input;
};

template <class A>
INLINE Shares<A> shares(V<A> x, V<A> y) {
    // Where both sigmoids are tiny they are exponentials, and adding one number to x and to y leaves
    // the shares as they are: it keeps the larger exponential from underflowing.
    constexpr A floor = sizeof(A) == 4 ? A(-30) : A(-45);
    V<A> top = select<A>(x > y, x, y);
    V<A> lift = floor - top;
    lift = select<A>(lift > A(0), lift, V<A>{});
    x = x + lift;
    y = y + lift;
    I<A> x_positive = x >= A(0), y_positive = y >= A(0);
    V<A> u = exp_of_nonpositive<A>(minus_absolute<A>(x));
    V<A> v = exp_of_nonpositive<A>(minus_absolute<A>(y));
    V<A> one = splat<A>(1);
    V<A> u1 = u + one, v1 = v + one;
    V<A> f = select<A>(x_positive, one, u) * v1;
    V<A> i = select<A>(y_positive, one, v) * u1;
    V<A> sum = reciprocal<A>(f + i);
    V<A> both = reciprocal<A>(u1 * v1);
    return {f * sum, i * sum, select<A>(x_positive, u, one) * v1 * both,
            select<A>(y_positive, v, one) * u1 * both};
}

}    // namespace RUNNEL_VARIANT
