// Real and complex vectors with the few operations that a recurrence needs.
#pragma once

#include "vectors.h"

namespace RUNNEL_VARIANT {

template <class A>
struct Real {
    typedef A scalar;
    static constexpr int parts = 1;
    V<A> re;
};

template <class A>
struct Complex {
    typedef A scalar;
    static constexpr int parts = 2;
    V<A> re, im;
};

template <class A>
INLINE Real<A> operator+(Real<A> x, Real<A> y) {
    return {x.re + y.re};
}
template <class A>
INLINE Complex<A> operator+(Complex<A> x, Complex<A> y) {
    return {x.re + y.re, x.im + y.im};
}
template <class A>
INLINE Real<A> operator-(Real<A> x, Real<A> y) {
    return {x.re - y.re};
}
template <class A>
INLINE Complex<A> operator-(Complex<A> x, Complex<A> y) {
    return {x.re - y.re, x.im - y.im};
}
template <class A>
INLINE Real<A> operator*(Real<A> x, Real<A> y) {
    return {x.re * y.re};
}
template <class A>
INLINE Complex<A> operator*(Real<A> x, Complex<A> y) {
    return {x.re * y.re, x.re * y.im};
}
template <class A>
INLINE Complex<A> operator*(Complex<A> x, Complex<A> y) {
    return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}
template <class A>
INLINE Real<A> conjugate(Real<A> x) {
    return x;
}
template <class A>
INLINE Complex<A> conjugate(Complex<A> x) {
    return {x.re, -x.im};
}

// Re(conj(x) y), the derivative of a loss along a real direction.
template <class A>
INLINE V<A> inner(Real<A> x, Real<A> y) {
    return x.re * y.re;
}
template <class A>
INLINE V<A> inner(Complex<A> x, Complex<A> y) {
    return x.re * y.re + x.im * y.im;
}

// The gradient of a decay that multiplies `before`, in the decay's own kind of number.
template <class A, class N>
INLINE void decay_gradient(N adjoint, N before, Real<A>& out) {
    out.re = inner<A>(before, adjoint);
}
template <class A>
INLINE void decay_gradient(Complex<A> adjoint, Complex<A> before, Complex<A>& out) {
    out = adjoint * conjugate(before);
}

// Numbers in arrays: reals of storage type S; complex ones as interleaved pairs of A. `i` counts
// numbers.
template <class N, class S, class L>
INLINE N load_number(const S* p, int64_t i, L lanes) {
    typedef typename N::scalar A;
    if constexpr (N::parts == 1) {
        return {load<A>(p + i, lanes)};
    } else {
        N x;
        constexpr int n = Vector<A>::lanes;
        p += 2 * i;
        V<A> low, high{};
        if constexpr (!L::partial) {
            low = load<A>(p, lanes);
            high = load<A>(p + n, lanes);
        } else if (2 * lanes.count <= n) {
            low = load<A>(p, L{2 * lanes.count});
        } else {
            low = load<A>(p, All<A>{});
            high = load<A>(p + n, L{2 * lanes.count - n});
        }
        split_lanes<A>(low, high, x.re, x.im, std::make_integer_sequence<int, n>());
        return x;
    }
}

// Asks for all the lines of a vector of numbers.
template <class N, Level level, class S>
INLINE void prefetch_number(const S* p, int64_t i) {
    prefetch<level>(p, N::parts * i);
    if constexpr (N::parts == 2) prefetch<level>(p, 2 * i + Vector<typename N::scalar>::lanes);
}

template <class N, class S, class L>
INLINE void store_number(S* p, int64_t i, N x, L lanes, bool streaming = false) {
    typedef typename N::scalar A;
    if constexpr (N::parts == 1) {
        store<A>(p + i, x.re, lanes, streaming);
    } else {
        constexpr int n = Vector<A>::lanes;
        p += 2 * i;
        V<A> low, high;
        join_lanes<A>(x.re, x.im, low, high, std::make_integer_sequence<int, n>());
        if constexpr (!L::partial) {
            store<A>(p, low, lanes, streaming);
            store<A>(p + n, high, lanes, streaming);
        } else if (2 * lanes.count <= n) {
            store<A>(p, low, L{2 * lanes.count});
        } else {
            store<A>(p, low, All<A>{});
            store<A>(p + n, high, L{2 * lanes.count - n});
        }
    }
}

}    // namespace RUNNEL_VARIANT
