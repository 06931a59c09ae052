"""The laws of runnel.mixer, for every mixer in the registry, stacks of it, and every model."""

# B batch, T time, D model width, S inputs of either kind (floats BTD or tokens BT)

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from runnel.mixers import MIXERS
from runnel.models import MODELS
from runnel.models.diverging import DivergingConfig
from runnel.models.stack import BlockConfig, StackConfig

DIM, VOCAB = 12, 17
LENGTHS = (1, 2, 7, 33)

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "attention": [
        {"window": 5},
        {"window": 64},
        {"window": 5, "positions": "learned", "heads": 3},
        {"window": 5, "positions": "none", "restart": True},
    ],
    "hgrn": [
        {},
        {"state": "real", "norm": "rms"},
        {"order": "norm-then-gate", "expansion": 0.5},
    ],
    "mamba": [{}, {"states": 3, "rank": 2, "convolution": 1, "expansion": 0.5}],
    "memory": [{"window": 5}, {"attention": False, "radius": 0.9}],
    "mingru_memory": [{"window": 5, "heads": 3}],
    "mingru": [{}, {"candidate": "plain"}, {"learned_start": True, "expansion": 1.5}],
    "minlstm": [{}, {"candidate": "plain"}, {"learned_start": True, "expansion": 1.5}],
    "rglru": [{}, {"blocks": 1, "convolution": 2, "expansion": 0.5}],
}

# The stack is tested with each mixer, the diverging one with two of them, in a stage each.
MODEL_VARIANTS: dict[str, list[dict[str, Any]]] = {
    "conv_attention": [{"stages": 1, "context": 8}, {"stages": 2, "context": 32, "tied": True}],
    "diverging": [],
    "gpt2": [{"context": 5}, {"context": 64, "heads": 3}],
    "plain": [{"mixer": MIXERS[name](dim=DIM)} for name in ("memory", "mingru_memory")],
    "stack": [{"mixers": (MIXERS["mingru"](dim=DIM),), "cache": roles} for roles in (1, 2)],
}


@dataclass(frozen=True)
class Case:
    """A module under the contract, and how to draw inputs for it."""

    module: Any
    inputs: Callable[[int, int], Tensor]

    def forward(self, x: Tensor, *rest: Any) -> tuple[Tensor, Any]:
        return self.module(x, *rest)


def cases() -> Iterator[Any]:
    for name in MIXERS:
        for options in VARIANTS.get(name, [{}]):
            label = "-".join([name, *(str(v) for v in options.values())])
            for level in ("mixer", "stack"):
                yield pytest.param((name, options, level), id=f"{label}-{level}")
    yield pytest.param(("mingru,attention,hgrn", {}, "stack"), id="hybrid-stack")
    for name, stage in (("mingru", 1), ("attention", 2)):
        yield pytest.param((name, {"stage": stage}, "diverging"), id=f"{name}-diverging-{stage}")
    for name in MODELS:
        for options in MODEL_VARIANTS.get(name, [{}]):
            label = "-".join([name, *(_label(v) for v in options.values())])
            yield pytest.param((name, options, "model"), id=label)


def _label(option: Any) -> str:
    parts = option if isinstance(option, tuple) else (option,)
    return ",".join(str(getattr(part, "name", part)) for part in parts)


def make(names: str, options: dict[str, Any], level: str) -> nn.Module:
    if level == "model":
        return MODELS[names](vocab_size=VOCAB, dim=DIM, layers=3, **options).build()
    if level == "diverging":
        return make_diverging(names, **options)
    mixers = tuple(MIXERS[n](dim=DIM, **options) for n in names.split(","))
    if level == "mixer":
        return mixers[0].build()
    block = BlockConfig(convolution=3, expansion=1.5)
    return StackConfig(vocab_size=VOCAB, dim=DIM, layers=3, mixers=mixers, block=block).build()


def make_diverging(name: str, stage: int) -> nn.Module:
    mixers, block = (MIXERS[name](dim=DIM),), BlockConfig(convolution=3, expansion=1.5)
    model = DivergingConfig(
        vocab_size=VOCAB, dim=DIM, layers=4, mixers=mixers, block=block, stages=(1, 2, 4)
    ).build()
    model.begin()
    while model.stage < stage:
        model.grow()
    return model


@pytest.fixture(params=cases())
def case(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(7)
    module = make(*request.param)
    module.double().eval()
    with torch.no_grad():  # zero-initialised branches would make every law hold
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)

    def draw(batch: int, time: int) -> Tensor:
        if request.param[-1] == "mixer":
            return torch.randn(batch, time, DIM, dtype=torch.float64)
        return torch.randint(0, VOCAB, (batch, time))

    return Case(module, draw)


def assert_same(a: Any, b: Any) -> None:
    for x, y in zip(tree_leaves(a), tree_leaves(b), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("length", LENGTHS)
def test_step_equals_forward(case: Case, length: int) -> None:
    x = case.inputs(3, length)
    expected, expected_state = case.forward(x)
    state, outputs = case.module.init_state(3), []
    for t in range(length):
        y, state = case.module.step(x[:, t], state)
        outputs.append(y)
    assert_same((torch.stack(outputs, 1), state), (expected, expected_state))


@pytest.mark.parametrize("length", LENGTHS)
def test_split_and_carried_equals_whole(case: Case, length: int) -> None:
    x = case.inputs(2, length)
    whole, last = case.forward(x)
    for cut in {0, 1, length // 2, length - 1}:
        left, state = case.forward(x[:, :cut])
        right, state = case.forward(x[:, cut:], state)
        assert_same((torch.cat([left, right], 1), state), (whole, last))


@pytest.mark.parametrize("carried", [False, True])
def test_packed_with_resets_equals_apart(case: Case, carried: bool) -> None:
    lengths = (5, 1, 22, 2)
    pieces = [case.inputs(2, n) for n in lengths]
    state = case.forward(case.inputs(2, 6))[1] if carried else None
    reset_BT = torch.zeros(2, sum(lengths), dtype=torch.bool)
    starts = torch.tensor([0, *lengths]).cumsum(0)[:-1]
    reset_BT[:, starts[1:] if carried else starts] = True
    packed, packed_state = case.forward(torch.cat(pieces, 1), state, reset_BT)
    apart = [case.forward(p, state if i == 0 else None) for i, p in enumerate(pieces)]
    assert_same(packed, torch.cat([y for y, _ in apart], 1))
    more = case.inputs(2, 8)
    assert_same(case.forward(more, packed_state), case.forward(more, apart[-1][1]))


def test_resets_may_differ_by_row_and_come_first(case: Case) -> None:
    x, reset_BT = case.inputs(3, 11), torch.zeros(3, 11, dtype=torch.bool)
    reset_BT[0, [0, 5]] = reset_BT[1, 10] = True
    state = case.forward(case.inputs(3, 4))[1]
    together = case.forward(x, state, reset_BT)
    for b in range(3):
        row = tree_map(lambda s, b=b: s[b : b + 1], state)
        alone = case.forward(x[b : b + 1], row, reset_BT[b : b + 1])
        assert_same(tree_map(lambda s, b=b: s[b : b + 1], together), alone)
    fresh = case.forward(x[:1, :5])[0]
    assert_same(together[0][:1, :5], fresh)


def test_padding_on_the_right_changes_nothing(case: Case) -> None:
    x = case.inputs(2, 13)
    assert_same(case.forward(x)[0][:, :6], case.forward(x[:, :6])[0])


def test_batch_order_does_not_matter(case: Case) -> None:
    x, order = case.inputs(4, 9), torch.tensor([2, 0, 3, 1])
    y, state = case.forward(x)
    permuted = tree_map(lambda s: s[order], (y, state))
    assert_same(permuted, case.forward(x[order]))


def test_no_output_depends_on_a_later_input(case: Case) -> None:
    time = 21
    x = case.inputs(1, time)
    if x.is_floating_point():
        x.requires_grad_(True)
        y = case.forward(x)[0]
        for t in range(time - 1):
            (gradient,) = torch.autograd.grad(y[:, t].sum(), x, retain_graph=True)
            assert gradient[:, t].abs().sum() > 0
            assert gradient[:, t + 1 :].abs().max() == 0
    else:
        embedded: list[Tensor] = []

        def keep(_module: nn.Module, _args: Any, output: Tensor) -> None:
            output.retain_grad()
            embedded.append(output)

        embedding = next(m for m in case.module.modules() if isinstance(m, nn.Embedding))
        handle = embedding.register_forward_hook(keep)
        y = case.forward(x)[0]
        handle.remove()
        for t in range(time - 1):
            embedded[0].grad = None
            y[:, t].sum().backward(retain_graph=True)
            assert embedded[0].grad is not None
            assert embedded[0].grad[:, t].abs().sum() > 0
            assert embedded[0].grad[:, t + 1 :].abs().max() == 0


def test_state_does_not_grow_with_time(case: Case) -> None:
    sizes = [
        [leaf.shape for leaf in tree_leaves(case.forward(case.inputs(1, t))[1])] for t in (1, 5, 90)
    ]
    assert sizes[0] == sizes[1] == sizes[2]


def test_state_is_a_value(case: Case) -> None:
    _, state = case.forward(case.inputs(2, 5))
    before = tree_map(torch.clone, state)
    case.forward(case.inputs(2, 3), state)
    case.module.step(case.inputs(2, 1)[:, 0], state)
    for x, y in zip(tree_leaves(state), tree_leaves(before), strict=True):
        assert torch.equal(x, y)


def test_every_parameter_gets_a_gradient(case: Case) -> None:
    y, _ = case.forward(case.inputs(2, 33))
    y.square().sum().backward()
    trained = [(n, p) for n, p in case.module.named_parameters() if p.requires_grad]
    without = [n for n, p in trained if p.grad is None]
    assert not without
