// The passes around a scan for one instruction set, compiled once for each under its own namespace;
// float64 has one namespace for every processor, as in variant.cpp.
#include "activate.h"
#include "convolve.h"
#include "normalize.h"

namespace RUNNEL_VARIANT {

template <class A, class S>
static int convolution_of(const Convolution& c) {
    Convolve<A, S> convolve(c);
    return c.head.backward ? convolve.backward() : convolve.forward();
}

template <class A, class S>
static int norm_of(const Norm& c) {
    RootMeanSquare<A, S> norm(c);
    return c.head.backward ? norm.backward() : norm.forward();
}

template <class A, class S>
static int activation_of(const Activation& c) {
    return Activate<A, S>(c).run();
}

#if defined(RUNNEL_DOUBLE)
#define BY_DTYPE(function, Call)                                                              \
    int function(const Call& c) {                                                             \
        return c.head.dtype == FLOAT64 ? function##_of<double, double>(c) : (int)UNSUPPORTED; \
    }
#else
#define BY_DTYPE(function, Call)                                        \
    int function(const Call& c) {                                       \
        switch (c.head.dtype) {                                         \
            case FLOAT32: return function##_of<float, float>(c);        \
            case BFLOAT16: return function##_of<float, bfloat16>(c);    \
            default: return UNSUPPORTED;                                \
        }                                                               \
    }
#endif

BY_DTYPE(convolution, Convolution)
BY_DTYPE(norm, Norm)
BY_DTYPE(activation, Activation)

}    // namespace RUNNEL_VARIANT
