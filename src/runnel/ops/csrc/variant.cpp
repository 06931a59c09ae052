// All ops for one instruction set, compiled once for each under its own namespace. float64 serves
// tests and checks, not training: one namespace, `doubles`, has it for every processor.
#include "engine.h"

namespace RUNNEL_VARIANT {

template <class Cell>
static int run(const Scan& s, bool backward) {
    Engine<Cell> engine(s);
    return backward ? engine.backward() : engine.forward();
}

#if defined(RUNNEL_DOUBLE)
typedef Real<double> R;
typedef Complex<double> C;

static int linear(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT64: return run<LinearCell<R, R, double, double>>(s, backward);
        case COMPLEX128: return run<LinearCell<C, C, double, double>>(s, backward);
        case FLOAT64_COMPLEX128: return run<LinearCell<R, C, double, double>>(s, backward);
        default: return UNSUPPORTED;
    }
}

static int mingru(const Scan& s, bool backward) {
    if (s.dtype != FLOAT64) return UNSUPPORTED;
    return run<MinGRUCell<double, double>>(s, backward);
}

static int minlstm(const Scan& s, bool backward) {
    if (s.dtype != FLOAT64) return UNSUPPORTED;
    return run<MinLSTMCell<double, double>>(s, backward);
}

static int hgru(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT64: return run<HGRUCell<R, double, double>>(s, backward);
        case FLOAT64_COMPLEX128: return run<HGRUCell<C, double, double>>(s, backward);
        default: return UNSUPPORTED;
    }
}
#else
typedef Real<float> R;
typedef Complex<float> C;

static int linear(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT32: return run<LinearCell<R, R, float, float>>(s, backward);
        case BFLOAT16: return run<LinearCell<R, R, bfloat16, bfloat16>>(s, backward);
        case COMPLEX64: return run<LinearCell<C, C, float, float>>(s, backward);
        case FLOAT32_COMPLEX64: return run<LinearCell<R, C, float, float>>(s, backward);
        default: return UNSUPPORTED;
    }
}

static int mingru(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT32: return run<MinGRUCell<float, float>>(s, backward);
        case BFLOAT16: return run<MinGRUCell<float, bfloat16>>(s, backward);
        default: return UNSUPPORTED;
    }
}

static int minlstm(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT32: return run<MinLSTMCell<float, float>>(s, backward);
        case BFLOAT16: return run<MinLSTMCell<float, bfloat16>>(s, backward);
        default: return UNSUPPORTED;
    }
}

static int hgru(const Scan& s, bool backward) {
    switch (s.dtype) {
        case FLOAT32: return run<HGRUCell<R, float, float>>(s, backward);
        case BFLOAT16: return run<HGRUCell<R, bfloat16, bfloat16>>(s, backward);
        case FLOAT32_COMPLEX64: return run<HGRUCell<C, float, float>>(s, backward);
        case BFLOAT16_COMPLEX64: return run<HGRUCell<C, bfloat16, float>>(s, backward);
        default: return UNSUPPORTED;
    }
}
#endif

int scan(const Scan& s, bool backward) {
    switch (s.op) {
        case LINEAR: return linear(s, backward);
        case MINGRU: return mingru(s, backward);
        case MINLSTM: return minlstm(s, backward);
        case HGRU: return hgru(s, backward);
        default: return UNSUPPORTED;
    }
}

template <class A>
static int sigmoids(const A* in, A* out, int64_t count) {
    FlushSubnormals guard;
    for_each_vector<A>(0, count, [&](int64_t i, auto lanes) {
        store<A>(out + i, sigmoid<A>(load<A>(in + i, lanes)).of, lanes);
    });
    return DONE;
}

int sigmoid_of(const void* in, void* out, int64_t count) {
    return sigmoids((const R::scalar*)in, (R::scalar*)out, count);
}

#if defined(__AVX512F__)
bool one_instruction_rounds = false;

void rounds_by_instruction(bool yes) {
    __atomic_store_n(&one_instruction_rounds, yes, __ATOMIC_RELAXED);
}
#endif

}    // namespace RUNNEL_VARIANT
