// A program that can be run, as the door makes it and as the variants see it: plain data, because
// what two variants compile of the standard library's templates the linker would fold.
#pragma once

#include "decode.h"

// A product's weights. Rows go in blocks of as many as a vector has lanes; a block holds column
// after column; in bfloat16 a lane holds two columns.
struct Packed {
    int64_t rows, columns, blocks, block_bytes;
    bool half;
    char* data;
};

// Where threads wait for each other, each number on a cache line of its own.
struct Meeting {
    alignas(64) int arrived;
    alignas(64) int round;
};

struct Program {
    const Instruction* instructions;
    const Packed* packed;    // of each instruction; empty where it is no product
    int64_t count, shared, own;
    int threads;
    float* places;
    Meeting* meeting;
};

// What each variant brings.
#define DECLARE_DECODER(name)                                                                  \
    namespace name {                                                                           \
    int lanes();                                                                               \
    void pack(const Packed& to, const float* weight);                                          \
    void run(const Program& program, int64_t token, const float* state, float* after,         \
             float* logits);                                                                   \
    double read(const void* data, int64_t bytes, int64_t threads);                             \
    }
