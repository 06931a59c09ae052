// log(1 + x) on vectors, for x from 0 up.
#pragma once

#include "vectors.h"

namespace RUNNEL_VARIANT {

// 1 + x = 2^k (1 + t) with t in [-1/4, 1/2), t = x itself where k is 0, so that small x keep their
// places; log(1 + t) = 2 atanh(s) with s = t / (2 + t), a series in s^2 (minimax, relative error
// 2.8e-9). Not-a-numbers go through; what is infinite becomes large.
INLINE V<float> log_of_one_plus(V<float> x) {
    V<float> whole = x + 1.0f;
    I<float> k = ((I<float>)whole - 0x3f400000) >> 23;
    V<float> part = (V<float>)((I<float>)whole - (k << 23)) - 1.0f;
    V<float> t = select<float>(k == 0, x, part);
    V<float> s = t / (t + 2.0f), w = s * s;
    V<float> series = ((w * 0.15179531747638172f + 0.19978954675633964f) * w +
                       0.33333473155379256f) * w + 1.0f;
    V<float> log2 = __builtin_convertvector(k, V<float>);
    return log2 * 0.69314718055994531f + (s + s) * series;
}

}    // namespace RUNNEL_VARIANT
