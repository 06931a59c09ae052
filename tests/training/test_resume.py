"""Interrupted or killed anywhere and gone on with, a run ends bit for bit as an undisturbed one."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnel.inference import evaluate
from runnel.storage import checkpoint as checkpoints
from runnel.training import OptimizerConfig, Progress, Recipe, Result, ScheduleConfig, train
from runnel.training.run import Run
from torture.essence import differences
from torture.steps import at

MakeRecipe = Callable[..., Recipe]


class Killed(BaseException):
    """Stands in for a process that ends without a word."""


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def _kill() -> None:
    raise Killed


def _run(recipe: Recipe, out: Path, progress: Progress | None = None) -> Result:
    return train(recipe, out, device="cpu", quiet=True, progress=progress)


_MUON = OptimizerConfig(kind="muon")
_MATRIX: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout, muon": {"dropout": 0.3, "optimizer": _MUON},
    "accumulation, tokens": {"accumulate": 3, "tokens": 2300},
    "growth": {"grows": True, "dropout": 0.1, "optimizer": _MUON, "average": 0.9},
    "epoch wraps": {"batch": 24, "length": 64, "steps": 14},
    "all": {
        "dropout": 0.2,
        "accumulate": 2,
        "optimizer": _MUON,
        "average": 0.95,
        "batch": 12,
        "length": 64,
        "log_every": 3,
        "precision": "bfloat16",
    },
}


@pytest.mark.parametrize("options", _MATRIX.values(), ids=_MATRIX.keys())
def test_interrupted_and_killed_equals_undisturbed(
    make_recipe: MakeRecipe, tmp_path: Path, options: dict[str, Any]
) -> None:
    recipe = make_recipe(prompts=("the ",), save_every=3, **options)
    _run(recipe, tmp_path / "whole")
    out = tmp_path / "broken"
    first = _run(recipe, out, at(2, _interrupt))
    assert (first.interrupted_by, first.steps) == (signal.SIGINT, 2)
    assert not (out / "model.safetensors").exists()
    with pytest.raises(Killed):
        _run(recipe, out, at(8, _kill))
    second = _run(recipe, out, at(10, _interrupt))
    assert second.steps == 10
    last = _run(recipe, out)
    assert last.interrupted_by is None
    assert differences(tmp_path / "whole", out) == []


# It grows before steps 5 and 9.
@pytest.mark.parametrize("moments", [(3, 4, 7), (4, 5, 9), (5, 8, 10)])
def test_killed_beside_a_growth_equals_undisturbed(
    make_recipe: MakeRecipe, tmp_path: Path, moments: tuple[int, ...]
) -> None:
    recipe = make_recipe(grows=True, prompts=("the ",), save_every=4, log_every=3)
    _run(recipe, tmp_path / "whole")
    out = tmp_path / "broken"
    for moment in moments[:2]:
        _run(recipe, out, at(moment, _interrupt))
    with pytest.raises(Killed):
        _run(recipe, out, at(moments[2], _kill))
    _run(recipe, out)
    assert differences(tmp_path / "whole", out) == []


def test_some_case_of_the_matrix_wraps_its_epoch(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    _run(make_recipe(**_MATRIX["epoch wraps"]), tmp_path)
    latest = (tmp_path / "checkpoints" / "latest").read_text().strip()
    state = checkpoints.read(tmp_path / "checkpoints" / latest).state
    assert state["trainer"]["loader"]["epoch"] >= 1


@pytest.mark.parametrize("step", [5, 12], ids=["an evaluation", "the last evaluation"])
def test_an_interrupt_while_evaluating_aborts_it_and_a_resume_does_it_again(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    recipe = make_recipe(prompts=("the ",))
    _run(recipe, tmp_path / "whole")
    calls = []

    def interrupted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == {5: 1, 12: 3}[step]:
            _interrupt()
        return evaluate(*args, **options)

    monkeypatch.setattr("runnel.training.subject.evaluate", interrupted)
    result = _run(recipe, tmp_path / "broken")
    assert (result.interrupted_by, result.steps) == (signal.SIGINT, step)
    monkeypatch.undo()

    def killed(*args: Any, **options: Any) -> str:
        raise Killed

    # The line of the evaluation is written by then, and written again in the end.
    monkeypatch.setattr("runnel.training.run.draw_loss", killed)
    with pytest.raises(Killed):
        _run(recipe, tmp_path / "broken")
    monkeypatch.setattr("runnel.training.run.draw_loss", lambda *args, **options: "<svg/>")
    assert _run(recipe, tmp_path / "broken").interrupted_by is None
    assert differences(tmp_path / "whole", tmp_path / "broken") == []


def test_an_interrupt_before_the_first_step_leaves_a_run_that_goes_on(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(steps=6)
    _run(recipe, tmp_path / "whole")

    def heading(self: Run) -> str:
        _interrupt()
        return ""

    monkeypatch.setattr(Run, "_heading", heading)
    assert _run(recipe, tmp_path / "broken").steps == 0
    monkeypatch.undo()
    _run(recipe, tmp_path / "broken")
    assert differences(tmp_path / "whole", tmp_path / "broken") == []


def test_killed_before_the_first_checkpoint_it_starts_again(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(steps=6, save_every=0, evaluate_every=0)
    _run(recipe, tmp_path / "whole")
    with pytest.raises(Killed):
        _run(recipe, tmp_path / "broken", at(4, _kill))
    assert (tmp_path / "broken" / "metrics.jsonl").read_text() != ""
    _run(recipe, tmp_path / "broken")
    assert differences(tmp_path / "whole", tmp_path / "broken") == []


def test_a_resumed_run_with_minutes_keeps_the_time_already_spent(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    falling = ScheduleConfig(warmup=0.0)
    recipe = make_recipe(minutes=0.03, schedule=falling, evaluate_every=0, save_every=0)
    first = _run(recipe, tmp_path, at(8, _interrupt))
    assert first.interrupted_by == signal.SIGINT
    result = _run(recipe, tmp_path)
    assert result.steps > first.steps
    assert result.seconds >= 1.8
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)
    rates = [line["learning_rate"] for line in lines[8:]]
    assert rates == sorted(rates, reverse=True)


def test_a_lost_best_checkpoint_is_said_and_the_last_stands_in(
    make_recipe: MakeRecipe, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rising = ScheduleConfig(warmup=1.0)
    recipe = make_recipe(steps=12, learning_rate=3.0, schedule=rising, evaluate_every=2)
    _run(recipe, tmp_path, at(11, _interrupt))
    best = (tmp_path / "checkpoints" / "best").read_text().strip()
    assert int(best.removeprefix("step-")) < 11
    with (tmp_path / "checkpoints" / best / "model.safetensors").open("ab") as file:
        file.write(b"x")
    result = train(recipe, tmp_path, device="cpu")
    assert result.best_step == 12
    assert "the best checkpoint is lost, the last stands in" in capfd.readouterr().err


def test_the_best_so_far_survives_an_interrupt(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    # The rate rises to the end, so high that an early step stays the best.
    rising = ScheduleConfig(warmup=1.0)
    recipe = make_recipe(steps=12, learning_rate=3.0, schedule=rising, evaluate_every=2)
    best = _run(recipe, tmp_path / "whole").best_step
    assert best is not None
    assert best < 9
    _run(recipe, tmp_path / "broken", at(9, _interrupt))
    _run(recipe, tmp_path / "broken")
    assert differences(tmp_path / "whole", tmp_path / "broken") == []


def test_two_undisturbed_runs_are_equal(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(dropout=0.2, prompts=("the ",))
    for name in ("one", "other"):
        _run(recipe, tmp_path / name)
    assert differences(tmp_path / "one", tmp_path / "other") == []
