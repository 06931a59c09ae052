// Runs a program for one token, compiled once for each instruction set.
#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
#endif

#include "cell_steps.h"
#include "decoder.h"
#include "products.h"

namespace RUNNEL_VARIANT {

int lanes() { return Vector<float>::lanes; }

// All threads wait here until the last has come. Spinning is quicker than any call of the system;
// whoever waits for a thread that has lost its core gives up its own.
static void meet(Meeting& at, int threads) {
    if (threads == 1) return;
    const int now = __atomic_load_n(&at.round, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&at.arrived, 1, __ATOMIC_ACQ_REL) == threads) {
        __atomic_store_n(&at.arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&at.round, now + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int spins = 0; __atomic_load_n(&at.round, __ATOMIC_ACQUIRE) == now; spins++) {
#if defined(__SSE2__)
        _mm_pause();
#endif
#if defined(__unix__) || defined(__APPLE__)
        if (spins > 2000) sched_yield();
#endif
    }
}

// Products are divided among the threads, who meet after each; all else is so short that every
// thread does all of it for itself.
static void run_thread(const Program& p, int me, int all, int64_t token, const float* state,
                       float* after, float* logits) {
    FlushSubnormals guard;
    float *base = p.places, *mine = p.places + me * p.own;
    auto place = [&](int64_t at) { return (at < p.shared ? base : mine) + at; };
    for (int64_t k = 0; k < p.count; k++) {
        const Instruction& i = p.instructions[k];
        float* y = i.y < 0 ? logits : place(i.y);
        if (i.makes == PRODUCT) {
            const Packed& m = p.packed[k];
            multiply(m, i.bias, place(i.x), y, m.blocks * me / all, m.blocks * (me + 1) / all);
            meet(*p.meeting, all);
        } else if (i.makes == EMBEDDING) {
            memcpy(y, i.weight + token * i.count, i.count * sizeof(float));
        } else {
            cell_step(i, {place(i.x), place(i.z), y, state + i.state,
                          me == 0 ? after + i.state : nullptr, token});
        }
    }
}

void run(const Program& program, int64_t token, const float* state, float* after, float* logits) {
#pragma omp parallel num_threads(program.threads) if (program.threads > 1)
    {
#if defined(_OPENMP)
        const int me = omp_get_thread_num(), all = omp_get_num_threads();
#else
        const int me = 0, all = 1;
#endif
        run_thread(program, me, all, token, state, after, logits);
    }
}

double read(const void* data, int64_t bytes, int64_t threads) {
    const int64_t pieces = threads < 1 ? 1 : threads, vectors = bytes / RUNNEL_BYTES;
    double total = 0;
#pragma omp parallel for num_threads((int)pieces) if (pieces > 1) reduction(+ : total)
    for (int64_t piece = 0; piece < pieces; piece++) {
        V<float> sum[4] = {};
        const char* p = (const char*)data + vectors * piece / pieces * RUNNEL_BYTES;
        const char* end = (const char*)data + vectors * (piece + 1) / pieces * RUNNEL_BYTES;
        for (; p + 4 * RUNNEL_BYTES <= end; p += 4 * RUNNEL_BYTES) {
            for (int i = 0; i < 4; i++) {
                prefetch(p, i * RUNNEL_BYTES + fetch_ahead);
                sum[i] += load<float>((const float*)(p + i * RUNNEL_BYTES), All<float>{});
            }
        }
        total += sum_of_lanes<float>((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
    return total;
}

}    // namespace RUNNEL_VARIANT
