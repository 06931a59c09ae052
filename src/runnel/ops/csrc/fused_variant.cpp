// The passes around a scan for one instruction set; compiled once for each, in its own namespace.
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

#define BY_DTYPE(function, Call)                                        \
    int function(const Call& c) {                                       \
        switch (c.head.dtype) {                                         \
            case FLOAT32: return function##_of<float, float>(c);        \
            case BFLOAT16: return function##_of<float, bfloat16>(c);    \
            case FLOAT64: return function##_of<double, double>(c);      \
            default: return UNSUPPORTED;                                \
        }                                                               \
    }

BY_DTYPE(convolution, Convolution)
BY_DTYPE(norm, Norm)
BY_DTYPE(activation, Activation)

}    // namespace RUNNEL_VARIANT
