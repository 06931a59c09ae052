// Two vectors of bfloat16 at once: those at even places and those at odd ones. One word of memory
// holds one of each, so a shift and a mask part them and one instruction joins them, where half a
// vector of bfloat16 has to be spread and gathered. AVX2 and AVX-512.
#pragma once

#include "vectors.h"

namespace RUNNEL_VARIANT {

struct Pair {
    V<float> even, odd;
};

// Channels of a pair.
constexpr int pair_width = 2 * Vector<float>::lanes;

#if defined(__AVX2__)
constexpr bool pairs = true;

INLINE Words words(const bfloat16* p) { return load_raw<Words>(p, All<float>{}); }

INLINE Pair part(Words words) { return {(V<float>)(words << 16), (V<float>)(words & 0xffff0000u)}; }

INLINE Pair load_pair(const bfloat16* p) { return part(words(p)); }

// Rounded as `narrow` rounds.
INLINE void store_pair(bfloat16* p, Pair x, bool streaming) {
    Words joined;
#if defined(__AVX512F__)
    if (__atomic_load_n(&one_instruction_rounds, __ATOMIC_RELAXED)) {
        // Place j of the result: of 32 halves, first the even then the odd ones, number j / 2.
        alignas(64) static const uint16_t order[32] = {
            0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
        __m512i both;
        asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(both) : "v"((__m512)x.odd), "v"((__m512)x.even));
        joined = (Words)_mm512_permutexvar_epi16(_mm512_load_si512(order), both);
    } else {
        __m512i even = (__m512i)(rounded(x.even) >> 16);
        joined = (Words)_mm512_mask_mov_epi16(even, 0xaaaaaaaa, (__m512i)rounded(x.odd));
    }
#else
    __m256i even = (__m256i)(rounded(x.even) >> 16);
    joined = (Words)_mm256_blend_epi16(even, (__m256i)rounded(x.odd), 0xaa);
#endif
    if (streaming) {
        store_streaming(p, joined);
    } else {
        store_raw(p, joined, All<float>{});
    }
}

// Whether none of the numbers is larger than `bound`, a bfloat16, in size, or not a number.
INLINE bool ordinary(uint16_t bound, Words x, Words y) {
    const Words size = Words{} + 0x7fff7fffu;
#if defined(__AVX512F__)
    __m512i most = _mm512_max_epu16((__m512i)(x & size), (__m512i)(y & size));
    return _mm512_cmpgt_epu16_mask(most, _mm512_set1_epi16((short)bound)) == 0;
#else
    __m256i most = _mm256_max_epi16((__m256i)(x & size), (__m256i)(y & size));
    return _mm256_movemask_epi8(_mm256_cmpgt_epi16(most, _mm256_set1_epi16((short)bound))) == 0;
#endif
}

// The numbers of a pair's channels at p, in order, as a pair in two vectors at p, and back.
INLINE void part_in_place(float* p) {
    constexpr int n = Vector<float>::lanes;
    V<float> even, odd;
    split_lanes<float>(load<float>(p, All<float>{}), load<float>(p + n, All<float>{}), even, odd,
                       std::make_integer_sequence<int, n>());
    store<float>(p, even, All<float>{});
    store<float>(p + n, odd, All<float>{});
}

INLINE void join_in_place(float* p) {
    constexpr int n = Vector<float>::lanes;
    V<float> low, high;
    join_lanes<float>(load<float>(p, All<float>{}), load<float>(p + n, All<float>{}), low, high,
                      std::make_integer_sequence<int, n>());
    store<float>(p, low, All<float>{});
    store<float>(p + n, high, All<float>{});
}
#else
// Names for code that is not compiled without pairs.
constexpr bool pairs = false;
Pair load_pair(const bfloat16* p);
void store_pair(bfloat16* p, Pair x, bool streaming);
void part_in_place(float* p);
void join_in_place(float* p);
#endif

}    // namespace RUNNEL_VARIANT
