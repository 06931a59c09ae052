"""A whole comparison through its processes: fair, resumable, and no failure takes the others."""

import dataclasses
import json
import os
import signal
import threading
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from runnel.cli import main, make_parser
from runnel.commands import compare
from runnel.models.size import count_without_embeddings
from runnel.recipes import RECIPES
from runnel.reports import worker
from runnel.reports.board import Silence
from runnel.reports.plan import equalised, write_plan
from runnel.reports.results import Comparison
from runnel.reports.runner import Interrupted, run_all
from runnel.reports.store import read_run
from runnel.reports.words import facts
from runnel.reports.write import write_report

TINY = [
    *("--batch", "2", "--length", "24", "--device", "cpu", "--quiet"),
    *("--set", "model.dim=8", "--set", "model.layers=1", "--set", "training.evaluate_every=5"),
]


def words(text: Path, out: Path, *more: str) -> list[str]:
    return ["--data", str(text), "--out", str(out), *TINY, *more]


def plan_of(*arguments: str) -> Comparison:
    return compare._plan(make_parser().parse_args(["compare", *arguments]))


@pytest.fixture(scope="module")
def made(text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    """Two recipes that end and one whose first step leaves numbers behind that are not finite.

    One of them is there already when the comparison begins, as after an interruption.
    """
    out = tmp_path_factory.mktemp("compared")
    plan = plan_of(
        *("mingru-stories", "attention-stories", "gru-stories", "--tokens", "480", "--seeds", "1"),
        *words(text_file, out),
    )
    wild: dict[str, Any] = json.loads(json.dumps(plan.entries[2].recipe))
    wild["training"]["learning_rate"] = 1e30
    wild["training"]["schedule"]["warmup"] = 0.0
    entries = (dataclasses.replace(plan.entries[2], recipe=wild), *plan.entries[:2])
    plan = dataclasses.replace(plan, entries=entries)
    write_plan(out, plan)
    (out / "runs").mkdir()
    assert worker.main([str(out), "attention-stories", "0"]) == 0
    found = run_all(out, plan, Silence(), lambda found: write_report(out, [found]))
    return out, found


def test_a_divergence_is_told_and_loses_nothing(made: tuple[Path, Comparison]) -> None:
    out, found = made
    (lost,), *others = [entry.runs for entry in found.entries]
    assert lost.status == "diverged"
    assert lost.reason
    assert all(run.status == "finished" for (run,) in others)
    assert lost.reason.split(";")[0] in (out / "report.md").read_text()


def test_every_pair_is_treated_alike(made: tuple[Path, Comparison]) -> None:
    entries = [entry for entry in made[1].entries if entry.finished]
    assert len(entries) == 2
    for one, other in combinations(entries, 2):
        for a, b in zip(one.runs, other.runs, strict=True):
            for name in ("seed", "steps", "tokens", "validation_tokens", "protocol"):
                assert getattr(a, name) == getattr(b, name) is not None
            assert a.validation_sha256 == b.validation_sha256
            assert a.tokenizer_sha256 == b.tokenizer_sha256
            assert [point[0] for point in a.curve] == [point[0] for point in b.curve]
        assert one.recipe["data"] == other.recipe["data"]
        shared = ("tokens", "batch", "length", "accumulate", "precision")
        for name in (*shared, "evaluate_tokens", "judge_tokens"):
            assert one.recipe["training"][name] == other.recipe["training"][name]


def test_what_is_measured_on_less_than_all_is_stated(made: tuple[Path, Comparison]) -> None:
    out, found = made
    (run,) = found.entries[1].runs
    stated = dict(facts(found))["judged"]
    assert f"the first {run.validation_tokens:,} tokens" in stated
    assert "curves on the first 8,192" in stated
    assert f"loss by position on {sum(b.count for b in run.by_position):,} tokens" in stated
    assert stated in (out / "report.md").read_text()


def test_everything_promised_is_measured(made: tuple[Path, Comparison]) -> None:
    for entry in made[1].entries[1:]:
        (run,) = entry.runs
        assert run.tokens == 480
        assert run.bits_per_byte is not None
        assert 0 < run.bits_per_byte < 9
        assert run.peak_bytes is not None
        assert run.start_bytes is not None
        assert run.peak_bytes >= run.start_bytes > 50e6
        assert run.decode_tokens_per_second
        assert run.seconds_per_batch
        assert set(run.state_bytes) == {"1024", "16384", "262144"}
        assert [point[0] for point in run.curve] == [240, 480]
        assert run.by_position
        assert run.samples


def test_a_result_that_is_lost_is_measured_again(made: tuple[Path, Comparison]) -> None:
    out, _ = made
    before = read_run(out, "mingru-stories", 0)
    (out / "runs" / "mingru-stories-seed-0.json").unlink()
    assert worker.main([str(out), "mingru-stories", "0"]) == 0
    after = read_run(out, "mingru-stories", 0)
    assert before is not None
    assert after is not None
    assert after.bits_per_byte == before.bits_per_byte
    assert after.peak_bytes == before.peak_bytes
    assert after.samples == before.samples


def test_interrupted_saves_and_goes_on_within_the_run(text_file: Path, tmp_path: Path) -> None:
    arguments = ["mingru-stories", "--seeds", "1", "--steps", "400"]
    plan = plan_of(*arguments, *words(text_file, tmp_path, "--set", "training.evaluate_every=200"))
    write_plan(tmp_path, plan)
    runs = tmp_path / "runs"
    metrics = runs / "mingru-stories-seed-0" / "metrics.jsonl"

    def interrupt() -> None:
        while not metrics.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Thread(target=interrupt, daemon=True)
    timer.start()
    with pytest.raises(Interrupted) as caught:
        run_all(tmp_path, plan, Silence(), lambda found: None)
    timer.join()
    assert caught.value.number == signal.SIGINT
    (saved,) = runs.glob("*/checkpoints/step-*")
    assert 0 < int(saved.name.removeprefix("step-")) < 400
    assert not list(runs.glob("*seed-0.json"))
    assert worker.main([str(tmp_path), "mingru-stories", "0"]) == 0
    run = read_run(tmp_path, "mingru-stories", 0)
    assert run is not None
    assert run.steps == 400
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == sorted(steps)


BAD: dict[str, tuple[list[str], str]] = {
    "no recipe": (["--tokens", "9"], "recipes to compare"),
    "unknown recipe": (["mingru-storys", "--tokens", "9"], "did you mean mingru-stories?"),
    "a recipe twice": (["gru-stories", "gru-stories", "--tokens", "9"], "twice"),
    "no budget": (["gru-stories"], "--minutes, --tokens or --steps"),
    "two budgets": (["gru-stories", "--tokens", "9", "--steps", "9"], "--steps"),
    "cannot be matched": (
        ["gru-stories", "--tokens", "9", "--match", "parameters", "--parameters", "7"],
        "gru-stories cannot be matched",
    ),
    "a size without match": (["gru-stories", "--tokens", "9", "--parameters", "7"], "--match"),
    "recipes beside --from": (["gru-stories", "--from", "x"], "--from alone"),
    "a guest that is none": (
        ["gru-stories", "--tokens", "9", "--against", "x"],
        "hf:NAME or a folder",
    ),
    "a guest beside --from": (["--from", "x", "--against", "hf:x"], "--from alone"),
    "no results": (["--from", "nowhere.json"], "nowhere.json"),
    "too long": (["gru-stories", "--tokens", "9", "--length", "90000"], "90000"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_one_line_and_nothing_written(
    fault: str, text_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, hint = BAD[fault]
    out = tmp_path / "out"
    try:
        code = main(["compare", "--data", str(text_file), "--out", str(out), *arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    output = capsys.readouterr()
    assert (code, output.out, output.err.count("\n")) == (2, "", 1)
    assert hint in output.err
    assert not out.exists()


def test_other_options_for_an_existing_comparison_are_refused(
    made: tuple[Path, Comparison], text_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, found = made
    names = [entry.name for entry in found.entries]
    # gru-stories there has another learning rate than the recipe
    assert main(["compare", *names, "--tokens", "480", "--seeds", "1", *words(text_file, out)]) == 2
    error = capsys.readouterr().err
    assert "learning_rate=1e+30" in error
    assert error.count("\n") == 1
    assert main(["compare", *names, "--tokens", "960", "--seeds", "1", *words(text_file, out)]) == 2
    assert "480 tokens" in capsys.readouterr().err


def test_merged_results_make_the_same_report(
    made: tuple[Path, Comparison], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = made
    both = tmp_path / "both"
    assert main(["compare", "--from", str(out), "--out", str(both), "--json"]) == 0
    merged = json.loads(capsys.readouterr().out)
    assert merged["comparisons"] == json.loads((out / "results.json").read_text())["comparisons"]
    assert (both / "report.html").read_text() == (out / "report.html").read_text()


@pytest.mark.parametrize("name", ["attention-stories", "hgrn-stories"])
def test_widths_are_matched_within_two_percent(name: str, text_file: Path, tmp_path: Path) -> None:
    plan = plan_of(
        *(name, "--tokens", "480", "--match", "parameters", "--parameters", "300000"),
        *("--data", str(text_file), "--out", str(tmp_path)),
    )
    (entry,) = plan.entries
    assert entry.parameters_without_embeddings == pytest.approx(300_000, rel=0.02)
    assert "300,000" in plan.conditions.matched


def test_without_embeddings_nothing_grows_with_the_vocabulary() -> None:
    model = RECIPES["mingru-stories"].make().model
    sizes = {
        count_without_embeddings(dataclasses.replace(model, vocab_size=size)) for size in (7, 256)
    }
    assert len(sizes) == 1
    (size,) = sizes
    built, growing = model.build(), ("emb", "head", "cache.keep", "cache.weight")
    own = sum(p.numel() for n, p in built.named_parameters() if not n.startswith(growing))
    assert size == own


def test_the_first_recipe_says_what_is_read() -> None:
    recipes = {name: RECIPES[name].make() for name in ("mingru-shakespeare", "gru-stories")}
    alike = equalised(recipes)
    first, second = alike.values()
    assert second.data == first.data == recipes["mingru-shakespeare"].data
    assert second.training.batch == 8
    assert second.training.optimizer == recipes["gru-stories"].training.optimizer
