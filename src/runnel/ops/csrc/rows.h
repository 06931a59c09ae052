// How passes over rows are divided, and what they share.
#pragma once

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "fused.h"
#include "vectors.h"

namespace RUNNEL_VARIANT {

// Rows of one task. Sums over rows are made for each task and then added in the order of the tasks,
// which depends on the shape only, so that they do not depend on the number of threads.
constexpr int64_t task_rows = 128;
// Below this many elements one thread is done before a second one has started.
constexpr int64_t one_thread = 1 << 14;

// body(e, lanes) for the vectors of a row.
template <class A, class F>
INLINE void over(int64_t width, const F& body) {
    constexpr int n = Vector<A>::lanes;
    int64_t e = 0;
    for (; e + n <= width; e += n) body(e, All<A>{});
    if (e < width) body(e, Some<A>{(int)(width - e)});
}

// f(task) for each of `tasks` tasks that share `elements` elements.
template <class F>
void for_each(const Fused& head, int64_t tasks, int64_t elements, const F& f) {
    const int threads = elements < one_thread || head.threads < 1 ? 1 : (int)head.threads;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1)
    for (int64_t task = 0; task < tasks; task++) f(task);
}

inline int64_t tasks_of(int64_t rows) { return (rows + task_rows - 1) / task_rows; }

// One row of sums per task, zero at first; freed with the call.
template <class A>
struct Sums {
    A* data;
    int64_t tasks, width, pitch;

    Sums(const Sums&) = delete;
    Sums(int64_t tasks, int64_t width)
        : tasks(tasks), width(width), pitch((width + 15) / 16 * 16) {
        data = (A*)calloc(tasks * pitch + 1, sizeof(A));
    }
    ~Sums() { free(data); }
    A* of(int64_t task) const { return data + task * pitch; }
    void add_up(A* out) const {
        memset(out, 0, width * sizeof(A));
        for (int64_t task = 0; task < tasks; task++) {
            const A* from = of(task);
            for (int64_t e = 0; e < width; e++) out[e] += from[e];
        }
    }
};

// The sum of a vector's lanes, in the same order for every instruction set of one width.
template <class A>
INLINE A sum_of_lanes(V<A> x) {
    A lanes[Vector<A>::lanes];
    memcpy(lanes, &x, sizeof x);
    for (int n = Vector<A>::lanes / 2; n > 0; n /= 2) {
        for (int i = 0; i < n; i++) lanes[i] += lanes[i + n];
    }
    return lanes[0];
}

}    // namespace RUNNEL_VARIANT
