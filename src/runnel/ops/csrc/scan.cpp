// The door of the library: the best variant that this processor can run does the work.
#include "scan.h"

#define DECLARE(name)                                                       \
    namespace name {                                                        \
    int scan(const Scan& s, bool backward);                                 \
    int sigmoid_of(const void* in, void* out, int64_t count, int dtype);    \
    }

DECLARE(baseline)
#if defined(RUNNEL_X86)
DECLARE(avx2)
DECLARE(avx512)
#endif

int runnel_has_variant(int variant) {
    if (variant == BEST || variant == BASELINE) return 1;
#if defined(RUNNEL_X86)
    if (variant == AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (variant == AVX512) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
    }
#endif
    return 0;
}

static int chosen(int64_t wanted) {
    static const int best =
        runnel_has_variant(AVX512) ? AVX512 : (runnel_has_variant(AVX2) ? AVX2 : BASELINE);
    if (wanted == BEST) return best;
    return runnel_has_variant((int)wanted) ? (int)wanted : -1;
}

static int scan_by(const Scan& s, bool backward) {
    switch (chosen(s.variant)) {
        case BASELINE: return baseline::scan(s, backward);
#if defined(RUNNEL_X86)
        case AVX2: return avx2::scan(s, backward);
        case AVX512: return avx512::scan(s, backward);
#endif
        default: return UNSUPPORTED;
    }
}

int runnel_forward(const Scan* scan) { return scan_by(*scan, false); }

int runnel_backward(const Scan* scan) { return scan_by(*scan, true); }

int runnel_sigmoid(const void* in, void* out, int64_t count, int dtype, int variant) {
    switch (chosen(variant)) {
        case BASELINE: return baseline::sigmoid_of(in, out, count, dtype);
#if defined(RUNNEL_X86)
        case AVX2: return avx2::sigmoid_of(in, out, count, dtype);
        case AVX512: return avx512::sigmoid_of(in, out, count, dtype);
#endif
        default: return UNSUPPORTED;
    }
}
