// The normal distribution's Phi and phi, of which GELU and its gradient are made.
#pragma once

#include <cmath>

#include "exponential.h"

namespace RUNNEL_VARIANT {

template <class A>
struct Normal {
    V<A> below, density;    // Phi(x) and phi(x)
};

// In float32 Phi's tail is a polynomial times exp(-x^2 / 2), with an absolute error below 1e-7
// (Abramowitz and Stegun 1964, 7.1.26).
template <class A, bool Rough = false>
INLINE Normal<A> normal(V<A> x) {
    V<A> size = select<A>(x < A(0), -x, x);
    // Of a size for which the tail is zero already: no infinity may come into a rough reciprocal.
    size = at_most<A>(size, A(40));
    V<A> bell = exp_of_minus<Rough>(at_most<A>(x * x * A(0.5), limit<A>));
    V<A> tail;
    if constexpr (sizeof(A) == 4) {
        V<A> t = reciprocal<A, Rough>(size * A(0.3275911 * 0.70710678118654752) + A(1));
        V<A> p = polynomial<A>(t, A(0), A(0.254829592), A(-0.284496736), A(1.421413741),
                               A(-1.453152027), A(1.061405429));
        tail = A(0.5) * p * bell;
    } else {
        for (int i = 0; i < Vector<A>::lanes; i++) {
            tail[i] = A(0.5) * std::erfc(size[i] * A(0.70710678118654752));
        }
    }
    return {select<A>(x < A(0), tail, A(1) - tail), bell * A(0.39894228040143268)};
}

}    // namespace RUNNEL_VARIANT
