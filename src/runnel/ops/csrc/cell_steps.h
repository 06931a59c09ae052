// The instructions of one token that are not products: norms, filters, recurrences, activations.
#pragma once

#include <cmath>

#include "decode.h"
#include "exponential.h"
#include "gelu.h"
#include "logarithm.h"
#include "numbers.h"
#include "rows.h"
#include "schedule.h"

namespace RUNNEL_VARIANT {

// Where an instruction finds its numbers, and the token read; `after` is null for all threads but
// one.
struct Places {
    const float *x, *z;
    float* y;
    const float* state;
    float* after;
    int64_t token;
};

template <class F>
INLINE float sum_over(int64_t count, const F& term) {
    V<float> sum{};
    over<float>(count, [&](int64_t e, auto lanes) { sum += term(e, lanes); });
    return sum_of_lanes<float>(sum);
}

inline void rms_norm(const Instruction& i, const Places& at) {
    float square = sum_over(i.count, [&](int64_t e, auto lanes) {
        V<float> x = load<float>(at.x + e, lanes);
        return x * x;
    });
    const float inverse = 1.0f / std::sqrt(square / (float)i.count + (float)i.eps);
    over<float>(i.count, [&](int64_t e, auto lanes) {
        V<float> w = load<float>(i.weight + e, lanes);
        store<float>(at.y + e, load<float>(at.x + e, lanes) * inverse * w, lanes);
    });
}

inline void layer_norm(const Instruction& i, const Places& at) {
    const float sum = sum_over(i.count, [&](int64_t e, auto lanes) {
        return load<float>(at.x + e, lanes);
    });
    const float mean = sum / (float)i.count;
    // By way of y, from where lanes past the end come back as zeros.
    const float square = sum_over(i.count, [&](int64_t e, auto lanes) {
        store<float>(at.y + e, load<float>(at.x + e, lanes) - mean, lanes);
        V<float> d = load<float>(at.y + e, lanes);
        return d * d;
    });
    const float inverse = 1.0f / std::sqrt(square / (float)i.count + (float)i.eps);
    over<float>(i.count, [&](int64_t e, auto lanes) {
        V<float> y = load<float>(at.y + e, lanes) * inverse * load<float>(i.weight + e, lanes);
        if (i.bias) y += load<float>(i.bias + e, lanes);
        store<float>(at.y + e, y, lanes);
    });
}

inline void short_filter(const Instruction& i, const Places& at) {
    const int64_t before = i.width - 1, width = i.count;
    over<float>(width, [&](int64_t e, auto lanes) {
        V<float> x = load<float>(at.x + e, lanes);
        V<float> y = x * load<float>(i.weight + e, lanes);
        for (int64_t p = 0; p < before; p++) {
            V<float> old = load<float>(at.state + p * width + e, lanes);
            y += old * load<float>(i.weight + (before - p) * width + e, lanes);
            if (at.after && p > 0) store<float>(at.after + (p - 1) * width + e, old, lanes);
        }
        if (at.after && before > 0) store<float>(at.after + (before - 1) * width + e, x, lanes);
        store<float>(at.y + e, y, lanes);
    });
}

template <class L>
INLINE void blend(const Instruction& i, const Places& at, int64_t e, L lanes, V<float> keep,
                  V<float> take, V<float> c) {
    V<float> value = i.width ? c : candidate<float>(c).value;
    V<float> h = keep * load<float>(at.state + e, lanes) + take * value;
    store<float>(at.y + e, h, lanes);
    if (at.after) store<float>(at.after + e, h, lanes);
}

inline void mingru_step(const Instruction& i, const Places& at) {
    over<float>(i.count, [&](int64_t e, auto lanes) {
        Sigmoid<float> z = sigmoid<float>(load<float>(at.x + e, lanes));
        blend(i, at, e, lanes, z.of_minus, z.of, load<float>(at.x + i.count + e, lanes));
    });
}

inline void minlstm_step(const Instruction& i, const Places& at) {
    over<float>(i.count, [&](int64_t e, auto lanes) {
        Shares<float> share = shares<float>(load<float>(at.x + e, lanes),
                                            load<float>(at.x + i.count + e, lanes));
        blend(i, at, e, lanes, share.forget, share.input,
              load<float>(at.x + 2 * i.count + e, lanes));
    });
}

INLINE V<float> silu(V<float> x) { return x * sigmoid<float>(x).of; }

// h is in the state as pairs (real, imaginary) and in y as two planes.
inline void hgru_step(const Instruction& i, const Places& at) {
    typedef Complex<float> C;
    const bool turns = i.bias != nullptr;
    const int64_t channels = turns ? i.count / 2 : i.count;
    over<float>(channels, [&](int64_t e, auto lanes) {
        V<float> bound = load<float>(i.weight + e, lanes);
        Sigmoid<float> mu = sigmoid<float>(load<float>(at.x + e, lanes));
        const float* c = at.x + channels;
        Real<float> decay{bound + (1.0f - bound) * mu.of};
        Real<float> rest{(1.0f - bound) * mu.of_minus};
        V<float> re = silu(load<float>(c + e, lanes));
        if (!turns) {
            V<float> h = decay.re * load<float>(at.state + e, lanes) + rest.re * re;
            store<float>(at.y + e, h, lanes);
            if (at.after) store<float>(at.after + e, h, lanes);
            return;
        }
        C input{re, silu(load<float>(c + channels + e, lanes))};
        C turn{load<float>(i.bias + e, lanes), load<float>(i.third + e, lanes)};
        C h = decay * (turn * load_number<C>(at.state, e, lanes)) + rest * input;
        store<float>(at.y + e, h.re, lanes);
        store<float>(at.y + channels + e, h.im, lanes);
        if (at.after) store_number(at.after, e, h, lanes);
    });
}

inline void role_cache(const Instruction& i, const Places& at) {
    if (!at.after) return;    // its logits are those of all threads
    const int64_t roles = i.width;
    const float *wishes = at.z, *raw = at.z + roles;
    float most = 0, sum = 0;
    if (roles > 1) {
        most = raw[0];
        for (int64_t r = 1; r < roles; r++) most = raw[r] > most ? raw[r] : most;
        for (int64_t r = 0; r < roles; r++) sum += std::exp(raw[r] - most);
    }
    for (int64_t r = 0; r < roles; r++) {
        const int64_t row = r * i.count;
        over<float>(i.count, [&](int64_t e, auto lanes) {
            V<float> before = load<float>(at.state + row + e, lanes);
            store<float>(at.after + row + e, before * load<float>(i.weight + e, lanes), lanes);
        });
        at.after[row + at.token] += roles > 1 ? std::exp(raw[r] - most) / sum : 1.0f;
    }
    over<float>(i.count, [&](int64_t e, auto lanes) {
        V<float> told{};
        for (int64_t r = 0; r < roles; r++) {
            told += wishes[r] * log_of_one_plus(load<float>(at.after + r * i.count + e, lanes));
        }
        V<float> likelier = told * load<float>(i.bias + e, lanes);
        store<float>(at.y + e, load<float>(at.x + e, lanes) + likelier, lanes);
    });
}

template <class F>
INLINE void elementwise(const Instruction& i, const Places& at, const F& of) {
    over<float>(i.count, [&](int64_t e, auto lanes) {
        store<float>(at.y + e, of(load<float>(at.x + e, lanes), e, lanes), lanes);
    });
}

inline void cell_step(const Instruction& i, const Places& at) {
    switch (i.makes) {
        case RMS_NORM: return rms_norm(i, at);
        case LAYER_NORM: return layer_norm(i, at);
        case SHORT_FILTER: return short_filter(i, at);
        case MINGRU_STEP: return mingru_step(i, at);
        case MINLSTM_STEP: return minlstm_step(i, at);
        case HGRU_STEP: return hgru_step(i, at);
        case GELU: return elementwise(i, at, [](V<float> x, int64_t, auto) { return x * normal<float>(x).below; });
        case SQUARE_RELU:
            return elementwise(i, at, [](V<float> x, int64_t, auto) {
                V<float> positive = at_least<float>(x, 0.0f);
                return positive * positive;
            });
        case SILU_TIMES:
            return elementwise(i, at, [&](V<float> x, int64_t e, auto lanes) {
                return silu(x) * load<float>(at.z + e, lanes);
            });
        case ROLE_CACHE: return role_cache(i, at);
        case SUM:
            return elementwise(i, at, [&](V<float> x, int64_t e, auto lanes) {
                return x + load<float>(at.z + e, lanes);
            });
    }
}

}    // namespace RUNNEL_VARIANT
