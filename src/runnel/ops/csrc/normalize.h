// The root-mean-square norm of rows: two passes over a row that stays in the first-level cache.
#pragma once

#include "rows.h"

namespace RUNNEL_VARIANT {

template <class A, class S>
class RootMeanSquare {
    const Norm& call;

   public:
    explicit RootMeanSquare(const Norm& c) : call(c) {}

    int forward() const {
        const A* weight = (const A*)call.weight;
        each_task([&](int64_t, int64_t first, int64_t last) {
            for (int64_t row = first; row < last; row++) {
                const S* x = (const S*)call.x + row * call.width;
                S* y = (S*)call.y + row * call.width;
                A square = sum_over_row([&](int64_t e, auto lanes) {
                    V<A> v = load<A>(x + e, lanes);
                    return v * v;
                });
                A inverse = A(1) / std::sqrt(square / A(call.width) + A(call.eps));
                ((A*)call.inverse)[row] = inverse;
                over<A>(call.width, [&](int64_t e, auto lanes) {
                    V<A> w = load<A>(weight + e, lanes);
                    store<A>(y + e, load<A>(x + e, lanes) * inverse * w, lanes);
                });
            }
        });
        return DONE;
    }

    // With r the inverse and s = sum(weight g x): grad_x = r (weight g - x r^2 s / D).
    int backward() const {
        const A* weight = (const A*)call.weight;
        Sums<A> sums(tasks_of(call.rows), call.width);
        if (!sums.data) return OUT_OF_MEMORY;
        each_task([&](int64_t task, int64_t first, int64_t last) {
            A* sum = sums.of(task);
            for (int64_t row = first; row < last; row++) {
                const S* x = (const S*)call.x + row * call.width;
                const S* g = (const S*)call.grad_y + row * call.width;
                S* out = (S*)call.grad_x + row * call.width;
                const A inverse = ((const A*)call.inverse)[row];
                A dot = sum_over_row([&](int64_t e, auto lanes) {
                    return load<A>(weight + e, lanes) * load<A>(g + e, lanes) *
                           load<A>(x + e, lanes);
                });
                const A share = dot * inverse * inverse / A(call.width);
                over<A>(call.width, [&](int64_t e, auto lanes) {
                    V<A> v = load<A>(x + e, lanes), u = load<A>(g + e, lanes);
                    V<A> w = load<A>(weight + e, lanes);
                    store<A>(sum + e, load<A>(sum + e, lanes) + u * (v * inverse), lanes);
                    store<A>(out + e, (w * u - v * share) * inverse, lanes);
                });
            }
        });
        sums.add_up((A*)call.grad_weight);
        return DONE;
    }

   private:
    template <class F>
    void each_task(const F& f) const {
        for_each(call.head, tasks_of(call.rows), call.rows * call.width, [&](int64_t task) {
            int64_t first = task * task_rows, last = first + task_rows;
            f(task, first, last < call.rows ? last : call.rows);
        });
    }

    // Four sums side by side, because one addition takes four cycles.
    template <class F>
    INLINE A sum_over_row(const F& term) const {
        constexpr int n = Vector<A>::lanes;
        V<A> sum[4] = {};
        int64_t e = 0;
        for (; e + 4 * n <= call.width; e += 4 * n) {
            for (int i = 0; i < 4; i++) sum[i] += term(e + i * n, All<A>{});
        }
        for (; e + n <= call.width; e += n) sum[0] += term(e, All<A>{});
        if (e < call.width) sum[1] += term(e, Some<A>{(int)(call.width - e)});
        return sum_of_lanes<A>((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
};

}    // namespace RUNNEL_VARIANT
