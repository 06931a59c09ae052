// Thirty-two bfloat16 at once, as two vectors: those at even places and those at odd ones. One word
// of memory holds one of each, so a shift and a mask part them and one instruction joins them, where
// half a vector of bfloat16 has to be spread and gathered. AVX-512 alone.
#pragma once

#include "vectors.h"

namespace RUNNEL_VARIANT {

struct Pair {
    V<float> even, odd;
};

#if defined(__AVX512F__)
constexpr bool pairs = true;

INLINE __m512i words(const bfloat16* p) { return _mm512_loadu_si512(p); }

INLINE Pair part(__m512i words) {
    __m512i odd = _mm512_and_si512(words, _mm512_set1_epi32((int)0xffff0000));
    return {(V<float>)_mm512_slli_epi32(words, 16), (V<float>)odd};
}

INLINE Pair load_pair(const bfloat16* p) { return part(words(p)); }

// Rounded as `narrow` rounds.
INLINE void store_pair(bfloat16* p, Pair x, bool streaming) {
    __m512i joined;
    if (__atomic_load_n(&one_instruction_rounds, __ATOMIC_RELAXED)) {
        // Place j of the result: of 32 halves, first the even then the odd ones, number j / 2.
        alignas(64) static const uint16_t order[32] = {
            0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
        asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(joined) : "v"((__m512)x.odd), "v"((__m512)x.even));
        joined = _mm512_permutexvar_epi16(_mm512_load_si512(order), joined);
    } else {
        __m512i even = _mm512_srli_epi32(rounded(x.even), 16);
        joined = _mm512_mask_mov_epi16(even, 0xaaaaaaaa, rounded(x.odd));
    }
    if (streaming) {
        _mm512_stream_si512((__m512i*)p, joined);
    } else {
        _mm512_storeu_si512(p, joined);
    }
}

// Whether none of the numbers is larger than `bound`, a bfloat16, in size, or not a number.
INLINE bool ordinary(uint16_t bound, __m512i x, __m512i y) {
    const __m512i sign = _mm512_set1_epi16(0x7fff);
    __m512i most = _mm512_max_epu16(_mm512_and_si512(x, sign), _mm512_and_si512(y, sign));
    return _mm512_cmpgt_epu16_mask(most, _mm512_set1_epi16((short)bound)) == 0;
}

// The numbers of 32 channels at p, in order, as a pair in two vectors at p, and back.
INLINE void part_in_place(float* p) {
    V<float> even, odd;
    split_lanes<float>(load<float>(p, All<float>{}), load<float>(p + 16, All<float>{}), even, odd,
                       std::make_integer_sequence<int, 16>());
    store<float>(p, even, All<float>{});
    store<float>(p + 16, odd, All<float>{});
}

INLINE void join_in_place(float* p) {
    V<float> low, high;
    join_lanes<float>(load<float>(p, All<float>{}), load<float>(p + 16, All<float>{}), low, high,
                      std::make_integer_sequence<int, 16>());
    store<float>(p, low, All<float>{});
    store<float>(p + 16, high, All<float>{});
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
