// The door of the passes around a scan: the best variant that this processor can run does the work.
#include "fused.h"

#define DECLARE(name)                       \
    namespace name {                        \
    int convolution(const Convolution& c);  \
    int norm(const Norm& c);                \
    int activation(const Activation& c);    \
    }

DECLARE(doubles)
DECLARE(baseline)
#if defined(RUNNEL_X86)
DECLARE(avx2)
DECLARE(avx512)
#endif

enum { DOUBLES = -1, NONE = -2 };

static int64_t code_for(const Fused& head) {
    if (head.dtype == FLOAT64) return DOUBLES;
    const int chosen = runnel_choose(head.variant);
    return chosen < 0 ? (int64_t)NONE : chosen;
}

#if defined(RUNNEL_X86)
#define WIDE(function)                              \
    case AVX2: return avx2::function(*call);        \
    case AVX512: return avx512::function(*call);
#else
#define WIDE(function)
#endif

#define RUN(function)                                       \
    switch (code_for(call->head)) {                         \
        case DOUBLES: return doubles::function(*call);      \
        case BASELINE: return baseline::function(*call);    \
        WIDE(function)                                      \
        default: return UNSUPPORTED;                        \
    }

int runnel_convolution(const Convolution* call) { RUN(convolution) }

int runnel_norm(const Norm* call) { RUN(norm) }

int runnel_activation(const Activation* call) { RUN(activation) }
