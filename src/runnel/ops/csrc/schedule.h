// How a scan is divided: channels and batch over threads, and time where those are too few.
#pragma once

#include <cstdint>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "scan.h"

namespace RUNNEL_VARIANT {

// Channels of one task at most, so that its state stays in the first-level cache.
constexpr int64_t block_width = 1024;
// Blocks begin at multiples of this: a cache line of bfloat16, so threads share no line.
constexpr int64_t granule = 32;
// Below this many elements one thread is done before a second one has started.
constexpr int64_t small = 1 << 14;

// Batch and time fall into `batch` * `chunks` runs, which depends on the shape only: it decides in
// which order numbers are added. Channels fall into `blocks`, which may depend on the number of
// threads, for no channel knows of another.
struct Schedule {
    int64_t batch, time, width;
    int64_t chunks, chunk;    // runs of time, and their length
    int64_t blocks, block;    // runs of channels, and their width
    int threads;

    explicit Schedule(const Scan& s) : batch(s.batch), time(s.time), width(s.width) {
        // Time is cut where batch and channels alone make fewer than `enough` independent pieces.
        constexpr int64_t enough = 8, narrow = 64, shortest = 1024;
        int64_t pieces = batch * ceiling(width, narrow);
        chunks = 1;
        if (pieces > 0 && pieces < enough) {
            chunks = ceiling(enough, pieces);
            if (chunks > time / shortest) chunks = time / shortest;
            if (chunks < 1) chunks = 1;
        }
        chunk = ceiling(time, chunks);
        if (chunk > 0) chunks = ceiling(time, chunk);
        if (chunks < 1) chunks = 1;

        threads = s.threads < 1 ? 1 : (int)s.threads;
        if (batch * time * width < small) threads = 1;
        blocks = ceiling(width, block_width);
        if (blocks < 1) blocks = 1;
        int64_t most = ceiling(width, 2 * granule);
        while (blocks < most && !balanced()) blocks++;
        block = ceiling(ceiling(width, blocks), granule) * granule;
        if (block > block_width) block = block_width;
        blocks = block > 0 ? ceiling(width, block) : 0;
    }

    bool balanced() const {
        int64_t tasks = batch * chunks * blocks;
        return tasks % threads == 0 || tasks >= 4 * threads;
    }

    static int64_t ceiling(int64_t x, int64_t y) { return (x + y - 1) / y; }
};

// A decaying state soon reaches numbers below the smallest normal one, on which processors are a
// hundred times slower: they count as zero while a scan runs.
class FlushSubnormals {
#if defined(__SSE__)
    unsigned before;

   public:
    FlushSubnormals() : before(_mm_getcsr()) { _mm_setcsr(before | 0x8040); }
    ~FlushSubnormals() { _mm_setcsr(before); }
#endif
};

// f(b, c, e0, e1) for batch entry b, run of time c, channels e0 to e1.
template <class F>
void for_each_task(const Schedule& s, const F& f) {
    int64_t tasks = s.batch * s.chunks * s.blocks;
#pragma omp parallel for schedule(dynamic, 1) num_threads(s.threads) if (s.threads > 1)
    for (int64_t task = 0; task < tasks; task++) {
        FlushSubnormals guard;
        int64_t run = task / s.blocks, e0 = task % s.blocks * s.block;
        int64_t e1 = e0 + s.block < s.width ? e0 + s.block : s.width;
        f(run / s.chunks, run % s.chunks, e0, e1);
    }
}

}    // namespace RUNNEL_VARIANT
