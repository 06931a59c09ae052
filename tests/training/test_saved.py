"""Numbers in a checkpoint's state that cannot be: refused in a line, before anything takes them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnel.errors import InputError
from runnel.storage import checkpoint as checkpoints
from runnel.storage.run import RunDirectory
from runnel.training import Recipe, train
from runnel.training.ledger import Ledger
from runnel.training.saved import check_judged, numbers
from runnel.training.schedule import Spent
from runnel.training.spikes import Spikes

MakeRecipe = Callable[..., Recipe]
_BEST = {"step": 4, "validation_loss": 1.0}
_OUTCOME = {"validation_loss": 1.0, "bits_per_byte": 2.0, "best_step": 4, "protocol": "x"}


@pytest.mark.parametrize("cls", [Ledger, Spent, Spikes])
def test_what_was_saved_is_believed(cls: Any) -> None:
    plain = dataclasses.asdict(cls())
    assert numbers(cls, plain, "it") == cls()


@pytest.mark.parametrize("cls", [Ledger, Spent, Spikes])
@pytest.mark.parametrize("value", [-1, True, "1", None, float("inf"), float("nan"), [1], 2**62, {}])
def test_no_number_is_believed_that_cannot_be(cls: Any, value: Any) -> None:
    plain = dataclasses.asdict(cls())
    for name, own in plain.items():
        if isinstance(own, float) and value == 2**62:
            continue
        with pytest.raises(InputError, match=rf"under it\.{name} of the checkpoint's state"):
            numbers(cls, plain | {name: value}, "it")


@pytest.mark.parametrize("plain", [None, [], {}, {"steps": 1}, {"steps": 1, "more": 2}])
def test_no_fields_are_missing_and_none_are_added(plain: Any) -> None:
    with pytest.raises(InputError, match="expected the fields steps"):
        numbers(Spikes, plain, "it")


@pytest.mark.parametrize(
    ("best", "outcome"),
    [
        ({"step": 9, "validation_loss": 1.0}, {}),
        ({"step": 4}, {}),
        ({"step": 4, "validation_loss": "low"}, {}),
        (_BEST, {**_OUTCOME, "validation_loss": None}),
        (_BEST, {**_OUTCOME, "bits_per_byte": "few"}),
        (_BEST, {"validation_loss": 1.0, "best_step": 4}),
        ({}, _OUTCOME),
    ],
)
def test_what_was_judged_can_be(best: Any, outcome: Any) -> None:
    check_judged(_BEST, _OUTCOME, 8)
    check_judged({}, {}, 0)
    with pytest.raises(InputError, match=r"under (best|outcome) of the checkpoint's state"):
        check_judged(best, outcome, 8)


def _rewritten(out: Path, change: Callable[[Any], None]) -> None:
    """The newest checkpoint with another state and the right hashes."""
    newest = checkpoints.find(out / "checkpoints")[0]
    saved = checkpoints.read(newest)
    change(saved.state)
    with RunDirectory.open(out) as run:
        run.lock()
        run.save(saved, saved.best)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state["trainer"].update(seconds="long"), r"trainer\.seconds"),
        (lambda state: state["trainer"].update(steps=5), "a run after 6 steps; got one after 5"),
        (lambda state: state["trainer"]["spikes"].update(variance=-1.0), "variance"),
        (lambda state: state["trainer"].pop("stage"), "expected a stage"),
        (lambda state: state["trainer"].pop("loader"), "expected a data position"),
        (lambda state: state["ledger"].update(loss=None), r"ledger\.loss"),
        (lambda state: state["best"].update(step=7), "best"),
        (lambda state: state.update(best={}), "outcome"),
        (lambda state: state.update(best={}, outcome={}), "judged never"),
    ],
)
def test_a_run_refuses_such_a_state_in_a_line(
    make_recipe: MakeRecipe, tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    recipe = make_recipe(steps=6, save_every=3)
    train(recipe, tmp_path, device="cpu", quiet=True)
    _rewritten(tmp_path, change)
    with pytest.raises(InputError, match=said) as caught:
        train(recipe, tmp_path, device="cpu", quiet=True)
    assert "\n" not in str(caught.value)
