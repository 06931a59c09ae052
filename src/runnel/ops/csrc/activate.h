// Activations that make one number of one or two, each in a single pass.
#pragma once

#include "exponential.h"
#include "gelu.h"
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
#elif defined(__SSE2__)
    if constexpr (sizeof(A) == 4) return (V<A>)_mm_sqrt_ps((__m128)x);
    if constexpr (sizeof(A) == 8) return (V<A>)_mm_sqrt_pd((__m128d)x);
#endif
    for (int i = 0; i < Vector<A>::lanes; i++) x[i] = std::sqrt(x[i]);
    return x;
}

template <class A, class S>
class Activate {
    const Activation& call;
    const A* const bias;

   public:
    explicit Activate(const Activation& c) : call(c), bias((const A*)c.bias) {}

    int run() const {
        if (!call.head.backward) {
            each_task([&](int64_t, int64_t i, int64_t count) { forward(i, count); });
            return DONE;
        }
        if (!bias) {
            each_task([&](int64_t, int64_t i, int64_t count) { backward(i, count, nullptr); });
            return DONE;
        }
        Sums<A> sums(tasks_of(call.rows), inputs() * call.width);
        if (!sums.data) return OUT_OF_MEMORY;
        each_task([&](int64_t task, int64_t i, int64_t count) {
            backward(i, count, sums.of(task));
        });
        sums.add_up((A*)call.grad_bias);
        return DONE;
    }

   private:
    // Numbers of x for each of y.
    INLINE int64_t inputs() const { return call.kind == GATED_SILU ? 2 : 1; }

    // f(task, i, count) for the numbers of y from i on: those of a row, or of a task where neither
    // gate nor bias make rows matter.
    template <class F>
    void each_task(const F& f) const {
        const int64_t all = call.rows * call.width;
        if (!bias && call.kind != GATED_SILU) {
            constexpr int64_t piece = 1 << 13;
            for_each(call.head, (all + piece - 1) / piece, all, [&](int64_t task) {
                const int64_t left = all - task * piece;
                f(task, task * piece, left < piece ? left : piece);
            });
            return;
        }
        for_each(call.head, tasks_of(call.rows), all, [&](int64_t task) {
            const int64_t end = (task + 1) * task_rows;
            for (int64_t row = task * task_rows; row < end && row < call.rows; row++) {
                f(task, row * call.width, call.width);
            }
        });
    }

    // The number of x at p, `e` numbers into its row, before the activation.
    template <class L>
    INLINE V<A> biased(const S* p, int64_t e, L lanes) const {
        V<A> x = load<A>(p + e, lanes);
        return bias ? x + load<A>(bias + e, lanes) : x;
    }

    INLINE void forward(int64_t i, int64_t count) const {
        const S* x = (const S*)call.x + inputs() * i;
        S* y = (S*)call.y + i;
        if (call.kind == SQUARED_RELU) {
            over<A>(count, [&](int64_t e, auto lanes) {
                V<A> u = biased(x, e, lanes);
                store<A>(y + e, select<A>(u <= A(0), V<A>{}, u * u), lanes);    // keeps NaN
            });
        } else if (call.kind == GELU_OF) {
            over<A>(count, [&](int64_t e, auto lanes) {
                V<A> u = biased(x, e, lanes);
                store<A>(y + e, u * normal<A, rough<S>>(u).below, lanes);
            });
        } else {
            over<A>(count, [&](int64_t e, auto lanes) {
                V<A> gate = biased(x, e, lanes), value = biased(x, count + e, lanes);
                store<A>(y + e, gate * sigmoid<A>(gate).of * value, lanes);
            });
        }
    }

    // Adds to `sum`, over the numbers of a row of x, where it is given.
    INLINE void backward(int64_t i, int64_t count, A* sum) const {
        const S* g = (const S*)call.grad_y + i;
        S* out = (S*)call.grad_x + inputs() * i;
        if (call.kind == SQUARED_RELU) {
            // The root of a correctly rounded square is the number itself: 2 x = 2 sqrt(y).
            const S* y = (const S*)call.y + i;
            over<A>(count, [&](int64_t e, auto lanes) {
                V<A> root = square_root<A>(load<A>(y + e, lanes));
                leave(out, sum, e, (root + root) * load<A>(g + e, lanes), lanes);
            });
        } else if (call.kind == GELU_OF) {
            const S* x = (const S*)call.x + i;
            S* y = (S*)call.y + i;
            over<A>(count, [&](int64_t e, auto lanes) {
                V<A> u = biased(x, e, lanes);
                Normal<A> at = normal<A, rough<S>>(u);
                store<A>(y + e, u * at.below, lanes);
                leave(out, sum, e, load<A>(g + e, lanes) * (u * at.density + at.below), lanes);
            });
        } else {
            // silu'(u) = sigma(u) (1 + u sigma(-u)).
            const S* x = (const S*)call.x + 2 * i;
            over<A>(count, [&](int64_t e, auto lanes) {
                V<A> gate = biased(x, e, lanes), value = biased(x, count + e, lanes);
                V<A> grad = load<A>(g + e, lanes);
                Sigmoid<A> s = sigmoid<A>(gate);
                V<A> slope = s.of * (gate * s.of_minus + A(1));
                leave(out, sum, e, grad * value * slope, lanes);
                leave(out, sum, count + e, grad * (gate * s.of), lanes);
            });
        }
    }

    template <class L>
    INLINE static void leave(S* out, A* sum, int64_t e, V<A> grad, L lanes) {
        store<A>(out + e, grad, lanes);
        if (sum) store<A>(sum + e, load<A>(sum + e, lanes) + grad, lanes);
    }
};

}    // namespace RUNNEL_VARIANT
