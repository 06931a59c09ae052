// exp(-x), sigmoid and the gates made of them, on vectors, in as few instructions as we know.
//
// Arguments are clamped to where neither exp(x) nor exp(-x) overflows: at 87 a float's sigmoid is
// within 2e-38 of 0 or 1. Within, sigmoid(x) = 1 / (1 + u) and sigmoid(-x) = u / (1 + u) with
// u = exp(-x) keep their relative precision in both tails, and no selection by sign is needed.
// Not-a-numbers go through. tests/ops measures the errors against float64.
#pragma once

#include "vectors.h"

namespace RUNNEL_VARIANT {

// The larger and the smaller of x and a bound; x where it is not a number. Compilers do not see the
// one instruction in the selection.
template <class A>
INLINE V<A> at_least(V<A> x, V<A> bound) {
#if defined(__AVX512F__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm512_max_ps((__m512)bound, (__m512)x);
#elif defined(__AVX__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm256_max_ps((__m256)bound, (__m256)x);
#elif defined(__SSE2__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm_max_ps((__m128)bound, (__m128)x);
#endif
    return select<A>(bound > x, bound, x);
}

template <class A>
INLINE V<A> at_most(V<A> x, A most) {
    const V<A> bound = splat<A>(most);
#if defined(__AVX512F__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm512_min_ps((__m512)bound, (__m512)x);
#elif defined(__AVX__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm256_min_ps((__m256)bound, (__m256)x);
#elif defined(__SSE2__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm_min_ps((__m128)bound, (__m128)x);
#endif
    return select<A>(bound < x, bound, x);
}

template <class A>
INLINE V<A> at_least(V<A> x, A bound) {
    return at_least<A>(x, splat<A>(bound));
}

template <class A>
constexpr A limit = sizeof(A) == 4 ? A(87) : A(700);

// Horner from the lowest coefficient up.
template <class A>
INLINE V<A> polynomial(V<A>, A highest) {
    return splat<A>(highest);
}
template <class A, class... Rest>
INLINE V<A> polynomial(V<A> x, A lowest, Rest... rest) {
    return polynomial<A>(x, rest...) * x + lowest;
}

// Results that are rounded to bfloat16 need no more than that format's places: for those `rough`
// leaves out what would only be rounded away.
template <class S>
constexpr bool rough = sizeof(S) == 2;

#if defined(__AVX512F__)
// 2^(j / 32), less j in the bits that hold the last five bits of k below.
alignas(64) static const uint32_t fractions[32] = {
    0x3f800000, 0x3f7ecd87, 0x3f7daac3, 0x3f7c980f, 0x3f7b95c2, 0x3f7aa43a, 0x3f79c3d3, 0x3f78f4f0,
    0x3f7837f0, 0x3f778d3a, 0x3f76f532, 0x3f767043, 0x3f75fed7, 0x3f75a15b, 0x3f75583f, 0x3f7523f6,
    0x3f7504f3, 0x3f74fbaf, 0x3f7508a4, 0x3f752c4d, 0x3f75672a, 0x3f75b9be, 0x3f76248c, 0x3f76a81e,
    0x3f7744fd, 0x3f77fbb8, 0x3f78ccdf, 0x3f79b907, 0x3f7ac0c7, 0x3f7be4ba, 0x3f7d257d, 0x3f7e83b3,
};

// exp(-x) = 2^(k / 32) exp(r) with |r| <= ln 2 / 64: a table in two registers makes the first
// factor, a quadratic (minimax, relative error 5.3e-8) or, rough, a line (2.9e-5) the second.
template <bool Rough = false>
INLINE V<float> exp_of_minus(V<float> x) {
    V<float> shifted = x * -46.166241308446829f + 12582912.0f;
    V<float> k = shifted - 12582912.0f;
    V<float> r = -(k * 0.021660849392498291f) - x;
    V<float> p;
    if constexpr (Rough) {
        p = polynomial<float>(r, 1.00002932f, 0.99999022f);
    } else {
        p = polynomial<float>(r, 1.0f, 1.0000146778154564f, 0.50000053390043504f);
    }
    __m512i bits = (__m512i)shifted;
    __m512i low = _mm512_load_si512(fractions), high = _mm512_load_si512(fractions + 16);
    __m512i scale = _mm512_permutex2var_epi32(low, bits, high);
    scale = _mm512_add_epi32(scale, _mm512_slli_epi32(bits, 18));
    return p * (V<float>)scale;
}

// Rough exp(-x) of any x in six instructions, 0 or infinite beyond what a float can hold:
// 2^floor(y) 2^r with y = -x / ln 2 and a cubic for 2^r (minimax, relative error 7.5e-5).
INLINE V<float> exp_of_minus_any(V<float> x) {
    V<float> y = x * -1.4426950408889634f;
    V<float> r = (V<float>)_mm512_reduce_ps((__m512)y, _MM_FROUND_TO_NEG_INF);
    V<float> p = polynomial<float>(r, 0.9999252185627154f, 0.6958335404947528f,
                                   0.226067155427483f, 0.07802452264047964f);
    return (V<float>)_mm512_scalef_ps((__m512)p, (__m512)y);
}
#elif defined(__AVX2__)
#if !defined(__FMA__)
#error "the variant for AVX2 wants -mfma: k ln 2 / 8 is not exact"
#endif
// 2^(j / 8), less j in the bits that hold the last three bits of k below.
alignas(32) static const uint32_t fractions[8] = {
    0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7, 0x3f7504f3, 0x3f75672a, 0x3f7744fd, 0x3f7ac0c7,
};

// exp(-x) = 2^(k / 8) exp(r) with |r| <= ln 2 / 16: a table in one register makes the first factor,
// a cubic (minimax, relative error 2.7e-8) the second. Rough: 2^k 2^r with |r| <= 1/2 and a cubic of
// relative error 7.5e-5; its r is made by additions, for which the processor has units to spare.
template <bool Rough = false>
INLINE V<float> exp_of_minus(V<float> x) {
    constexpr float integers = 12582912.0f;
    if constexpr (Rough) {
        V<float> y = x * -1.4426950408889634f;
        V<float> shifted = y + integers;
        V<float> r = y - (shifted - integers);
        V<float> p = polynomial<float>(r, 0.99992807f, 0.69326099f, 0.24261112f, 0.05517167f);
        return p * (V<float>)(((I<float>)shifted << 23) + 0x3f800000);
    } else {
        V<float> shifted = x * -11.541560327111707f + integers;
        V<float> r = -((shifted - integers) * 0.086643397569993164f) - x;
        V<float> p = polynomial<float>(r, 1.0f, 1.0f, 0.50006478f, 0.16664298f);
        __m256 table = _mm256_load_ps((const float*)fractions);
        I<float> scale = (I<float>)_mm256_permutevar8x32_ps(table, (__m256i)shifted);
        return p * (V<float>)(scale + ((I<float>)shifted << 20));
    }
}

// Rough exp(-x), x first clamped to where a float holds it.
INLINE V<float> exp_of_minus_any(V<float> x) {
    return exp_of_minus<true>(at_least<float>(at_most<float>(x, 87.0f), -87.0f));
}
#else
// exp(-x) = 2^k exp(r) with |r| <= ln 2 / 2; the polynomial is minimax, with relative error 3.1e-9.
template <bool = false>
INLINE V<float> exp_of_minus(V<float> x) {
    V<float> shifted = x * -1.4426950408889634f + 12582912.0f;
    V<float> k = shifted - 12582912.0f;
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    V<float> r = -(k * 0.69314718055994531f) - x;
#else
    // Without fused multiply-add the product must be exact: ln 2 in two pieces.
    V<float> r = (-(k * 0.693359375f) - x) - k * -2.12194440e-4f;
#endif
    V<float> p = polynomial<float>(r, 1.0f, 1.0f, 0.49999993441238957f, 0.16666520569584537f,
                                   0.04166838937900546f, 0.008368722654733433f,
                                   0.0013814534073853374f);
    return p * (V<float>)(((I<float>)shifted << 23) + 0x3f800000);
}
#endif

// The same in double; relative error of the polynomial 3.6e-18.
template <bool = false>
INLINE V<double> exp_of_minus(V<double> x) {
    V<double> shifted = x * -1.4426950408889634 + 6755399441055744.0;
    V<double> k = shifted - 6755399441055744.0;
    V<double> r = (-(k * 0.693147180369123816490) - x) - k * 1.90821492927058770002e-10;
    V<double> p = polynomial<double>(
        r, 1.0, 1.0, 0.50000000000000106, 0.16666666666666414, 0.04166666666653011,
        0.008333333333493479, 0.0013888888943639968, 0.00019841269508733328, 2.4801493090804425e-05,
        2.755758442535424e-06, 2.763025062161949e-07, 2.500068575974012e-08);
    return p * (V<double>)(((I<double>)shifted << 52) + 0x3ff0000000000000ll);
}

// 1 / x for normal numbers whose reciprocal is normal; rough: with a relative error of 6.1e-5 at most.
template <class A, bool Rough = false>
INLINE V<A> reciprocal(V<A> x) {
#if defined(__AVX512F__)
    if constexpr (sizeof(A) == 4) {
        V<A> y = (V<A>)_mm512_rcp14_ps((__m512)x);
        if constexpr (Rough) return y;
        V<A> error = A(1) - x * y;
        return y * error + y;
    }
#elif defined(__AVX__)
    if constexpr (sizeof(A) == 4 && Rough) {
        V<A> y = (V<A>)_mm256_rcp_ps((__m256)x);
        return y * (A(2) - x * y);
    }
#endif
    return A(1) / x;
}

template <class A>
INLINE V<A> clamped(V<A> x) {
    return at_least<A>(at_most<A>(x, limit<A>), -limit<A>);
}

// sigmoid(x) alone.
template <class A, bool Rough>
INLINE V<A> logistic(V<A> x) {
    return reciprocal<A, Rough>(exp_of_minus<Rough>(clamped<A>(x)) + A(1));
}

// sigmoid(x) and sigmoid(-x), neither by subtraction from one; `Bounded` says that no x is beyond
// the limit.
template <class A>
struct Sigmoid {
    V<A> of, of_minus;
};

template <class A, bool Rough = false, bool Bounded = false>
INLINE Sigmoid<A> sigmoid(V<A> x) {
    V<A> u = exp_of_minus<Rough>(Bounded ? x : clamped<A>(x));
    V<A> of = reciprocal<A, Rough>(u + A(1));
    return {of, u * of};
}

// g(x) = x + 1/2 for x >= 0, sigmoid(x) below, and its derivative.
template <class A>
struct Candidate {
    V<A> value, slope;
};

// What comes out for x > limit is not used.
template <class A, bool Rough, bool Bounded>
INLINE V<A> lower_branch(V<A> x) {
    V<A> u = exp_of_minus<Rough>(Bounded ? x : at_least<A>(x, -limit<A>));
    return reciprocal<A, Rough>(u + A(1));
}

template <class A, bool Rough = false, bool Bounded = false>
INLINE Candidate<A> candidate(V<A> x) {
    V<A> s = lower_branch<A, Rough, Bounded>(x);
    I<A> positive = x >= A(0);
    return {select<A>(positive, x + A(0.5), s), select<A>(positive, splat<A>(1), s - s * s)};
}

// g(x) alone.
template <class A, bool Rough = false>
INLINE V<A> candidate_value(V<A> x) {
    V<A> s = lower_branch<A, Rough, false>(x);
    return select<A>(x >= A(0), x + A(0.5), s);
}

// Whether x and y are both below a bound in any lane.
template <class A>
INLINE bool any_below(V<A> x, V<A> y, A bound) {
#if defined(__AVX512F__)
    if constexpr (sizeof(A) == 4) {
        const __m512 b = (__m512)splat<A>(bound);
        __mmask16 below = _mm512_cmp_ps_mask((__m512)x, b, _CMP_LT_OQ);
        return _mm512_mask_cmp_ps_mask(below, (__m512)y, b, _CMP_LT_OQ) != 0;
    }
#elif defined(__AVX__)
    if constexpr (sizeof(A) == 4) {
        return _mm256_movemask_ps((__m256)((x < bound) & (y < bound))) != 0;
    }
#endif
    bool found = false;
    for (int i = 0; i < Vector<A>::lanes; i++) found |= x[i] < bound && y[i] < bound;
    return found;
}

// f / (f + i) and i / (f + i) for f = sigmoid(x), i = sigmoid(y), and sigmoid(-x), sigmoid(-y).
template <class A>
struct Shares {
    V<A> forget, input, not_forget, not_input;
};

template <class A, bool Rough = false>
INLINE Shares<A> shares(V<A> x, V<A> y) {
    // Where both sigmoids are tiny they are exponentials, and adding one number to x and to y leaves
    // the shares as they are: it keeps their quotient from being clamped.
    constexpr A floor = sizeof(A) == 4 ? A(-30) : A(-45);
    if (any_below<A>(x, y, floor)) {
        V<A> lift = at_least<A>(floor - select<A>(x > y, x, y), A(0));
        x += lift;
        y += lift;
    }
    V<A> u = exp_of_minus<Rough>(clamped<A>(x));
    V<A> v = exp_of_minus<Rough>(clamped<A>(y));
    V<A> u1 = u + A(1), v1 = v + A(1);
    V<A> sum = reciprocal<A, Rough>(u1 + v1);
    return {v1 * sum, u1 * sum, u * reciprocal<A, Rough>(u1), v * reciprocal<A, Rough>(v1)};
}

}    // namespace RUNNEL_VARIANT
