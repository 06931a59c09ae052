// The door of the library: the best variant that this processor can run does the work.
#include "scan.h"

#include <initializer_list>

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
namespace avx512 {
void rounds_by_instruction(bool yes);
}
#endif

struct Code {
    int (*scan)(const Scan& s, bool backward);
    int (*sigmoid_of)(const void* in, void* out, int64_t count);
};

int runnel_has_variant(int variant) {
    if (variant == BEST || variant == BASELINE) return 1;
#if defined(RUNNEL_X86)
    if (variant == AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (variant == AVX512_BFLOAT16) {
        return runnel_has_variant(AVX512) && __builtin_cpu_supports("avx512bf16");
    }
    if (variant == AVX512) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
    }
#endif
    return 0;
}

int runnel_choose(int64_t variant) {
    static const int best = [] {
        for (int v : {AVX512_BFLOAT16, AVX512, AVX2}) {
            if (runnel_has_variant(v)) return v;
        }
        return (int)BASELINE;
    }();
    if (!runnel_has_variant((int)variant)) return -1;
    const int chosen = variant == BEST ? best : (int)variant;
#if defined(RUNNEL_X86)
    if (chosen >= AVX512) avx512::rounds_by_instruction(chosen == AVX512_BFLOAT16);
#endif
    return chosen == AVX512_BFLOAT16 ? (int)AVX512 : chosen;
}

static Code code_for(int64_t variant, int64_t dtype) {
    if (dtype == FLOAT64 || dtype == COMPLEX128 || dtype == FLOAT64_COMPLEX128) {
        return {doubles::scan, doubles::sigmoid_of};
    }
    switch (runnel_choose(variant)) {
        case -1: return {nullptr, nullptr};
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
