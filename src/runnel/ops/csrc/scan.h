// The C interface of the native recurrences: one structure of plain numbers and pointers, two
// calls.
#pragma once

#include <cstdint>

// Every array is contiguous, but for the inputs and their gradients, whose positions may lie
// further apart: one array often holds several side by side. B batch, T time, E channels; arrays
// over (B, T, E) are in the dtype of the inputs, states that are carried (initial, last) and vectors
// over E in the dtype of accumulation. The layout is that of a row of int64, so that a caller
// without a C compiler can fill it.
struct Scan {
    int64_t op;         // Operation
    int64_t dtype;      // Dtype
    int64_t variant;    // Variant
    int64_t threads;    // at most so many; results do not depend on it
    int64_t reverse;    // 1: from T - 1 to 0
    int64_t batch, time, width;
    int64_t pitch;    // E or more: numbers from a position of an input to the next

    const void* inputs[3];      // (B, T, E) in the order of the op's Python signature
    const void* lower_bound;    // (E), hgru
    const void* cosine;         // (E), hgru with a rotation: cos(theta)
    const void* sine;           // (E)
    const void* initial;        // (B, E) or null for zeros
    const uint8_t* reset;       // (B, T) or null for none
    void* states;               // (B, T, E); written forward, read backward
    void* last;                 // (B, E); written forward

    const void* grad_states;    // (B, T, E) or null for zeros
    const void* grad_last;      // (B, E) or null for zeros
    void* grad_inputs[3];       // (B, T, E); null where the op has fewer inputs
    void* grad_initial;         // (B, E)
    void* grad_lower_bound;     // (E), hgru
    void* grad_theta;           // (E), hgru with a rotation
};

enum Operation { LINEAR = 0, MINGRU = 1, MINLSTM = 2, HGRU = 3 };

// The last four are complex: inputs as in COMPLEX64, or with a real decay or forget gate in front.
enum Dtype {
    FLOAT32 = 0,
    BFLOAT16 = 1,
    FLOAT64 = 2,
    COMPLEX64 = 3,
    COMPLEX128 = 4,
    FLOAT32_COMPLEX64 = 5,
    BFLOAT16_COMPLEX64 = 6,
    FLOAT64_COMPLEX128 = 7,
};

// The last is AVX512 with the instruction that rounds to bfloat16.
enum Variant { BEST = 0, BASELINE = 1, AVX2 = 2, AVX512 = 3, AVX512_BFLOAT16 = 4 };

enum Status { DONE = 0, UNSUPPORTED = 1, OUT_OF_MEMORY = 2 };

#if defined(_WIN32)
#define RUNNEL_EXPORT extern "C" __declspec(dllexport)
#else
#define RUNNEL_EXPORT extern "C" __attribute__((visibility("default")))
#endif

RUNNEL_EXPORT int runnel_forward(const Scan* s);
RUNNEL_EXPORT int runnel_backward(const Scan* s);

// 1 where this library holds the variant and this processor can run it.
RUNNEL_EXPORT int runnel_has_variant(int variant);
// The variant that a call for `variant` is done by, AVX512_BFLOAT16 told apart from AVX512 by a
// switch that it sets; -1 where there is none.
int runnel_choose(int64_t variant);

// out = sigmoid(in), float32 or float64, by the arithmetic that the gates use, to measure its error.
RUNNEL_EXPORT int runnel_sigmoid(const void* in, void* out, int64_t count, int dtype, int variant);
