// Runs a cell over time, forward and backward.
//
// Forward: h_k = a_k h_{k-1} + b_k. Backward: adjoint_k = grad_k + carry_k and
// carry_{k-1} = conj(a_k) adjoint_k. k counts steps, which are positions in time from the first or,
// in reverse, from the last. Where time is cut into runs, each run's effect on what enters it is
// summarised first (`through` * entering + `made`), the summaries are stitched, and then each run
// is done with what really enters it.
#pragma once

#include <cstdlib>
#include <cstring>

#include "cells.h"
#include "schedule.h"

namespace RUNNEL_VARIANT {

// Numbers for the channels of a block (or of a whole row), the parts in planes; room for whole
// vectors.
template <class N>
struct Planes {
    typedef typename N::scalar A;
    A* data;
    int64_t pitch;

    INLINE N get(int64_t j) const {
        N x;
        x.re = load<A>(data + j, All<A>{});
        if constexpr (N::parts == 2) x.im = load<A>(data + pitch + j, All<A>{});
        return x;
    }
    INLINE void set(int64_t j, N x) const {
        store<A>(data + j, x.re, All<A>{});
        if constexpr (N::parts == 2) store<A>(data + pitch + j, x.im, All<A>{});
    }
    // The first channels, up to the end of a vector.
    INLINE void clear(int64_t count) const {
        constexpr int64_t n = Vector<A>::lanes;
        for (int part = 0; part < N::parts; part++) {
            memset(data + part * pitch, 0, (count + n - 1) / n * n * sizeof(A));
        }
    }
};

template <class N>
struct LocalPlanes : Planes<N> {
    typedef typename N::scalar A;
    alignas(64) A room[N::parts * block_width];
    LocalPlanes() : Planes<N>{room, block_width} {}
    LocalPlanes(const LocalPlanes&) = delete;
};

// Memory for one row of planes per run; freed with the call.
template <class N>
struct RunPlanes {
    typedef typename N::scalar A;
    A* data = nullptr;
    int64_t pitch = 0;

    RunPlanes(const RunPlanes&) = delete;
    RunPlanes(const Schedule& s, bool needed) {
        pitch = Schedule::ceiling(s.width, 64) * 64;
        if (needed) data = (A*)malloc(s.batch * s.chunks * N::parts * pitch * sizeof(A) + 1);
    }
    ~RunPlanes() { free(data); }
    Planes<N> run(int64_t index) const { return {data + index * N::parts * pitch, pitch}; }
};

// body(e, lanes) for the vectors of channels from e0 to e1.
template <class A, class F>
INLINE void for_each_vector(int64_t e0, int64_t e1, const F& body) {
    constexpr int n = Vector<A>::lanes;
    int64_t e = e0;
    for (; e + n <= e1; e += n) body(e, All<A>{});
    if (e < e1) body(e, Some<A>{(int)(e1 - e)});
}

template <class Cell>
class Engine {
    typedef typename Cell::Decay Decay;
    typedef typename Cell::State State;
    typedef typename Cell::Stored Stored;
    typedef typename State::scalar A;

    const Scan& scan;
    const Cell cell;
    const Schedule plan;

   public:
    explicit Engine(const Scan& s) : scan(s), cell(s), plan(s) {}

    int forward() const {
        bool cut = plan.chunks > 1;
        RunPlanes<Decay> through(plan, cut);
        RunPlanes<State> entering(plan, cut);
        if (cut && !(through.data && entering.data)) return OUT_OF_MEMORY;
        if (cut) {
            for_each_task(plan, [&](int64_t b, int64_t c, int64_t e0, int64_t e1) {
                int64_t run = b * plan.chunks + c;
                if (c + 1 < plan.chunks) {
                    summarise_states(b, c, e0, e1, through.run(run + 1), entering.run(run + 1));
                }
            });
            for_each_row(e_stitch(scan.initial, through, entering, +1));
        }
        for_each_task(plan, [&](int64_t b, int64_t c, int64_t e0, int64_t e1) {
            LocalPlanes<State> h;
            enter(h, b, c, 0, e0, e1, scan.initial, entering);
            run_states(h, b, c, e0, e1);
            if (c + 1 == plan.chunks) leave(h, b, e0, e1, scan.last);
        });
        return DONE;
    }

    int backward() const {
        bool cut = plan.chunks > 1;
        RunPlanes<Decay> through(plan, cut);
        RunPlanes<State> entering(plan, cut);
        RunPlanes<Real<A>> sums[2] = {{plan, Cell::sums > 0}, {plan, Cell::sums > 1}};
        if (cut && !(through.data && entering.data)) return OUT_OF_MEMORY;
        for (int i = 0; i < Cell::sums; i++) {
            if (!sums[i].data) return OUT_OF_MEMORY;
        }
        if (cut) {
            for_each_task(plan, [&](int64_t b, int64_t c, int64_t e0, int64_t e1) {
                int64_t run = b * plan.chunks + c;
                if (c > 0) {
                    summarise_adjoints(b, c, e0, e1, through.run(run - 1), entering.run(run - 1));
                }
            });
            for_each_row(e_stitch(scan.grad_last, through, entering, -1));
        }
        for_each_task(plan, [&](int64_t b, int64_t c, int64_t e0, int64_t e1) {
            LocalPlanes<State> carry;
            enter(carry, b, c, plan.chunks - 1, e0, e1, scan.grad_last, entering);
            run_adjoints(carry, b, c, e0, e1, sums);
            if (c == 0) leave(carry, b, e0, e1, scan.grad_initial);
        });
        if constexpr (Cell::sums > 0) add_runs(sums[0], (A*)scan.grad_lower_bound);
        if constexpr (Cell::sums > 1) add_runs(sums[1], (A*)scan.grad_theta);
        return DONE;
    }

   private:
    // Step k of batch entry b among all positions, and its first number in the arrays of states and
    // in those of inputs.
    INLINE int64_t position(int64_t b, int64_t k) const {
        return b * plan.time + (scan.reverse ? plan.time - 1 - k : k);
    }
    INLINE int64_t row(int64_t b, int64_t k) const { return position(b, k) * plan.width; }
    INLINE int64_t input_row(int64_t b, int64_t k) const { return position(b, k) * scan.pitch; }

    INLINE bool cut_before(int64_t b, int64_t k) const {
        int64_t t = scan.reverse ? plan.time - 1 - k : k;
        return scan.reset && scan.reset[b * plan.time + t];
    }

    INLINE int64_t begin(int64_t c) const { return c * plan.chunk; }
    INLINE int64_t end(int64_t c) const {
        return (c + 1) * plan.chunk < plan.time ? (c + 1) * plan.chunk : plan.time;
    }

    // From one number to the one to be fetched when it is read: whole rows in the direction of
    // travel, far enough for memory to answer, near enough for the cache to keep it.
    int64_t ahead(int direction, int64_t distance, int64_t pitch) const {
        int64_t row_bytes = plan.width * State::parts * (int64_t)sizeof(Stored);
        int64_t rows = row_bytes > 0 ? Schedule::ceiling(distance, row_bytes) : 1;
        return rows * pitch * (scan.reverse ? -direction : direction);
    }

    // Past the caches when a result is too large to be found there by whoever reads it next.
    template <class S>
    bool streams(const void* p, int64_t parts) const {
        int64_t row_bytes = plan.width * parts * (int64_t)sizeof(S);
        return row_bytes * plan.time * plan.batch >= (int64_t)1 << 22 && row_bytes % 64 == 0 &&
               (uintptr_t)p % 64 == 0;
    }

    // Whether the positions of all gradients of inputs begin with a cache line, if the first does.
    bool inputs_begin_lines() const {
        bool all = scan.pitch * (int64_t)sizeof(Stored) % 64 == 0;
        for (const void* p : scan.grad_inputs) all &= (uintptr_t)p % 64 == 0;
        return all;
    }

    void run_states(const LocalPlanes<State>& h, int64_t b, int64_t c, int64_t e0,
                    int64_t e1) const {
        // A copy of its own lets the compiler keep the cell's pointers in registers.
        const Cell cell = this->cell;
        Stored* states = (Stored*)scan.states;
        const bool streaming = streams<Stored>(states, State::parts);
        const int64_t next = ahead(+1, Cell::ahead.bytes, scan.pitch);
        const int64_t paired = end_of_pairs(e0, e1);
        if constexpr (Cell::paired) each_pair(e0, paired, [&](float* p) { part_in_place(p); }, h);
        for (int64_t k = begin(c); k < end(c); k++) {
            if (cut_before(b, k)) h.clear(e1 - e0);
            const int64_t i = input_row(b, k), at = row(b, k);
            if constexpr (Cell::paired) {
                for (int64_t e = e0; e < paired; e += pair_width) {
                    if (Cell::ahead.bytes > 0) cell.template fetch<Cell::ahead.level>(i + e + next);
                    Pair state = cell.advance_pair(i + e, get_pair(h, e - e0));
                    set_pair(h, e - e0, state);
                    store_pair(states + at + e, state, streaming);
                }
            }
            for_each_vector<A>(paired, e1, [&](int64_t e, auto lanes) {
                if (Cell::ahead.bytes > 0) cell.template fetch<Cell::ahead.level>(i + e + next);
                State state = cell.advance(i + e, e, lanes, h.get(e - e0));
                h.set(e - e0, state);
                store_number(states, at + e, state, lanes, streaming);
            });
        }
        if constexpr (Cell::paired) each_pair(e0, paired, [&](float* p) { join_in_place(p); }, h);
    }

    // Where the channels of whole pairs end, see pairs.h: the same for every division into blocks.
    static int64_t end_of_pairs(int64_t e0, int64_t e1) {
        static_assert(granule % pair_width == 0, "blocks begin with a pair");
        return Cell::paired ? e0 + (e1 - e0) / pair_width * pair_width : e0;
    }

    template <class F>
    static void each_pair(int64_t e0, int64_t e1, const F& f, const LocalPlanes<State>& planes) {
        for (int64_t j = 0; j < e1 - e0; j += pair_width) f(planes.data + j);
    }

    INLINE static Pair get_pair(const LocalPlanes<State>& from, int64_t j) {
        return {from.get(j).re, from.get(j + pair_width / 2).re};
    }
    INLINE static void set_pair(const LocalPlanes<State>& to, int64_t j, Pair x) {
        to.set(j, {x.even});
        to.set(j + pair_width / 2, {x.odd});
    }

    void run_adjoints(const LocalPlanes<State>& carry, int64_t b, int64_t c, int64_t e0, int64_t e1,
                      const RunPlanes<Real<A>>* sums) const {
        const Cell cell = this->cell;
        const Stored* states = (const Stored*)scan.states;
        const Stored* grads = (const Stored*)scan.grad_states;
        const A* initial = (const A*)scan.initial;
        const bool streaming = streams<Stored>(scan.grad_inputs[0], 1) && inputs_begin_lines();
        // Rounding errors of sums over time grow with the length of the parts and with their number.
        constexpr int64_t part = 256;
        constexpr int64_t room = Cell::sums > 0 ? block_width : 1;
        alignas(64) A small_sums[2 * room], large_sums[2 * room];
        if constexpr (Cell::sums > 0) {
            memset(small_sums, 0, sizeof small_sums);
            memset(large_sums, 0, sizeof large_sums);
        }
        // Six and more streams at once are too many for the line buffers of the first-level cache.
        const int64_t next = ahead(-1, 8192, plan.width);
        const int64_t next_input = ahead(-1, 8192, scan.pitch);
        const int64_t paired = end_of_pairs(e0, e1);
        if constexpr (Cell::paired) {
            each_pair(e0, paired, [&](float* p) { part_in_place(p); }, carry);
        }
        for (int64_t k = end(c) - 1; k >= begin(c); k--) {
            const bool cut = cut_before(b, k);
            const int64_t i = input_row(b, k), at = row(b, k);
            const int64_t previous = k > 0 ? row(b, k - 1) : 0;
            if constexpr (Cell::paired) {
                for (int64_t e = e0; e < paired; e += pair_width) {
                    cell.template fetch<SECOND_LEVEL>(i + e + next_input);
                    prefetch<SECOND_LEVEL>(states, previous + e + next);
                    if (grads) prefetch<SECOND_LEVEL>(grads, at + e + next);
                    Pair before{}, adjoint = get_pair(carry, e - e0);
                    if (!cut && k > 0) {
                        before = load_pair(states + previous + e);
                    } else if (!cut && initial) {
                        alignas(64) float entering[pair_width];
                        memcpy(entering, initial + b * plan.width + e, sizeof entering);
                        part_in_place(entering);
                        before = {load<float>(entering, All<float>{}),
                                  load<float>(entering + pair_width / 2, All<float>{})};
                    }
                    if (grads) {
                        Pair grad = load_pair(grads + at + e);
                        adjoint = {adjoint.even + grad.even, adjoint.odd + grad.odd};
                    }
                    Pair a = cell.backward_pair(i + e, adjoint, before, streaming);
                    set_pair(carry, e - e0, {a.even * adjoint.even, a.odd * adjoint.odd});
                }
            }
            for_each_vector<A>(paired, e1, [&](int64_t e, auto lanes) {
                cell.template fetch<SECOND_LEVEL>(i + e + next_input);
                prefetch_number<State, SECOND_LEVEL>(states, previous + e + next);
                if (grads) prefetch_number<State, SECOND_LEVEL>(grads, at + e + next);
                State before{};
                if (!cut && k > 0) {
                    before = load_number<State>(states, previous + e, lanes);
                } else if (!cut && initial) {
                    before = load_number<State>(initial, b * plan.width + e, lanes);
                }
                State adjoint = carry.get(e - e0);
                if (grads) adjoint = adjoint + load_number<State>(grads, at + e, lanes);
                Decay a = cell.backward(i + e, e, lanes, adjoint, before, small_sums + (e - e0),
                                        room, streaming);
                carry.set(e - e0, conjugate(a) * adjoint);
            });
            if (cut) carry.clear(e1 - e0);
            if (Cell::sums > 0 && (k % part == 0 || k == begin(c))) {
                for (int64_t j = 0; j < 2 * room; j++) {
                    large_sums[j] += small_sums[j];
                    small_sums[j] = 0;
                }
            }
        }
        if constexpr (Cell::paired) {
            each_pair(e0, paired, [&](float* p) { join_in_place(p); }, carry);
        }
        for (int i = 0; i < Cell::sums; i++) {
            memcpy(sums[i].run(b * plan.chunks + c).data + e0, large_sums + i * room,
                   (e1 - e0) * sizeof(A));
        }
    }

    // h at the end of run c as through * h at its beginning + made; from the end, because decays
    // multiply to zero and what lies further back then no longer matters.
    void summarise_states(int64_t b, int64_t c, int64_t e0, int64_t e1, Planes<Decay> through_row,
                          Planes<State> made_row) const {
        LocalPlanes<Decay> through;
        LocalPlanes<State> made;
        start(through, made);
        for (int64_t k = end(c) - 1; k >= begin(c); k--) {
            const int64_t i = input_row(b, k);
            for_each_vector<A>(e0, e1, [&](int64_t e, auto lanes) {
                Decay a, product = through.get(e - e0);
                State input;
                cell.step(i + e, e, lanes, a, input);
                made.set(e - e0, made.get(e - e0) + product * input);
                through.set(e - e0, product * a);
            });
            if (cut_before(b, k)) through.clear(e1 - e0);
            if (k % 32 == 0 && vanished(through, e1 - e0)) break;
        }
        copy(through, through_row, e0, e1);
        copy(made, made_row, e0, e1);
    }

    // The carry before run c as through * the carry after it + made; from the beginning.
    void summarise_adjoints(int64_t b, int64_t c, int64_t e0, int64_t e1, Planes<Decay> through_row,
                            Planes<State> made_row) const {
        const Stored* grads = (const Stored*)scan.grad_states;
        LocalPlanes<Decay> through;
        LocalPlanes<State> made;
        start(through, made);
        for (int64_t k = begin(c); k < end(c); k++) {
            if (cut_before(b, k)) through.clear(e1 - e0);
            const int64_t i = input_row(b, k), at = row(b, k);
            for_each_vector<A>(e0, e1, [&](int64_t e, auto lanes) {
                Decay product = through.get(e - e0) * conjugate(cell.decay(i + e, e, lanes));
                through.set(e - e0, product);
                if (grads) {
                    State grad = load_number<State>(grads, at + e, lanes);
                    made.set(e - e0, made.get(e - e0) + product * grad);
                }
            });
            if (k % 32 == 0 && vanished(through, e1 - e0)) break;
        }
        copy(through, through_row, e0, e1);
        copy(made, made_row, e0, e1);
    }

    static void start(const LocalPlanes<Decay>& through, const LocalPlanes<State>& made) {
        through.clear(block_width);
        made.clear(block_width);
        for (int64_t j = 0; j < block_width; j++) through.data[j] = 1;
    }

    static bool vanished(const LocalPlanes<Decay>& through, int64_t count) {
        bool any = false;
        for (int part = 0; part < Decay::parts; part++) {
            for (int64_t j = 0; j < count; j++) any |= through.data[part * block_width + j] != 0;
        }
        return !any;
    }

    template <class N>
    static void copy(const LocalPlanes<N>& from, Planes<N> to, int64_t e0, int64_t e1) {
        for (int part = 0; part < N::parts; part++) {
            memcpy(to.data + part * to.pitch + e0, from.data + part * block_width,
                   (e1 - e0) * sizeof(A));
        }
    }

    // What enters run c: the caller's state for run `outer`, which nothing of ours precedes.
    void enter(const LocalPlanes<State>& to, int64_t b, int64_t c, int64_t outer, int64_t e0,
               int64_t e1, const void* given, const RunPlanes<State>& entering) const {
        to.clear(block_width);
        if (c != outer) {
            Planes<State> from = entering.run(b * plan.chunks + c);
            for (int part = 0; part < State::parts; part++) {
                memcpy(to.data + part * block_width, from.data + part * from.pitch + e0,
                       (e1 - e0) * sizeof(A));
            }
        } else if (given) {
            for_each_vector<A>(e0, e1, [&](int64_t e, auto lanes) {
                to.set(e - e0, load_number<State>((const A*)given, b * plan.width + e, lanes));
            });
        }
    }

    void leave(const LocalPlanes<State>& from, int64_t b, int64_t e0, int64_t e1,
               void* taken) const {
        for_each_vector<A>(e0, e1, [&](int64_t e, auto lanes) {
            store_number((A*)taken, b * plan.width + e, from.get(e - e0), lanes);
        });
    }

    // From each run's summary to what really enters it, run after run in direction `step`.
    auto e_stitch(const void* given, const RunPlanes<Decay>& through,
                  const RunPlanes<State>& entering, int step) const {
        return [=, &through, &entering](int64_t b) {
            FlushSubnormals guard;
            const int64_t outer = step > 0 ? 0 : plan.chunks - 1;
            for_each_vector<A>(0, plan.width, [&](int64_t e, auto lanes) {
                State x{};
                if (given) x = load_number<State>((const A*)given, b * plan.width + e, lanes);
                for (int64_t n = 1; n < plan.chunks; n++) {
                    int64_t run = b * plan.chunks + outer + n * step;
                    x = through.run(run).get(e) * x + entering.run(run).get(e);
                    entering.run(run).set(e, x);
                }
            });
        };
    }

    template <class F>
    void for_each_row(const F& f) const {
        for (int64_t b = 0; b < plan.batch; b++) f(b);
    }

    void add_runs(const RunPlanes<Real<A>>& sums, A* out) const {
        memset(out, 0, plan.width * sizeof(A));
        for (int64_t run = 0; run < plan.batch * plan.chunks; run++) {
            const A* from = sums.run(run).data;
            for (int64_t e = 0; e < plan.width; e++) out[e] += from[e];
        }
    }
};

}    // namespace RUNNEL_VARIANT
