// The door of decoding: owns a program's memory; the best variant that this processor can run does
// the work.
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "decoder.h"

DECLARE_DECODER(baseline)
#if defined(RUNNEL_X86)
DECLARE_DECODER(avx2)
DECLARE_DECODER(avx512)
#endif

namespace {

struct Code {
    int (*lanes)();
    void (*pack)(const Packed& to, const float* weight);
    void (*run)(const Program& program, int64_t token, const float* state, float* after,
                float* logits);
    double (*read)(const void* data, int64_t bytes, int64_t threads);
};

#define CODE(name) Code{name::lanes, name::pack, name::run, name::read}

Code code_for(int64_t variant) {
    switch (runnel_choose(variant)) {
#if defined(RUNNEL_X86)
        case AVX2: return CODE(avx2);
        case AVX512: return CODE(avx512);
#endif
        default: return CODE(baseline);
    }
}

constexpr int64_t line = 64, huge_page = (int64_t)1 << 21;

int64_t round_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

// Large pages where the system has them: a step touches every page of the weights.
struct Memory {
    char* data;
    explicit Memory(int64_t bytes) {
        const int64_t whole = round_up(bytes + 1, huge_page);
        data = (char*)aligned_alloc(huge_page, whole);
        if (!data) throw std::bad_alloc();
#if defined(__linux__)
        madvise(data, whole, MADV_HUGEPAGE);
#endif
    }
    Memory(const Memory&) = delete;
    ~Memory() { free(data); }
};

std::vector<Packed> layout(const Steps& steps, int lanes) {
    std::vector<Packed> packed(steps.count);
    const bool half = steps.dtype == BFLOAT16;
    for (int64_t k = 0; k < steps.count; k++) {
        const Instruction& i = steps.instructions[k];
        if (i.makes != PRODUCT) continue;
        const int64_t columns = half ? (i.width + 1) / 2 : i.width;
        packed[k] = {i.count, i.width, (i.count + lanes - 1) / lanes, columns * lanes * 4, half,
                     nullptr};
    }
    return packed;
}

int64_t total(const std::vector<Packed>& packed) {
    int64_t bytes = 0;
    for (const Packed& p : packed) bytes += p.blocks * p.block_bytes;
    return bytes;
}

// Less work than this is done by one thread before a second one has started.
constexpr int64_t one_thread = 1 << 18;

}    // namespace

struct Decoder {
    const Code code;
    const std::vector<Instruction> instructions;
    std::vector<Packed> packed;
    const int64_t bytes;
    const int64_t shared, own;
    const int threads;
    Memory weights, places;
    Meeting meeting{};
    std::mutex one_at_a_time;

    explicit Decoder(const Steps& steps)
        : code(code_for(steps.variant)),
          instructions(steps.instructions, steps.instructions + steps.count),
          packed(layout(steps, code.lanes())),
          bytes(total(packed)),
          shared(steps.shared),
          own(round_up(steps.own, line)),
          threads(bytes < one_thread || steps.threads < 1 ? 1 : (int)steps.threads),
          weights(bytes),
          places((round_up(shared, line) + threads * own) * sizeof(float)) {
        char* next = weights.data;
        for (size_t k = 0; k < packed.size(); k++) {
            if (instructions[k].makes != PRODUCT) continue;
            packed[k].data = next;
            next += packed[k].blocks * packed[k].block_bytes;
            code.pack(packed[k], instructions[k].weight);
        }
    }
};

Decoder* runnel_decoder_make(const Steps* steps) {
    if (!runnel_has_variant((int)steps->variant)) return nullptr;
    if (steps->dtype != FLOAT32 && steps->dtype != BFLOAT16) return nullptr;
    try {
        return new Decoder(*steps);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void runnel_decoder_free(Decoder* decoder) { delete decoder; }

int64_t runnel_decoder_bytes(const Decoder* decoder) { return decoder->bytes; }

void runnel_decoder_step(Decoder* d, int64_t token, const float* state, float* after,
                         float* logits) {
    std::lock_guard<std::mutex> guard(d->one_at_a_time);
    const Program program{d->instructions.data(), d->packed.data(),
                          (int64_t)d->instructions.size(), d->shared, d->own, d->threads,
                          (float*)d->places.data, &d->meeting};
    d->code.run(program, token, state, after, logits);
}

double runnel_read(const void* data, int64_t bytes, int64_t threads) {
    return code_for(BEST).read(data, bytes, threads);
}
