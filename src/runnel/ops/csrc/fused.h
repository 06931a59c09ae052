// The C interface of the passes around a scan: short convolution, normalisation, activations.
#pragma once

#include <cstdint>

#include "scan.h"

// As in `struct Scan`: every field has eight bytes, every array is contiguous, Dtype is FLOAT32,
// BFLOAT16 or FLOAT64. Arrays that carry numbers from call to call and vectors of weights are in the
// dtype of accumulation, all others in the dtype of the inputs. Results do not depend on `threads`.
struct Fused {
    int64_t dtype;
    int64_t variant;
    int64_t threads;
    int64_t backward;
};

// y_t = sum over k of weight_k x_{t-k}, nothing crossing a reset; P = taps - 1.
struct Convolution {
    Fused head;
    int64_t batch, time, width, taps;
    const void* x;             // (B, T, D)
    const void* weight;        // (K, D)
    const void* tail;          // (B, P, D), the inputs before x, oldest first
    const uint8_t* reset;      // (B, T) or null for none
    void* y;                   // (B, T, D); written forward
    void* tail_after;          // (B, P, D); written forward
    const void* grad_y;        // (B, T, D) or null for zeros
    const void* grad_after;    // (B, P, D) or null for zeros
    void* grad_x;              // (B, T, D)
    void* grad_weight;         // (K, D)
    void* grad_tail;           // (B, P, D)
};

// y = x * inverse * weight with inverse = 1 / sqrt(mean(x^2) + eps) of each row.
struct Norm {
    Fused head;
    int64_t rows, width;
    double eps;
    const void* x;          // (N, D)
    const void* weight;     // (D)
    void* y;                // (N, D); written forward
    void* inverse;          // (N) in the dtype of accumulation; written forward, read backward
    const void* grad_y;     // (N, D)
    void* grad_x;           // (N, D)
    void* grad_weight;      // (D)
};

enum Kind { SQUARED_RELU = 0, GATED_SILU = 1, GELU_OF = 2 };

// With u = x + bias, SQUARED_RELU: y = max(u, 0)^2, read backward in place of x. GATED_SILU:
// y = silu(u[:D]) * u[D:] of each row. GELU_OF: y = u Phi(u), made again backward.
struct Activation {
    Fused head;
    int64_t kind;
    int64_t rows, width;
    const void* x;         // (N, D), with a gate (N, 2 D); not read backward by SQUARED_RELU
    const void* bias;      // as a row of x, or null for none
    void* y;               // (N, D); written forward and by GELU_OF backward, where SQUARED_RELU
                           // reads it
    const void* grad_y;    // (N, D)
    void* grad_x;          // as x
    void* grad_bias;       // as bias
};

RUNNEL_EXPORT int runnel_convolution(const Convolution* call);
RUNNEL_EXPORT int runnel_norm(const Norm* call);
RUNNEL_EXPORT int runnel_activation(const Activation* call);
