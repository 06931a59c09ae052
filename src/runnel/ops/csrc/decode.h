// The C interface of decoding: a model's step for one token of one stream as a list of instructions,
// run by one call.
#pragma once

#include <cstdint>

#include "scan.h"

// What an instruction makes: y has `count` numbers. Products go with their weights packed; vectors
// of weights and the embedding's table stay where the caller has them.
enum Makes {
    EMBEDDING = 0,      // y = weight[token]
    PRODUCT = 1,         // y = weight x + bias; x has `width` numbers, bias may be null
    RMS_NORM = 2,       // y = x / sqrt(mean(x^2) + eps) weight
    LAYER_NORM = 3,     // y = (x - mean) / sqrt(variance + eps) weight + bias
    SHORT_FILTER = 4,   // y = sum over k of weight[k] x_{t-k}; `width` taps, state: inputs before
    MINGRU_STEP = 5,    // y = h; x: gate, candidate; state: h; `width` 1: candidate as it is
    MINLSTM_STEP = 6,   // y = h; x: forget, input, candidate; state: h; `width` as above
    HGRU_STEP = 7,      // y = h, parts in planes; x: forget, candidate parts; weight: lower bound,
                        // bias and third: cosine and sine of theta or null; state: h
    GELU = 8,           // y = x Phi(x)
    SQUARE_RELU = 9,    // y = max(x, 0)^2
    SILU_TIMES = 10,    // y = x sigmoid(x) z
    SUM = 11,           // y = x + z
    ROLE_CACHE = 12,    // y = x + bias sum_r wish_r log(1 + m_r); m: state, `width` roles of y's size,
                        // m = weight m, then of this token m_r + share_r; z: wishes, and where there
                        // are several roles what softmax makes shares of; makes logits, comes last
};

// Every field has eight bytes. x, y and z are places, counted in floats: those below the program's
// `shared` belong to all threads and are written by PRODUCT alone, those from there on to each
// thread. A `y` of -1 is the row of logits.
struct Instruction {
    int64_t makes;
    int64_t count, width;
    int64_t x, y, z;
    int64_t state;    // place in the state, counted in floats
    double eps;
    const float *weight, *bias, *third;
};

struct Steps {
    int64_t variant;
    int64_t dtype;    // of packed weights: FLOAT32 or BFLOAT16
    int64_t threads;
    int64_t shared, own;    // floats
    int64_t count;
    const Instruction* instructions;
};

struct Decoder;

// Null where memory is short or the variant or dtype is not there.
RUNNEL_EXPORT Decoder* runnel_decoder_make(const Steps* steps);
RUNNEL_EXPORT void runnel_decoder_free(Decoder* decoder);
// Bytes of packed weights, all of which a step reads.
RUNNEL_EXPORT int64_t runnel_decoder_bytes(const Decoder* decoder);
// `after` and `logits` are written; calls for one decoder wait for each other.
RUNNEL_EXPORT void runnel_decoder_step(Decoder* decoder, int64_t token, const float* state,
                                       float* after, float* logits);
// Reads so many bytes with so many threads and returns a sum of them: a measure of bandwidth.
RUNNEL_EXPORT double runnel_read(const void* data, int64_t bytes, int64_t threads);
