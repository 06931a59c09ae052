"""Recorded steps of many streams: what `model.step` gives, whatever states are given when."""

import gc
import weakref
from typing import Any

import pytest
import torch

from runnel.inference import engine
from runnel.inference.engine import Plain, Recorded, stepper_for
from runnel.inference.leaves import leaves
from runnel.inference.recorded import Streams
from runnel.mixers import MIXERS
from runnel.models.model import Model
from runnel.models.stack import StackConfig


def _model(mixer: str) -> Model[Any]:
    torch.manual_seed(1)
    config = StackConfig(dim=24, layers=2, mixers=(MIXERS[mixer](dim=24),), vocab_size=11)
    model = config.build().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.3)
    return model


def _equal(one: Any, other: Any) -> bool:
    return all(torch.equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


@pytest.mark.parametrize("mixer", sorted(MIXERS))
def test_streams_are_the_models_steps_and_states_are_values(mixer: str) -> None:
    model = _model(mixer)
    streams = Streams(model, 3)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        # Every state that was ever given out, ours beside the model's, and one picked of them.
        pairs = [(model.init_state(3), model.init_state(3))]
        for turn in range(12):
            ours, wanted = pairs[turn * 7 % len(pairs)] if turn % 3 == 0 else pairs[-1]
            token_B = torch.randint(11, (3,), generator=generator)
            found_BV, after = streams.step(token_B, ours)
            logits_BV, expected = model.step(token_B, wanted)
            assert torch.equal(found_BV, logits_BV)
            pairs.append((after, expected))
    assert all(_equal(ours, wanted) for ours, wanted in pairs)


def test_training_goes_on_in_the_mode_that_it_had() -> None:
    model = _model("mingru").train()
    Streams(model, 1).step(3, model.init_state(1))
    assert model.training


def test_a_gpu_takes_recorded_steps_where_they_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "device_of", lambda model: torch.device("cuda"))
    model = _model("mingru")
    stepper = stepper_for(model)
    assert isinstance(stepper, Recorded)
    assert stepper_for(model) is stepper
    state = model.init_state(1)
    with torch.no_grad():
        model.get_parameter("head.weight").mul_(2.0)
    again = stepper_for(model)
    assert again is not stepper
    monkeypatch.undo()
    assert torch.equal(again.step(4, state)[0], Plain(model).step(4, state)[0])
    gone = weakref.ref(model)
    del model, stepper, again
    gc.collect()
    assert gone() is None


def test_a_step_that_cannot_be_recorded_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(engine, "device_of", lambda model: torch.device("cuda"))
    monkeypatch.setattr("runnel.inference.recorded.record", refuse)
    with pytest.warns(RuntimeWarning, match="cannot be recorded .*capturing"):
        assert isinstance(stepper_for(_model("mingru")), Plain)
