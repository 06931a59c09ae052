// The door of the library: the best variant that this processor can run does the work.
#include "scan.h"

#define DECLARE(name)                                            \
    namespace name {                                             \
    int scan(const Scan& s, bool backward);                      \
    int sigmoid_of(const void* in, void* out, int64_t count);    \
    }

DECLARE(doubles)
DECLARE(baseline)
#if defined(RUNNEL_X86)
DECLARE(avx2)
DECLARE(avx512)
#endif

struct Code {
    int (*scan)(const Scan& s, bool backward);
    int (*sigmoid_of)(const void* in, void* out, int64_t count);
};

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

static Code code_for(int64_t variant, int64_t dtype) {
    static const int best =
        runnel_has_variant(AVX512) ? AVX512 : (runnel_has_variant(AVX2) ? AVX2 : BASELINE);
    if (dtype == FLOAT64 || dtype == COMPLEX128 || dtype == FLOAT64_COMPLEX128) {
        return {doubles::scan, doubles::sigmoid_of};
    }
    if (!runnel_has_variant((int)variant)) return {nullptr, nullptr};
    switch (variant == BEST ? best : variant) {
#if defined(RUNNEL_X86)
        case AVX2: return {avx2::scan, avx2::sigmoid_of};
        case AVX512: return {avx512::scan, avx512::sigmoid_of};
#endif
        default: return {baseline::scan, baseline::sigmoid_of};
    }
}

int runnel_forward(const Scan* s) {
    Code code = code_for(s->variant, s->dtype);
    return code.scan ? code.scan(*s, false) : UNSUPPORTED;
}

int runnel_backward(const Scan* s) {
    Code code = code_for(s->variant, s->dtype);
    return code.scan ? code.scan(*s, true) : UNSUPPORTED;
}

int runnel_sigmoid(const void* in, void* out, int64_t count, int dtype, int variant) {
    Code code = code_for(variant, dtype);
    if (!code.sigmoid_of || (dtype != FLOAT32 && dtype != FLOAT64)) return UNSUPPORTED;
    return code.sigmoid_of(in, out, count);
}
