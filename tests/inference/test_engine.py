"""One native call per token gives what `model.step` gives."""

# B batch, T time, D width, V vocabulary

import copy
import gc
import weakref
from typing import Any

import pytest
import torch
from torch import nn

from runnel.data.tokenizers import ByteTokenizer
from runnel.inference import Sampling, Session
from runnel.inference.engine import Native, Plain, stepper_for
from runnel.inference.program import NotNative, write_program
from runnel.mixers import MIXERS
from runnel.models.model import Model
from runnel.models.stack import BlockConfig, StackConfig
from runnel.ops import _library, decoder
from tolerances import assert_near

pytestmark = pytest.mark.skipif(
    not decoder.available(), reason=f"needs the native library: {_library.unavailable_reason()}"
)

# The mixers' options and the blocks', each of which changes what is written down.
MIXER_OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("mingru", {}),
    ("mingru", {"project": False, "candidate": "plain"}),
    ("mingru", {"expansion": 1.5, "learned_start": True}),
    ("minlstm", {}),
    ("minlstm", {"candidate": "plain", "expansion": 0.5}),
    ("hgrn", {}),
    ("hgrn", {"state": "real", "order": "norm-then-gate", "norm": "rms"}),
    ("hgrn", {"order": "norm-then-gate", "expansion": 0.6}),
]
BLOCKS: list[dict[str, Any]] = [
    {},
    {"convolution": 3, "pointwise": True, "feedforward": "gelu"},
    {"convolution": 0, "norm": "layer", "feedforward": "gated", "expansion": 1.3},
    {"convolution": 1, "feedforward": "gelu"},
    {"convolution": 3, "pointwise": True, "residual": True, "epsilon": 1e-3},
]


def made(mixer: str, options: dict[str, Any], block: dict[str, Any], **others: Any) -> Model[Any]:
    """A stack whose weights are all far from zero and from one."""
    dim = others.pop("dim", 33)
    kinds = (MIXERS[mixer](dim=dim, **options),)
    config = StackConfig(
        dim=dim,
        mixers=kinds,
        block=BlockConfig(**block),
        **{"layers": 2, "vocab_size": 70} | others,
    )
    torch.manual_seed(5)
    model = config.build().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            drawn = torch.randn_like(weight) * (0.5 if weight.ndim == 1 else 1.5 / dim**0.5)
            weight.copy_(drawn + ("norm" in name and name.endswith("weight")))
    return model


def assert_steps_agree(model: Model[Any], native: Native, tokens: int = 12) -> None:
    plain = Plain(model)
    with torch.inference_mode():
        state = model.init_state(1)
    slow, fast = plain.enter(state), native.enter(state)
    for token in torch.randint(0, model.config.vocab_size, (tokens,)).tolist():
        expected, slow = plain.step(token, slow)
        found, fast = native.step(token, fast)
        assert_near(found, expected, torch.float32, "logits")
    assert_near(fast, native.enter(slow), torch.float32, "state")
    assert torch.equal(native.enter(native.leave(fast)), fast)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
@pytest.mark.parametrize(("mixer", "options"), MIXER_OPTIONS, ids=str)
def test_a_step_is_the_models(mixer: str, options: dict[str, Any], block: dict[str, Any]) -> None:
    model = made(mixer, options, block)
    assert_steps_agree(model, Native(model))


@pytest.mark.parametrize("variant", _library.variants())
@pytest.mark.parametrize("dim", [1, 16, 47, 130])
def test_widths_and_instruction_sets(dim: int, variant: str) -> None:
    model = made("mingru", {}, {"pointwise": True}, dim=dim, tied=dim == 47, vocab_size=19)
    _library.use_variant(variant)
    try:
        assert_steps_agree(model, Native(model))
    finally:
        _library.use_variant("best")


@pytest.mark.parametrize("variant", _library.variants())
@pytest.mark.parametrize("roles", [1, 2, 3])
def test_a_cache_of_roles(roles: int, variant: str) -> None:
    """Of a vocabulary of few words, so that each is told again and again."""
    model = made("mingru", {}, {}, cache=roles, vocab_size=21)
    _library.use_variant(variant)
    try:
        assert_steps_agree(model, Native(model), tokens=60)
    finally:
        _library.use_variant("best")


def test_a_cache_tells_what_was_said_once_and_long_ago() -> None:
    """Counts from 1e-6 to 100, whose logarithms lose no places."""
    model = made("mingru", {}, {}, cache=2, vocab_size=40)
    native, plain = Native(model), Plain(model)
    state = model.init_state(1)
    state[-1].count_BRV.copy_(torch.logspace(-6, 2, 80).view(1, 2, 40))
    expected, _ = plain.step(3, state)
    found, _ = native.step(3, native.enter(state))
    assert_near(found, expected, torch.float32, "logits")


def test_hybrids_of_native_parts() -> None:
    kinds = tuple(MIXERS[name](dim=24) for name in ("mingru", "hgrn", "minlstm"))
    model = StackConfig(dim=24, layers=5, mixers=kinds, vocab_size=11).build().eval()
    assert_steps_agree(model, Native(model))


def test_bfloat16_weights_are_those_of_a_rounded_model() -> None:
    model = made("mingru", {}, {"convolution": 3, "pointwise": True, "feedforward": "gelu"})
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for module in rounded.modules():
            if isinstance(module, nn.Linear):
                module.weight.copy_(module.weight.bfloat16().float())
    native = Native(model, torch.bfloat16)
    assert_steps_agree(rounded, native)
    assert native.bytes < 0.6 * Native(model).bytes


def test_bits_do_not_depend_on_threads() -> None:
    model = made("mingru", {}, {}, dim=150, cache=2)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            native = Native(model)
            state = native.enter(model.init_state(1))
            for token in range(20):
                logits_BV, state = native.step(token, state)
            found.append((logits_BV, state))
    finally:
        torch.set_num_threads(threads)
    for logits_BV, state in found[1:]:
        assert torch.equal(logits_BV, found[0][0])
        assert torch.equal(state, found[0][1])


def test_a_state_is_a_value() -> None:
    native = Native(made("mingru", {}, {}))
    state = native.enter(native.leave(torch.rand(2 * (33 + 3 * 33))))
    before = state.clone()
    first, _ = native.step(3, state)
    again, _ = native.step(3, state)
    assert torch.equal(state, before)
    assert torch.equal(first, again)


def test_what_is_not_native_steps_plainly() -> None:
    attention = made("attention", {"heads": 4}, {}, dim=32)
    assert isinstance(stepper_for(attention), Plain)
    with pytest.raises(NotNative, match="Attention"):
        write_program(attention)
    assert isinstance(stepper_for(made("mingru", {}, {}).double()), Plain)


def test_changed_weights_are_packed_again() -> None:
    model = made("mingru", {}, {})
    first = stepper_for(model)
    assert stepper_for(model) is first
    with torch.no_grad():
        model.head.bias.add_(1)  # type: ignore[operator, union-attr]
    second = stepper_for(model)
    assert second is not first
    # A fused optimizer writes into weights without telling torch's counter of versions.
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    torch.optim.AdamW(model.parameters(), lr=0.1, fused=True).step()
    assert stepper_for(model) is not second
    model.load_state_dict(copy.deepcopy(model.state_dict()), assign=True)
    native = stepper_for(model)
    assert isinstance(native, Native)
    assert_steps_agree(model, native)


def test_a_model_does_not_outlive_its_last_user() -> None:
    model = made("mingru", {}, {})
    stepper_for(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_session_may_stop_and_go_on_anywhere() -> None:
    """Written natively, read in parallel, forked: the logits are those of one plain reading."""
    model = made("mingru", {}, {}, vocab_size=256)
    model.tokenizer = ByteTokenizer()
    session = Session.start(model, seed=1)
    session.read("The brook ")
    ascii_only = Sampling(forbidden=(0, *range(128, 256)))
    text = "".join(session.write(7, ascii_only))
    twin = session.fork()
    session.read(" ran on")
    twin.read(" ran")
    for piece in (" ", "o", "n"):
        twin.read(piece)
    plain = Session.start(model)
    plain.read("The brook " + text + " ran on")
    for other in (session, twin):
        assert_near(other.logits_V, plain.logits_V, torch.float32, "logits")
        assert other.position == plain.position


def test_a_token_outside_the_vocabulary_is_refused() -> None:
    native = Native(made("mingru", {}, {}))
    with pytest.raises(IndexError, match="in \\[0, 70\\)"):
        native.step(70, native.enter(native.leave(torch.zeros(2 * (33 + 3 * 33)))))
