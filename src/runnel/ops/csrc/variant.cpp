// All ops and dtypes for one instruction set; compiled once for each, under its own namespace.
#include "engine.h"

namespace RUNNEL_VARIANT {

template <class Cell>
static int run(const Scan& s, bool backward) {
    Engine<Cell> engine(s);
    return backward ? engine.backward() : engine.forward();
}

static int linear(const Scan& s, bool backward) {
    typedef Real<float> R;
    typedef Complex<float> C;
    typedef Real<double> R2;
    typedef Complex<double> C2;
    switch (s.dtype) {
        case FLOAT32: return run<LinearCell<R, R, float, float>>(s, backward);
        case BFLOAT16: return run<LinearCell<R, R, bfloat16, bfloat16>>(s, backward);
        case FLOAT64: return run<LinearCell<R2, R2, double, double>>(s, backward);
        case COMPLEX64: return run<LinearCell<C, C, float, float>>(s, backward);
        case COMPLEX128: return run<LinearCell<C2, C2, double, double>>(s, backward);
        case FLOAT32_COMPLEX64: return run<LinearCell<R, C, float, float>>(s, backward);
        case FLOAT64_COMPLEX128: return run<LinearCell<R2, C2, double, double>>(s, backward);
        default: return UNSUPPORTED;
    }
}

static int mingru(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT32: return run<MinGRUCell<float, float>>(s, backward);
        case BFLOAT16: return run<MinGRUCell<float, bfloat16>>(s, backward);
        case FLOAT64: return run<MinGRUCell<double, double>>(s, backward);
        default: return UNSUPPORTED;
    }
}

static int minlstm(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT32: return run<MinLSTMCell<float, float>>(s, backward);
        case BFLOAT16: return run<MinLSTMCell<float, bfloat16>>(s, backward);
        case FLOAT64: return run<MinLSTMCell<double, double>>(s, backward);
        default: return UNSUPPORTED;
    }
}

static int hgru(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT32: return run<HGRUCell<Real<float>, float, float>>(s, backward);
        case BFLOAT16: return run<HGRUCell<Real<float>, bfloat16, bfloat16>>(s, backward);
        case FLOAT64: return run<HGRUCell<Real<double>, double, double>>(s, backward);
        case FLOAT32_COMPLEX64: return run<HGRUCell<Complex<float>, float, float>>(s, backward);
        case BFLOAT16_COMPLEX64: return run<HGRUCell<Complex<float>, bfloat16, float>>(s, backward);
        case FLOAT64_COMPLEX128: return run<HGRUCell<Complex<double>, double, double>>(s, backward);
        default: return UNSUPPORTED;
    }
}

int scan(const Scan& s, bool backward) {
    switch (s.op) {
        case LINEAR: return linear(s, backward);
        case MINGRU: return mingru(s, backward);
        case MINLSTM: return minlstm(s, backward);
        case HGRU: return hgru(s, backward);
        default: return UNSUPPORTED;
    }
}

template <class A, class S>
static void sigmoids(const S* in, S* out, int64_t count) {
    FlushSubnormals guard;
    for_each_vector<A>(0, count, [&](int64_t i, auto lanes) {
        store<A>(out + i, sigmoid<A>(load<A>(in + i, lanes)).of, lanes);
    });
}

int sigmoid_of(const void* in, void* out, int64_t count, int dtype) {
    switch (dtype) {
        case FLOAT32: sigmoids<float>((const float*)in, (float*)out, count); return DONE;
        case BFLOAT16: sigmoids<float>((const bfloat16*)in, (bfloat16*)out, count); return DONE;
        case FLOAT64: sigmoids<double>((const double*)in, (double*)out, count); return DONE;
        default: return UNSUPPORTED;
    }
}

}    // namespace RUNNEL_VARIANT
