// A matrix, packed once, times a vector: the weights stream through the cores in one direction.
// Two bfloat16 in a lane are widened by a shift and a mask; sums are in float32.
#pragma once

#include <cstring>

#include "decoder.h"
#include "vectors.h"

namespace RUNNEL_VARIANT {

inline uint16_t nearest_bfloat16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (x != x) return 0x7fc0;
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// Rows past the last one are zero.
void pack(const Packed& to, const float* weight) {
    constexpr int n = Vector<float>::lanes;
    for (int64_t block = 0; block < to.blocks; block++) {
        char* out = to.data + block * to.block_bytes;
        memset(out, 0, to.block_bytes);
        for (int lane = 0; lane < n && block * n + lane < to.rows; lane++) {
            const float* row = weight + (block * n + lane) * to.columns;
            for (int64_t c = 0; c < to.columns; c++) {
                if (to.half) {
                    ((uint16_t*)out)[(c / 2 * n + lane) * 2 + c % 2] = nearest_bfloat16(row[c]);
                } else {
                    ((float*)out)[c * n + lane] = row[c];
                }
            }
        }
    }
}

// Far enough ahead for memory to answer, across the pages where the hardware stops guessing.
constexpr int64_t fetch_ahead = 2048;

INLINE V<float> row_sums(const Packed& m, const char* w, const float* x) {
    V<float> sum[4] = {};
    int64_t c = 0;
    if (m.half) {
        for (; c + 8 <= m.columns; c += 8) {
            for (int i = 0; i < 4; i++, w += RUNNEL_BYTES) {
                prefetch(w, fetch_ahead);
                Words both;
                memcpy(&both, w, sizeof both);
                sum[i] += (V<float>)(both << 16) * x[c + 2 * i];
                sum[i] += (V<float>)(both & 0xffff0000u) * x[c + 2 * i + 1];
            }
        }
        for (; c < m.columns; c += 2, w += RUNNEL_BYTES) {
            Words both;
            memcpy(&both, w, sizeof both);
            sum[0] += (V<float>)(both << 16) * x[c];
            if (c + 1 < m.columns) sum[1] += (V<float>)(both & 0xffff0000u) * x[c + 1];
        }
    } else {
        for (; c + 4 <= m.columns; c += 4) {
            for (int i = 0; i < 4; i++, w += RUNNEL_BYTES) {
                prefetch(w, fetch_ahead);
                sum[i] += load<float>((const float*)w, All<float>{}) * x[c + i];
            }
        }
        for (; c < m.columns; c++, w += RUNNEL_BYTES) {
            sum[0] += load<float>((const float*)w, All<float>{}) * x[c];
        }
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// Blocks from `first` to before `last` of y = W x + bias.
inline void multiply(const Packed& m, const float* bias, const float* x, float* y, int64_t first,
                     int64_t last) {
    constexpr int n = Vector<float>::lanes;
    for (int64_t block = first; block < last; block++) {
        V<float> sum = row_sums(m, m.data + block * m.block_bytes, x);
        const int64_t row = block * n;
        if (row + n <= m.rows) {
            if (bias) sum += load<float>(bias + row, All<float>{});
            store<float>(y + row, sum, All<float>{});
        } else {
            Some<float> lanes{(int)(m.rows - row)};
            if (bias) sum += load<float>(bias + row, lanes);
            store<float>(y + row, sum, lanes);
        }
    }
}

}    // namespace RUNNEL_VARIANT
