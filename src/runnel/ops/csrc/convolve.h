// A short causal depthwise convolution over time: each position reads the rows just before it.
#pragma once

#include "rows.h"

namespace RUNNEL_VARIANT {

template <class A, class S>
class Convolve {
    const Convolution& call;
    const int64_t time, width, taps, before;    // before: positions of the tail
    const A* const weight;

   public:
    explicit Convolve(const Convolution& c)
        : call(c),
          time(c.time),
          width(c.width),
          taps(c.taps),
          before(c.taps - 1),
          weight((const A*)c.weight) {}

    int forward() const {
        each_task([&](int64_t, int64_t b, int64_t first, int64_t last) {
            for (int64_t t = first; t < last; t++) {
                S* y = (S*)call.y + (b * time + t) * width;
                const int64_t count = taps_back(b, t);
                if (count == 4 && t >= 3) {
                    forward_row<4>(4, input(b, t), y);
                } else if (count <= t + 1) {
                    forward_row<0>(count, input(b, t), y);
                } else {
                    forward_at_start(b, t, count, y);
                }
            }
        });
        for (int64_t b = 0; b < call.batch; b++) keep_tail(b);
        return DONE;
    }

    int backward() const {
        const int64_t runs = tasks_of(time);
        Sums<A> sums(call.batch * runs, taps * width);
        if (!sums.data) return OUT_OF_MEMORY;
        each_task([&](int64_t task, int64_t b, int64_t first, int64_t last) {
            A* sum = sums.of(task);
            for (int64_t t = first; t < last; t++) {
                const int64_t back = taps_back(b, t), on = taps_on(b, t);
                const bool inside = t >= 3 && t < time - before;
                if (call.grad_y && back == 4 && on == 4 && inside) {
                    backward_row<4>(b, t, sum);
                } else {
                    backward_anywhere(b, t, back, on, sum);
                }
            }
        });
        for (int64_t b = 0; b < call.batch; b++) {
            for (int64_t s = -before; s < 0; s++) {
                A* out = (A*)call.grad_tail + (b * before + before + s) * width;
                const int64_t on = taps_on(b, s);
                over<A>(width, [&](int64_t e, auto lanes) {
                    store<A>(out + e, gradient_at(b, s, on, e, lanes), lanes);
                });
            }
        }
        sums.add_up((A*)call.grad_weight);
        return DONE;
    }

   private:
    INLINE const S* input(int64_t b, int64_t t) const {
        return (const S*)call.x + (b * time + t) * width;
    }
    INLINE const A* tail_row(int64_t b, int64_t t) const {
        return (const A*)call.tail + (b * before + before + t) * width;
    }
    INLINE const S* gradient(int64_t b, int64_t t) const {
        return (const S*)call.grad_y + (b * time + t) * width;
    }

    // x_t, where t < 0 lies in the tail.
    template <class L>
    INLINE V<A> any_input(int64_t b, int64_t t, int64_t e, L lanes) const {
        return t < 0 ? load<A>(tail_row(b, t) + e, lanes) : load<A>(input(b, t) + e, lanes);
    }

    // How many taps, from tap 0 on, look at inputs of t's own document.
    INLINE int64_t taps_back(int64_t b, int64_t t) const {
        if (!call.reset) return taps;
        const uint8_t* reset = call.reset + b * time;
        for (int64_t k = 0; k < taps && t - k >= 0; k++) {
            if (reset[t - k]) return k + 1;
        }
        return taps;
    }

    // How many taps, from tap 0 on, are those by which s's own document looks at s.
    INLINE int64_t taps_on(int64_t b, int64_t s) const {
        const uint8_t* reset = call.reset ? call.reset + b * time : nullptr;
        for (int64_t k = 1; k < taps; k++) {
            if (s + k >= time || (s + k >= 0 && reset && reset[s + k])) return k;
        }
        return taps;
    }

    // Whether the tail after x holds x_s: it is recent and nothing was reset since.
    INLINE bool is_kept(int64_t b, int64_t s) const {
        if (s < time - before) return false;
        for (int64_t t = s + 1; call.reset && t < time; t++) {
            if (t >= 0 && call.reset[b * time + t]) return false;
        }
        return true;
    }

    // K taps, or `count` where K is 0, all of them inside x.
    template <int K>
    INLINE void forward_row(int64_t count, const S* x, S* y) const {
        const int64_t n = K ? K : count;
        over<A>(width, [&](int64_t e, auto lanes) {
            V<A> sum = load<A>(weight + e, lanes) * load<A>(x + e, lanes);
            for (int64_t k = 1; k < n; k++) {
                V<A> w = load<A>(weight + k * width + e, lanes);
                sum = w * load<A>(x - k * width + e, lanes) + sum;
            }
            store<A>(y + e, sum, lanes);
        });
    }

    void forward_at_start(int64_t b, int64_t t, int64_t count, S* y) const {
        over<A>(width, [&](int64_t e, auto lanes) {
            V<A> sum{};
            for (int64_t k = 0; k < count; k++) {
                V<A> w = load<A>(weight + k * width + e, lanes);
                sum = w * any_input(b, t - k, e, lanes) + sum;
            }
            store<A>(y + e, sum, lanes);
        });
    }

    void keep_tail(int64_t b) const {
        for (int64_t p = 0; p < before; p++) {
            const int64_t s = time - before + p;
            A* out = (A*)call.tail_after + (b * before + p) * width;
            const bool kept = is_kept(b, s);
            over<A>(width, [&](int64_t e, auto lanes) {
                store<A>(out + e, kept ? any_input(b, s, e, lanes) : V<A>{}, lanes);
            });
        }
    }

    // K taps both ways, all inside x.
    template <int K>
    INLINE void backward_row(int64_t b, int64_t t, A* sum) const {
        const S* x = input(b, t);
        const S* g = gradient(b, t);
        S* out = (S*)call.grad_x + (b * time + t) * width;
        over<A>(width, [&](int64_t e, auto lanes) {
            const V<A> u = load<A>(g + e, lanes);
            V<A> grad{};
            for (int64_t k = 0; k < K; k++) {
                A* s = sum + k * width + e;
                V<A> w = load<A>(weight + k * width + e, lanes);
                grad = w * load<A>(g + k * width + e, lanes) + grad;
                store<A>(s, u * load<A>(x - k * width + e, lanes) + load<A>(s, lanes), lanes);
            }
            store<A>(out + e, grad, lanes);
        });
    }

    void backward_anywhere(int64_t b, int64_t t, int64_t back, int64_t on, A* sum) const {
        S* out = (S*)call.grad_x + (b * time + t) * width;
        over<A>(width, [&](int64_t e, auto lanes) {
            store<A>(out + e, gradient_at(b, t, on, e, lanes), lanes);
            if (!call.grad_y) return;
            const V<A> u = load<A>(gradient(b, t) + e, lanes);
            for (int64_t k = 0; k < back; k++) {
                A* s = sum + k * width + e;
                store<A>(s, u * any_input(b, t - k, e, lanes) + load<A>(s, lanes), lanes);
            }
        });
    }

    // The gradient of x_s, s < 0 in the tail, from the outputs that see it and the tail after x.
    template <class L>
    INLINE V<A> gradient_at(int64_t b, int64_t s, int64_t on, int64_t e, L lanes) const {
        V<A> grad{};
        for (int64_t k = s < 0 ? -s : 0; call.grad_y && k < on; k++) {
            V<A> w = load<A>(weight + k * width + e, lanes);
            grad = w * load<A>(gradient(b, s + k) + e, lanes) + grad;
        }
        if (call.grad_after && is_kept(b, s)) {
            const A* after = (const A*)call.grad_after + (b * before + s - time + before) * width;
            grad = grad + load<A>(after + e, lanes);
        }
        return grad;
    }

    template <class F>
    void each_task(const F& f) const {
        const int64_t runs = tasks_of(time);
        for_each(call.head, call.batch * runs, call.batch * time * width, [&](int64_t task) {
            const int64_t first = task % runs * task_rows, last = first + task_rows;
            f(task, task / runs, first, last < time ? last : time);
        });
    }
};

}    // namespace RUNNEL_VARIANT
