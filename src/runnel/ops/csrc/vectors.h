// Vectors of numbers in the width of the instruction set, loaded from and stored to any dtype.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define INLINE inline __attribute__((always_inline))

#if defined(__AVX512F__)
#define RUNNEL_BYTES 64
#elif defined(__AVX__)
#define RUNNEL_BYTES 32
#else
#define RUNNEL_BYTES 16
#endif

// One namespace per instruction set: the linker must never fold the templates of two variants.
namespace RUNNEL_VARIANT {

struct bfloat16 {
    uint16_t bits;
};

template <class A>
struct Integer;
template <>
struct Integer<float> {
    typedef int32_t type;
};
template <>
struct Integer<double> {
    typedef int64_t type;
};

// A is float or double, the number in which a recurrence accumulates.
template <class A>
struct Vector {
    static constexpr int lanes = RUNNEL_BYTES / sizeof(A);
    typedef A type __attribute__((vector_size(RUNNEL_BYTES)));
    typedef typename Integer<A>::type integer __attribute__((vector_size(RUNNEL_BYTES)));
};

template <class A>
using V = typename Vector<A>::type;
template <class A>
using I = typename Vector<A>::integer;

template <class A>
INLINE V<A> splat(A x) {
    return V<A>{} + x;
}

template <class A>
INLINE V<A> select(I<A> condition, V<A> yes, V<A> no) {
    return condition ? yes : no;
}

// How many lanes of a vector stand for channels: all of them, or the first few at the end of a row.
template <class A>
struct All {
    static constexpr bool partial = false;
    static constexpr int count = Vector<A>::lanes;
};
template <class A>
struct Some {
    static constexpr bool partial = true;
    int count;
};

// Reads and writes of `count` elements of type S at p, as vectors of bytes; elements past them are
// zero when read and untouched when written.
template <class R, class S, class L>
INLINE R load_raw(const S* p, L lanes) {
    R r{};
    if constexpr (!L::partial) {
        memcpy(&r, p, sizeof(R));
    } else {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
        if constexpr (sizeof(S) == 4) {
            r = (R)_mm512_maskz_loadu_epi32((__mmask16)((1u << lanes.count) - 1), p);
        } else if constexpr (sizeof(S) == 8) {
            r = (R)_mm512_maskz_loadu_epi64((__mmask8)((1u << lanes.count) - 1), p);
        } else {
            r = (R)_mm256_maskz_loadu_epi16((__mmask16)((1u << lanes.count) - 1), p);
        }
#else
        for (int i = 0; i < lanes.count; i++) memcpy((char*)&r + i * sizeof(S), p + i, sizeof(S));
#endif
    }
    return r;
}

template <class R, class S, class L>
INLINE void store_raw(S* p, R r, L lanes) {
    if constexpr (!L::partial) {
        memcpy(p, &r, sizeof(R));
    } else {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
        if constexpr (sizeof(S) == 4) {
            _mm512_mask_storeu_epi32(p, (__mmask16)((1u << lanes.count) - 1), (__m512i)r);
        } else if constexpr (sizeof(S) == 8) {
            _mm512_mask_storeu_epi64(p, (__mmask8)((1u << lanes.count) - 1), (__m512i)r);
        } else {
            _mm256_mask_storeu_epi16(p, (__mmask16)((1u << lanes.count) - 1), (__m256i)r);
        }
#else
        for (int i = 0; i < lanes.count; i++) memcpy(p + i, (char*)&r + i * sizeof(S), sizeof(S));
#endif
    }
}

// Past the caches: for whole, aligned vectors of results that are larger than the caches anyway.
template <class R, class S>
INLINE void store_streaming(S* p, R r) {
#if defined(__AVX512F__)
    if constexpr (sizeof(R) == 64) {
        _mm512_stream_si512((__m512i*)p, (__m512i)r);
        return;
    }
#endif
#if defined(__AVX__)
    if constexpr (sizeof(R) == 32) {
        _mm256_stream_si256((__m256i*)p, (__m256i)r);
        return;
    }
#endif
    memcpy(p, &r, sizeof(R));
}

// Which cache asks for a line; the last argument of __builtin_prefetch.
enum Level { FIRST_LEVEL = 3, SECOND_LEVEL = 2 };

// Where to and how many bytes before its use memory is asked for; 0: that is left to the processor.
struct Ahead {
    Level level;
    int64_t bytes;
};

template <Level level = FIRST_LEVEL, class S>
INLINE void prefetch(const S* p, int64_t ahead) {
    // As numbers: an address past the end of an array, or of one that is not given, is no pointer.
    __builtin_prefetch((const void*)((uintptr_t)p + (uintptr_t)ahead * sizeof(S)), 0, level);
}

typedef uint16_t Halves __attribute__((vector_size(RUNNEL_BYTES / 2)));
typedef uint32_t Words __attribute__((vector_size(RUNNEL_BYTES)));

INLINE V<float> widen(Halves h) {
#if defined(__AVX512F__)
    return (V<float>)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)h), 16);
#elif defined(__AVX2__)
    return (V<float>)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)h), 16);
#else
    return (V<float>)(__builtin_convertvector(h, Words) << 16);
#endif
}

#if defined(__AVX512F__)
// Whether this processor rounds to bfloat16 in one instruction, which is named in assembly so that
// the file needs no variant of its own: results are the same, but for numbers below the smallest
// normal one, which the instruction takes for zero. The door sets it, see `rounds_by_instruction`.
extern bool one_instruction_rounds;
#endif

// The nearest bfloat16 in the upper half of each word, see `narrow`; the lower half is of no meaning.
INLINE Words rounded(V<float> x) {
#if defined(__AVX512F__)
    // Half a unit more where the last bit that stays is odd; the table says: but for not-a-numbers.
    __m512i bits = (__m512i)x;
    __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    __m512i up = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
    up = _mm512_mask_add_epi32(up, odd, bits, _mm512_set1_epi32(0x8000));
    return (Words)_mm512_fixupimm_ps((__m512)up, (__m512)x, _mm512_set1_epi32(0x22), 0);
#else
    Words bits = (Words)x;
    Words up = bits + 0x7fffu + ((bits >> 16) & 1u);
    return (Words)(x == x ? up : Words{} + 0x7fc00000u);
#endif
}

// To the nearest bfloat16, ties to even; not-a-numbers stay so.
INLINE Halves narrow(V<float> x) {
#if defined(__AVX512F__)
    if (__atomic_load_n(&one_instruction_rounds, __ATOMIC_RELAXED)) {
        __m256i y;
        asm("vcvtneps2bf16 %1, %0" : "=v"(y) : "v"((__m512)x));
        return (Halves)y;
    }
    return (Halves)_mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)rounded(x), 16));
#elif defined(__AVX2__)
    __m256i words = (__m256i)(rounded(x) >> 16);
    __m256i packed = _mm256_packus_epi32(words, words);
    return (Halves)_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
#else
    return __builtin_convertvector(rounded(x) >> 16, Halves);
#endif
}

// Elements of storage type S, as vectors of the type of accumulation A.
template <class A, class S, class L>
INLINE V<A> load(const S* p, L lanes) {
    if constexpr (sizeof(S) == 2) {
        return widen(load_raw<Halves>(p, lanes));
    } else {
        return load_raw<V<A>>(p, lanes);
    }
}

template <class A, class S, class L>
INLINE void store(S* p, V<A> x, L lanes, bool streaming = false) {
    if constexpr (sizeof(S) == 2) {
        Halves h = narrow(x);
        if (!L::partial && streaming) {
            store_streaming(p, h);
        } else {
            store_raw(p, h, lanes);
        }
    } else {
        if (!L::partial && streaming) {
            store_streaming(p, x);
        } else {
            store_raw(p, x, lanes);
        }
    }
}

// Interleaved pairs (re, im) to two vectors and back.
template <class A, int... i>
INLINE void split_lanes(V<A> x, V<A> y, V<A>& even, V<A>& odd, std::integer_sequence<int, i...>) {
    even = __builtin_shufflevector(x, y, (2 * i)...);
    odd = __builtin_shufflevector(x, y, (2 * i + 1)...);
}

template <class A, int... i>
INLINE void join_lanes(V<A> even, V<A> odd, V<A>& x, V<A>& y, std::integer_sequence<int, i...>) {
    constexpr int n = Vector<A>::lanes;
    x = __builtin_shufflevector(even, odd, (i / 2 + (i % 2) * n)...);
    y = __builtin_shufflevector(even, odd, (i / 2 + n / 2 + (i % 2) * n)...);
}

}    // namespace RUNNEL_VARIANT
