// Activations that make one number of one or two, each in a single pass.
#pragma once

#include "exponential.h"
#include "rows.h"

namespace RUNNEL_VARIANT {

template <class A>
INLINE V<A> square_root(V<A> x) {
#if defined(__AVX512F__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm512_sqrt_ps((__m512)x);
    if constexpr (sizeof(A) == 8) return (V<A>)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm256_sqrt_ps((__m256)x);
    if constexpr (sizeof(A) == 8) return (V<A>)_mm256_sqrt_pd((__m256d)x);
#endif
    for (int i = 0; i < Vector<A>::lanes; i++) x[i] = std::sqrt(x[i]);
    return x;
}

template <class A, class S>
class Activate {
    const Activation& call;

   public:
    explicit Activate(const Activation& c) : call(c) {}

    int run() const {
        if (call.kind == SQUARED_RELU) {
            return call.head.backward ? squared_relu_backward() : squared_relu();
        }
        if (call.kind == GATED_SILU) {
            return call.head.backward ? gated_silu_backward() : gated_silu();
        }
        return UNSUPPORTED;
    }

   private:
    int squared_relu() const {
        const S* x = (const S*)call.x;
        S* y = (S*)call.y;
        each_piece([&](int64_t i, auto lanes) {
            V<A> v = load<A>(x + i, lanes);
            store<A>(y + i, select<A>(v <= A(0), V<A>{}, v * v), lanes);    // keeps not-a-numbers
        });
        return DONE;
    }

    // The root of a correctly rounded square is the number itself: 2 x = 2 sqrt(y).
    int squared_relu_backward() const {
        const S* y = (const S*)call.y;
        const S* g = (const S*)call.grad_y;
        S* out = (S*)call.grad_x;
        each_piece([&](int64_t i, auto lanes) {
            V<A> root = square_root<A>(load<A>(y + i, lanes));
            store<A>(out + i, (root + root) * load<A>(g + i, lanes), lanes);
        });
        return DONE;
    }

    int gated_silu() const {
        each_row([&](const S* gate, const S* value, int64_t row) {
            S* y = (S*)call.y + row * call.width;
            over<A>(call.width, [&](int64_t e, auto lanes) {
                V<A> u = load<A>(gate + e, lanes);
                V<A> silu = u * sigmoid<A>(u).of;
                store<A>(y + e, silu * load<A>(value + e, lanes), lanes);
            });
        });
        return DONE;
    }

    // silu'(u) = sigma(u) (1 + u sigma(-u)).
    int gated_silu_backward() const {
        each_row([&](const S* gate, const S* value, int64_t row) {
            const S* g = (const S*)call.grad_y + row * call.width;
            S* out = (S*)call.grad_x + 2 * row * call.width;
            over<A>(call.width, [&](int64_t e, auto lanes) {
                V<A> u = load<A>(gate + e, lanes), grad = load<A>(g + e, lanes);
                Sigmoid<A> s = sigmoid<A>(u);
                V<A> slope = s.of * (u * s.of_minus + A(1));
                store<A>(out + e, grad * load<A>(value + e, lanes) * slope, lanes);
                store<A>(out + call.width + e, grad * (u * s.of), lanes);
            });
        });
        return DONE;
    }

    // body(i, lanes) over all numbers, rows regardless.
    template <class F>
    void each_piece(const F& body) const {
        constexpr int64_t piece = 1 << 13;
        const int64_t count = call.rows * call.width;
        for_each(call.head, (count + piece - 1) / piece, count, [&](int64_t task) {
            int64_t first = task * piece, left = count - first;
            over<A>(left < piece ? left : piece,
                    [&](int64_t e, auto lanes) { body(first + e, lanes); });
        });
    }

    template <class F>
    void each_row(const F& body) const {
        constexpr int64_t rows = 16;
        for_each(call.head, (call.rows + rows - 1) / rows, call.rows * call.width,
                 [&](int64_t task) {
                     int64_t end = (task + 1) * rows < call.rows ? (task + 1) * rows : call.rows;
                     for (int64_t row = task * rows; row < end; row++) {
                         const S* gate = (const S*)call.x + 2 * row * call.width;
                         body(gate, gate + call.width, row);
                     }
                 });
    }
};

}    // namespace RUNNEL_VARIANT
