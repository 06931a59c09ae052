// The ops as cells: each makes h_t = a_t h_{t-1} + b_t from its inputs at one position, and turns
// the adjoint of h_t into the gradients of those inputs, recomputing its gates.
//
// A cell has:
//   Decay, State        kinds of number of a and of h
//   Stored              storage type of the states
//   sums                number of gradients that are summed over batch and time, per channel
//   step(i, e, lanes, a, b)
//   advance(i, e, lanes, h)   the next state, in fewer operations than a h + b takes
//   decay(i, e, lanes)
//   paired              whether it has the two that follow, which do the same for two vectors of
//                       bfloat16 at once, see pairs.h; both may assume that all lanes count
//   advance_pair(i, h)
//   backward_pair(i, adjoint, before, streaming)
//   fetch<level>(i)     asks for the inputs at i before they are needed
//   ahead               how it is asked for on the way forward: what was quickest, docs/LOG.md
//   backward(i, e, lanes, adjoint, before, sums, pitch)   writes gradients, returns a
// i counts numbers of the inputs' arrays, e counts channels; `before` is h_{t-1}.
#pragma once

#include "exponential.h"
#include "numbers.h"
#include "pairs.h"
#include "scan.h"

namespace RUNNEL_VARIANT {

// Decay and input as they come. DecayStored and StateStored are the dtypes of the arrays.
template <class DecayNumber, class StateNumber, class DecayStored, class StateStored>
struct LinearCell {
    typedef DecayNumber Decay;
    typedef StateNumber State;
    typedef StateStored Stored;
    static constexpr bool paired = false;
    static constexpr Ahead ahead{FIRST_LEVEL, 2048};
    static constexpr int sums = 0;

    const DecayStored* decays;
    const StateStored* values;
    DecayStored* grad_decays;
    StateStored* grad_values;

    explicit LinearCell(const Scan& s)
        : decays((const DecayStored*)s.inputs[0]),
          values((const StateStored*)s.inputs[1]),
          grad_decays((DecayStored*)s.grad_inputs[0]),
          grad_values((StateStored*)s.grad_inputs[1]) {}

    template <Level level>
    INLINE void fetch(int64_t i) const {
        prefetch_number<Decay, level>(decays, i);
        prefetch_number<State, level>(values, i);
    }

    template <class L>
    INLINE void step(int64_t i, int64_t, L lanes, Decay& a, State& b) const {
        a = load_number<Decay>(decays, i, lanes);
        b = load_number<State>(values, i, lanes);
    }

    template <class L>
    INLINE State advance(int64_t i, int64_t, L lanes, State h) const {
        return load_number<Decay>(decays, i, lanes) * h + load_number<State>(values, i, lanes);
    }

    template <class L>
    INLINE Decay decay(int64_t i, int64_t, L lanes) const {
        return load_number<Decay>(decays, i, lanes);
    }

    template <class L, class A>
    INLINE Decay backward(int64_t i, int64_t, L lanes, State adjoint, State before, A*, int64_t,
                          bool streaming) const {
        Decay gradient;
        decay_gradient(adjoint, before, gradient);
        Decay a = load_number<Decay>(decays, i, lanes);
        store_number(grad_decays, i, gradient, lanes, streaming);
        store_number(grad_values, i, adjoint, lanes, streaming);
        return a;
    }
};

// z = sigmoid(gate), a = 1 - z, b = z g(candidate).
template <class A, class S>
struct MinGRUCell {
    typedef Real<A> Decay;
    typedef Real<A> State;
    typedef S Stored;
    static constexpr bool paired = pairs && rough<S>;
    static constexpr Ahead ahead{FIRST_LEVEL, 2048};
    static constexpr int sums = 0;

    const S *gates, *candidates;
    S *grad_gates, *grad_candidates;

    explicit MinGRUCell(const Scan& s)
        : gates((const S*)s.inputs[0]),
          candidates((const S*)s.inputs[1]),
          grad_gates((S*)s.grad_inputs[0]),
          grad_candidates((S*)s.grad_inputs[1]) {}

    template <Level level>
    INLINE void fetch(int64_t i) const {
        prefetch<level>(gates, i);
        prefetch<level>(candidates, i);
    }

    template <class L>
    INLINE void step(int64_t i, int64_t, L lanes, Decay& a, State& b) const {
        Sigmoid<A> z = sigmoid<A>(load<A>(gates + i, lanes));
        a.re = z.of_minus;
        b.re = z.of * candidate_value<A>(load<A>(candidates + i, lanes));
    }

    template <class L>
    INLINE State advance(int64_t i, int64_t, L lanes, State h) const {
        V<A> z = logistic<A, rough<S>>(load<A>(gates + i, lanes));
        V<A> c = candidate_value<A, rough<S>>(load<A>(candidates + i, lanes));
        return {h.re + z * (c - h.re)};
    }

    template <class L>
    INLINE Decay decay(int64_t i, int64_t, L lanes) const {
        return {sigmoid<A>(load<A>(gates + i, lanes)).of_minus};
    }

    template <class L>
    INLINE Decay backward(int64_t i, int64_t, L lanes, State adjoint, State before, A*, int64_t,
                          bool streaming) const {
        Sigmoid<A> z = sigmoid<A, rough<S>>(load<A>(gates + i, lanes));
        Candidate<A> c = candidate<A, rough<S>>(load<A>(candidates + i, lanes));
        V<A> share = adjoint.re * z.of;
        V<A> gate = (c.value - before.re) * share * z.of_minus;
        store<A>(grad_gates + i, gate, lanes, streaming);
        store<A>(grad_candidates + i, share * c.slope, lanes, streaming);
        // A small error of z must not move what many steps keep.
        return {rough<S> ? A(1) - z.of : z.of_minus};
    }

#if defined(__AVX2__)
    // Far from overflow whatever is made of it.
    static constexpr uint16_t bound = 0x42a0;    // 80

    // Of any numbers: what overflows makes a gate that is shut, or as good as shut. The larger of
    // u + 1/2 and sigmoid(u) is what g(u) is but for the error of the latter.
    INLINE static V<float> advance(V<float> gate, V<float> u, V<float> h) {
        V<float> z = reciprocal<float, true>(exp_of_minus_any(gate) + 1.0f);
        V<float> s = reciprocal<float, true>(exp_of_minus_any(u) + 1.0f);
        V<float> c = at_least<float>(s, u + 0.5f);
        return h + z * (c - h);
    }

    INLINE Pair advance_pair(int64_t i, Pair h) const {
        Pair gate = load_pair(gates + i), u = load_pair(candidates + i);
        return {advance(gate.even, u.even, h.even), advance(gate.odd, u.odd, h.odd)};
    }

    template <bool Bounded>
    INLINE static V<float> backward(V<float> gate, V<float> u, V<float> adjoint, V<float> before,
                                    V<float>& grad_gate, V<float>& grad_u) {
        Sigmoid<float> z = sigmoid<float, true, Bounded>(gate);
        Candidate<float> c = candidate<float, true, Bounded>(u);
        V<float> share = adjoint * z.of;
        grad_gate = (c.value - before) * share * z.of_minus;
        grad_u = share * c.slope;
        return 1.0f - z.of;
    }

    template <bool Bounded>
    INLINE static Pair backward(Pair gate, Pair u, Pair adjoint, Pair before, Pair& grad_gate,
                                Pair& grad_u) {
        return {backward<Bounded>(gate.even, u.even, adjoint.even, before.even, grad_gate.even,
                                  grad_u.even),
                backward<Bounded>(gate.odd, u.odd, adjoint.odd, before.odd, grad_gate.odd,
                                  grad_u.odd)};
    }

    INLINE Pair backward_pair(int64_t i, Pair adjoint, Pair before, bool streaming) const {
        Words g = words(gates + i), c = words(candidates + i);
        Pair gate = part(g), u = part(c), grad_gate, grad_u, decay;
        if (__builtin_expect(ordinary(bound, g, c), 1)) {
            decay = backward<true>(gate, u, adjoint, before, grad_gate, grad_u);
        } else {
            decay = backward<false>(gate, u, adjoint, before, grad_gate, grad_u);
        }
        store_pair(grad_gates + i, grad_gate, streaming);
        store_pair(grad_candidates + i, grad_u, streaming);
        return decay;
    }
#endif
};

// a = f / (f + i), b = i / (f + i) g(candidate) for f = sigmoid(forget), i = sigmoid(input).
template <class A, class S>
struct MinLSTMCell {
    typedef Real<A> Decay;
    typedef Real<A> State;
    typedef S Stored;
    static constexpr bool paired = false;
    static constexpr Ahead ahead{FIRST_LEVEL, 0};
    static constexpr int sums = 0;

    const S *forgets, *inputs, *candidates;
    S *grad_forgets, *grad_inputs, *grad_candidates;

    explicit MinLSTMCell(const Scan& s)
        : forgets((const S*)s.inputs[0]),
          inputs((const S*)s.inputs[1]),
          candidates((const S*)s.inputs[2]),
          grad_forgets((S*)s.grad_inputs[0]),
          grad_inputs((S*)s.grad_inputs[1]),
          grad_candidates((S*)s.grad_inputs[2]) {}

    template <Level level>
    INLINE void fetch(int64_t i) const {
        prefetch<level>(forgets, i);
        prefetch<level>(inputs, i);
        prefetch<level>(candidates, i);
    }

    template <bool Rough, class L>
    INLINE Shares<A> shares_at(int64_t i, L lanes) const {
        return shares<A, Rough>(load<A>(forgets + i, lanes), load<A>(inputs + i, lanes));
    }

    template <class L>
    INLINE void step(int64_t i, int64_t, L lanes, Decay& a, State& b) const {
        Shares<A> share = shares_at<false>(i, lanes);
        a.re = share.forget;
        b.re = share.input * candidate_value<A>(load<A>(candidates + i, lanes));
    }

    template <class L>
    INLINE State advance(int64_t i, int64_t, L lanes, State h) const {
        V<A> c = candidate_value<A, rough<S>>(load<A>(candidates + i, lanes));
        return {h.re + shares_at<rough<S>>(i, lanes).input * (c - h.re)};
    }

    template <class L>
    INLINE Decay decay(int64_t i, int64_t, L lanes) const {
        return {shares_at<false>(i, lanes).forget};
    }

    template <class L>
    INLINE Decay backward(int64_t i, int64_t, L lanes, State adjoint, State before, A*, int64_t,
                          bool streaming) const {
        Shares<A> share = shares_at<rough<S>>(i, lanes);
        Candidate<A> c = candidate<A, rough<S>>(load<A>(candidates + i, lanes));
        V<A> entering = adjoint.re * share.input;
        // Of the logarithm of forget / input, through which both gates act.
        V<A> odds = (before.re - c.value) * entering * share.forget;
        store<A>(grad_forgets + i, odds * share.not_forget, lanes, streaming);
        store<A>(grad_inputs + i, -odds * share.not_input, lanes, streaming);
        store<A>(grad_candidates + i, entering * c.slope, lanes, streaming);
        return {rough<S> ? A(1) - share.input : share.forget};
    }
};

template <class A>
INLINE Real<A> rotate(Real<A>, Real<A> x) {
    return x;
}
template <class A>
INLINE Complex<A> rotate(Complex<A> by, Complex<A> x) {
    return by * x;
}

template <class A>
INLINE void add_to(A* p, V<A> x) {
    store<A>(p, load<A>(p, All<A>{}) + x, All<A>{});
}

// mu = sigmoid(forget), lambda = gamma + (1 - gamma) mu, a = lambda exp(i theta),
// b = (1 - lambda) candidate. Number is Real without a rotation, Complex with one; S stores the
// forget gate, CandidateStored the (parts of the) candidates.
template <class Number, class S, class CandidateStored>
struct HGRUCell {
    typedef typename Number::scalar A;
    typedef Number Decay;
    typedef Number State;
    typedef CandidateStored Stored;
    static constexpr bool rotated = Number::parts == 2;
    static constexpr bool paired = false;
    static constexpr Ahead ahead{rotated ? SECOND_LEVEL : FIRST_LEVEL, rotated ? 8192 : 2048};
    static constexpr int sums = rotated ? 2 : 1;

    const S* forgets;
    const CandidateStored* candidates;
    const A *lower_bound, *cosine, *sine;
    S* grad_forgets;
    CandidateStored* grad_candidates;

    explicit HGRUCell(const Scan& s)
        : forgets((const S*)s.inputs[0]),
          candidates((const CandidateStored*)s.inputs[1]),
          lower_bound((const A*)s.lower_bound),
          cosine((const A*)s.cosine),
          sine((const A*)s.sine),
          grad_forgets((S*)s.grad_inputs[0]),
          grad_candidates((CandidateStored*)s.grad_inputs[1]) {}

    template <Level level>
    INLINE void fetch(int64_t i) const {
        prefetch<level>(forgets, i);
        prefetch_number<Number, level>(candidates, i);
    }

    template <class L>
    INLINE Number rotation(int64_t e, L lanes) const {
        Number turn;
        if constexpr (rotated) {
            turn = {load<A>(cosine + e, lanes), load<A>(sine + e, lanes)};
        } else {
            turn = {splat<A>(1)};
        }
        return turn;
    }

    template <class L>
    INLINE Decay decay(int64_t i, int64_t e, L lanes) const {
        V<A> gamma = load<A>(lower_bound + e, lanes);
        V<A> mu = sigmoid<A>(load<A>(forgets + i, lanes)).of;
        return Real<A>{gamma + (A(1) - gamma) * mu} * rotation(e, lanes);
    }

    template <class L>
    INLINE void step(int64_t i, int64_t e, L lanes, Decay& a, State& b) const {
        V<A> gamma = load<A>(lower_bound + e, lanes);
        Sigmoid<A> mu = sigmoid<A>(load<A>(forgets + i, lanes));
        V<A> rest = A(1) - gamma;
        a = Real<A>{gamma + rest * mu.of} * rotation(e, lanes);
        b = Real<A>{rest * mu.of_minus} * load_number<Number>(candidates, i, lanes);
    }

    template <class L>
    INLINE State advance(int64_t i, int64_t e, L lanes, State h) const {
        V<A> rest = A(1) - load<A>(lower_bound + e, lanes);
        Real<A> share{rest * logistic<A, rough<CandidateStored>>(-load<A>(forgets + i, lanes))};
        State turned = rotate(rotation(e, lanes), h);
        return turned + share * (load_number<Number>(candidates, i, lanes) - turned);
    }

    template <class L>
    INLINE Decay backward(int64_t i, int64_t e, L lanes, State adjoint, State before, A* totals,
                          int64_t pitch, bool streaming) const {
        V<A> gamma = load<A>(lower_bound + e, lanes);
        Sigmoid<A> mu = sigmoid<A, rough<CandidateStored>>(load<A>(forgets + i, lanes));
        Number c = load_number<Number>(candidates, i, lanes);
        V<A> rest = A(1) - gamma;
        Real<A> lambda{A(1) - rest * mu.of_minus};
        Number turn = rotation(e, lanes);
        Number turned = rotate(turn, before);
        V<A> of_lambda = inner<A>(adjoint, turned - c);
        add_to(totals, of_lambda * mu.of_minus);
        if constexpr (rotated) {
            V<A> across = adjoint.im * turned.re - adjoint.re * turned.im;
            add_to(totals + pitch, lambda.re * across);
        }
        store<A>(grad_forgets + i, of_lambda * rest * mu.of * mu.of_minus, lanes, streaming);
        store_number(grad_candidates, i, Real<A>{rest * mu.of_minus} * adjoint, lanes, streaming);
        return lambda * turn;
    }
};

}    // namespace RUNNEL_VARIANT
