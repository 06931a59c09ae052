"""Whole runs: they learn, leave what the run directory promises, and refuse what they should."""

import json
import math
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import runnel.training.run as running
from runnel.data import DataConfig, open_corpus
from runnel.errors import DivergedError, InputError
from runnel.inference import evaluate
from runnel.storage.load import load_model
from runnel.training import OptimizerConfig, Recipe, Result, ScheduleConfig, train
from runnel.training.picture import draw_loss

MakeRecipe = Callable[..., Recipe]

_LINE = {
    "step": int,
    "tokens": int,
    "seconds": float,
    "loss": float,
    "learning_rate": float,
    "gradient_norm": float,
    "tokens_per_second": float,
}
_JUDGED = {"validation_loss": float, "bits_per_byte": float, "validation_tokens": int}


def read_metrics(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def _train(recipe: Recipe, out: Path, **options: Any) -> Result:
    return train(recipe, out, device="cpu", quiet=True, **options)


def test_it_learns_more_than_the_frequencies_of_the_letters(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(
        steps=80,
        batch=8,
        length=32,
        learning_rate=1e-2,
        log_every=10,
        evaluate_every=0,
        optimizer=OptimizerConfig(kind="muon"),
    )
    result = _train(recipe, tmp_path)
    validation = open_corpus(recipe.data).validation
    counts = Counter(validation.tokens_N[1:].tolist())
    total = counts.total()
    unigram = -sum(n / total * math.log(n / total) for n in counts.values())
    assert result.validation_loss is not None
    assert result.validation_loss < 0.5 * unigram
    losses = [line["loss"] for line in read_metrics(tmp_path)]
    assert losses[0] > 2 * losses[-1]


@pytest.mark.parametrize(("judge", "last"), [(120, 120), (None, 0)])
def test_the_last_evaluation_reads_as_much_as_is_asked_for(
    make_recipe: MakeRecipe, tmp_path: Path, judge: int | None, last: int
) -> None:
    recipe = make_recipe(steps=6, evaluate_tokens=50, judge_tokens=judge)
    _train(recipe, tmp_path / "run")
    tokens = [line.get("validation_tokens") for line in read_metrics(tmp_path / "run")]
    assert [n for n in tokens if n][:-1] == [50, 50]
    whole = len(open_corpus(recipe.data).validation.tokens_N) - 1
    assert tokens[-1] == (last or whole)


def test_the_run_directory_holds_what_was_promised(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "draw_loss", draw_loss)
    recipe = make_recipe(steps=12, prompts=("the cat", "a"), evaluate_tokens=300)
    result = _train(recipe, tmp_path / "run")
    run = tmp_path / "run"
    expected = {"config.json", "model.safetensors", "tokenizer.json", "metrics.jsonl"}
    expected |= {"samples.md", "loss.svg", "README.md", "checkpoints"}
    assert {path.name for path in run.iterdir()} == expected
    assert result.path == run
    assert (result.steps, result.tokens) == (12, 12 * 4 * 16)
    assert not result.already_finished
    assert result.interrupted_by is None
    lines = read_metrics(run)
    for line in lines:
        schema = _LINE | (_JUDGED if "validation_loss" in line else {})
        assert {n: type(line[n]) for n in schema} == schema
        assert line.keys() <= schema.keys() | {"best_step"}
    assert [line["step"] for line in lines] == [*range(1, 13), 12]
    judged = [line["step"] for line in lines if "validation_loss" in line]
    assert judged == [5, 10, 12, 12]
    assert lines[0]["learning_rate"] <= recipe.training.learning_rate
    samples = (run / "samples.md").read_text()
    assert [s.split(",")[0] for s in samples.split("## step ")[1:]] == ["5", "10", "12"]
    assert "> the cat" in samples
    card = (run / "README.md").read_text()
    assert open_corpus(recipe.data).sha256 in card
    assert f"{result.validation_loss:.4f} nats/token" in card
    picture = (run / "loss.svg").read_text()
    assert "<svg" in picture
    config = json.loads((run / "config.json").read_text())
    assert config["format"] == 1
    assert config["model"]["vocab_size"] == 256
    assert config["training"]["steps"] == 12
    latest = (run / "checkpoints" / "latest").read_text().strip()
    assert latest == "step-00000012"


def test_the_published_weights_are_the_best_and_have_the_stated_loss(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    # A rate that is far too high in the end makes an earlier step the best one.
    recipe = make_recipe(
        steps=12,
        learning_rate=3.0,
        schedule=ScheduleConfig(warmup=1.0),
        average=0.5,
        evaluate_every=2,
    )
    result = _train(recipe, tmp_path)
    lines = [line for line in read_metrics(tmp_path) if "validation_loss" in line]
    partial = [line for line in lines if "best_step" not in line]
    best = min(partial, key=lambda line: line["validation_loss"])
    assert result.best_step == best["step"] < 12
    corpus = open_corpus(recipe.data)
    model = load_model(tmp_path)
    whole = evaluate(model, corpus.validation.tokens_N, corpus.tokenizer)
    assert whole.loss == pytest.approx(result.validation_loss, rel=1e-6)
    assert lines[-1]["validation_loss"] == result.validation_loss
    first = evaluate(model, corpus.validation.tokens_N, corpus.tokenizer, limit=500)
    assert first.loss == pytest.approx(best["validation_loss"], rel=1e-6)


@pytest.mark.parametrize("budget", [{"tokens": 1000}, {"minutes": 0.01}])
def test_other_budgets_end_where_they_should(
    make_recipe: MakeRecipe, tmp_path: Path, budget: dict[str, Any]
) -> None:
    result = _train(make_recipe(**budget, evaluate_every=0), tmp_path)
    step = 4 * 16
    if "tokens" in budget:
        assert 1000 <= result.tokens < 1000 + step
    else:
        lines = read_metrics(tmp_path)
        assert result.seconds >= 0.6 > lines[-3]["seconds"] - 1e-3
        rates = [line["learning_rate"] for line in lines]
        assert rates[-1] < 0.3 * max(rates)


def test_intervals_in_seconds_count_training_only(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(minutes=0.02, evaluate_every="0.5s", log_every="0.1s", save_every="0.3s")
    _train(recipe, tmp_path)
    lines = [line for line in read_metrics(tmp_path) if "best_step" not in line]
    judged = [line["seconds"] for line in lines if "validation_loss" in line]
    assert len(judged) == 3
    assert [int(2 * seconds) for seconds in judged] == [1, 2, 2]


def test_a_finished_run_has_nothing_to_do(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe()
    first = _train(recipe, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "model.safetensors").unlink()
    again = _train(recipe, tmp_path)
    assert again == replace(first, already_finished=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("budget", ["steps", "tokens"])
def test_a_longer_budget_goes_on(make_recipe: MakeRecipe, tmp_path: Path, budget: str) -> None:
    unit = 1 if budget == "steps" else 64
    _train(make_recipe(**{budget: 6 * unit}), tmp_path)
    before = read_metrics(tmp_path)
    result = _train(make_recipe(**{budget: 9 * unit}), tmp_path)
    lines = read_metrics(tmp_path)
    assert lines[: len(before)] == before
    assert result.steps == 9
    assert lines[len(before)]["step"] == 7
    assert lines[len(before)]["budget"] == f"{9 * unit} {budget}"
    assert lines[len(before)]["budget_before"] == f"{6 * unit} {budget}"
    assert "budget" not in lines[-1]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["training"][budget] == 9 * unit
    assert _train(make_recipe(**{budget: 9 * unit}), tmp_path).already_finished


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 3}, "a budget of at least 6 steps"),
        ({"tokens": 9999}, "training.steps=6; got None"),
        ({"steps": 6, "learning_rate": 0.5}, "training.learning_rate=0.004; got 0.5"),
        ({"steps": 9, "seed": 1}, "training.seed=0; got 1"),
        ({"steps": 6, "dim": 24}, "model.dim=16; got 24"),
        ({"steps": 6, "dropout": 0.5}, "model.block.dropout=0.0; got 0.5"),
        (
            {"steps": 6, "optimizer": OptimizerConfig(betas=(0.5, 0.9))},
            r"training.optimizer.betas=\[0.9, 0.95\]; got \[0.5, 0.9\]",
        ),
    ],
)
def test_another_configuration_is_refused_and_nothing_written(
    make_recipe: MakeRecipe, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    _train(make_recipe(steps=6), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=message):
        _train(make_recipe(**change), tmp_path)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_a_changed_text_is_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(steps=6)
    text = tmp_path / "text.txt"
    text.write_text(Path(recipe.data.source).read_text())
    recipe = replace(recipe, data=DataConfig(source=str(text)))
    _train(recipe, tmp_path / "run")
    text.write_text(text.read_text() + "More.")
    longer = replace(recipe, training=replace(recipe.training, steps=9))
    with pytest.raises(InputError, match="it has changed since"):
        _train(longer, tmp_path / "run")


def test_never_and_must(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(steps=2)
    with pytest.raises(InputError, match="there is none"):
        _train(recipe, tmp_path / "run", resume="must")
    assert not (tmp_path / "run").exists()
    _train(recipe, tmp_path / "run", resume="never")
    with pytest.raises(InputError, match="holds one"):
        _train(recipe, tmp_path / "run", resume="never")
    assert _train(recipe, tmp_path / "run", resume="must").already_finished


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"length": 10**6}, "shorter length"),
        ({"dim": 10**8}, "of memory"),
    ],
)
def test_impossible_recipes_write_nothing(
    make_recipe: MakeRecipe, tmp_path: Path, recipe: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _train(make_recipe(**recipe), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_unknown_device_and_missing_text_write_nothing(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe()
    with pytest.raises(InputError, match="auto, cpu, cuda"):
        train(recipe, tmp_path / "run", device="abacus", quiet=True)
    with pytest.raises(InputError):
        _train(replace(recipe, data=DataConfig(source=str(tmp_path / "no.txt"))), tmp_path / "run")
    with pytest.raises(InputError, match="resume to be auto"):
        _train(recipe, tmp_path / "run", resume="maybe")
    assert not (tmp_path / "run").exists()


def test_a_damaged_checkpoint_is_skipped_and_said_so_or_refused(
    make_recipe: MakeRecipe, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = make_recipe(steps=6, save_every=2)
    _train(recipe, tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    path = tmp_path / "checkpoints" / "step-00000006" / "training.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"training\.safetensors"):
        _train(recipe, tmp_path, resume="must")
    result = train(recipe, tmp_path, device="cpu")
    assert "skipped a damaged checkpoint" in capfd.readouterr().err
    assert not result.already_finished
    assert (tmp_path / "model.safetensors").read_bytes() == weights


def test_divergence_keeps_the_last_good_checkpoint(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(steps=12, save_every=3, evaluate_every=0)
    original = running.Run._write

    def poison(self: running.Run, line: dict[str, Any]) -> None:
        original(self, line)
        if line["step"] == 7:
            self._trainer.model.get_parameter("head.bias").data[3] = math.nan

    monkeypatch.setattr(running.Run, "_write", poison)
    with pytest.raises(DivergedError, match=r"step 8: .*head\.bias"):
        _train(recipe, tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "checkpoints" / "latest").read_text().strip() == "step-00000006"
    assert _train(recipe, tmp_path).steps == 12


def test_the_callers_generator_and_handlers_are_left_alone(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    import signal

    import torch

    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _train(make_recipe(steps=2, dropout=0.5), tmp_path)
    assert torch.equal(torch.rand(3), expected)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_a_prompt_that_the_tokenizer_cannot_read_is_left_out(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(steps=2, prompts=("Ünmöglich",))
    recipe = replace(recipe, data=replace(recipe.data, tokenizer="char"))
    result = _train(recipe, tmp_path)
    assert result.steps == 2
    assert "## step 2" in (tmp_path / "samples.md").read_text()


def test_two_trainers_cannot_share_a_directory(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    from runnel.storage.run import RunDirectory

    recipe = make_recipe(steps=2)
    _train(recipe, tmp_path)
    other = RunDirectory.open(tmp_path)
    other.lock()
    with other, pytest.raises(InputError, match=f"pid {os.getpid()}"):
        _train(make_recipe(steps=4), tmp_path)
