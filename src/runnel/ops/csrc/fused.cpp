// The door of the passes around a scan: the best variant that this processor can run does the work.
#include "fused.h"

#define DECLARE(name)                        \
    namespace name {                         \
    int convolution(const Convolution& c);   \
    int norm(const Norm& c);                 \
    int activation(const Activation& c);     \
    }

DECLARE(baseline)
#if defined(RUNNEL_X86)
DECLARE(avx2)
DECLARE(avx512)
#endif

static int chosen(int64_t wanted) {
    static const int best =
        runnel_has_variant(AVX512) ? AVX512 : (runnel_has_variant(AVX2) ? AVX2 : BASELINE);
    if (wanted == BEST) return best;
    return runnel_has_variant((int)wanted) ? (int)wanted : -1;
}

#if defined(RUNNEL_X86)
#define RUN(function)                                         \
    switch (chosen(call->head.variant)) {                     \
        case BASELINE: return baseline::function(*call);      \
        case AVX2: return avx2::function(*call);              \
        case AVX512: return avx512::function(*call);          \
        default: return UNSUPPORTED;                          \
    }
#else
#define RUN(function)                                         \
    switch (chosen(call->head.variant)) {                     \
        case BASELINE: return baseline::function(*call);      \
        default: return UNSUPPORTED;                          \
    }
#endif

int runnel_convolution(const Convolution* call) { RUN(convolution) }

int runnel_norm(const Norm* call) { RUN(norm) }

int runnel_activation(const Activation* call) { RUN(activation) }
