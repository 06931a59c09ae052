"""Models of the Hugging Face hub at the table of a comparison: judged alike, not trained."""

import dataclasses
import json
from pathlib import Path

import pytest

from runnel.cli import main, make_parser
from runnel.commands import compare
from runnel.data import open_corpus
from runnel.data.config import DataConfig
from runnel.inference.against import open_against
from runnel.reports import worker
from runnel.reports.plan import write_plan
from runnel.reports.results import Comparison, Entry, read
from runnel.reports.table import missing, ranked
from runnel.reports.words import headline
from runnel.reports.write import write_report

ABSENT = "hf:nobody/nothing-of-this-name"


@pytest.fixture(scope="module")
def made(
    text_file: Path, byte_gpt2: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[str], Path, Comparison]:
    """A recipe of two seeds, a model in a folder, and one that no closed hub gives.

    All but the last are there already when the comparison begins, as after an interruption.
    """
    out = tmp_path_factory.mktemp("guests")
    words = ["compare", "mingru-stories", "--data", str(text_file), "--out", str(out), "--quiet"]
    words += ["--batch", "2", "--length", "24", "--device", "cpu", "--tokens", "96"]
    words += ["--seeds", "2", "--set", "model.dim=8", "--set", "training.judge_tokens=300"]
    words += ["--set", "data.tokenizer=byte", "--against", f"hf:{byte_gpt2}", ABSENT]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        plan = compare._plan(make_parser().parse_args(words))
        write_plan(out, plan)
        (out / "runs").mkdir()
        for name, seed in plan.jobs():
            if name != ABSENT:
                assert worker.main([str(out), name, str(seed)]) == 0
        assert main(words) == 0
    (found,) = read(out)
    return words, out, found


def test_a_guest_is_judged_on_the_same_tokens_once(
    made: tuple[list[str], Path, Comparison], text_file: Path, byte_gpt2: Path
) -> None:
    ours, theirs, _ = made[2].entries
    (guest,) = theirs.runs
    assert len(ours.runs) == 2
    assert guest.validation_sha256 == ours.runs[0].validation_sha256
    assert guest.validation_tokens == 300
    corpus = open_corpus(DataConfig(source=str(text_file)))
    model = open_against(str(byte_gpt2), "cpu")
    alone = model.evaluate(corpus.validation.tokens_N[:301], corpus.tokenizer)
    assert guest.bits_per_byte == pytest.approx(alone.bits_per_byte, rel=1e-6)
    assert (guest.parameters, guest.context) == (model.parameters, 32)
    assert guest.decode_tokens_per_second
    assert guest.tokens is None


def test_a_closed_hub_costs_one_line_and_no_other_result(
    made: tuple[list[str], Path, Comparison],
) -> None:
    *others, lost = made[2].entries
    (run,) = lost.runs
    assert run.status == "failed"
    assert run.reason is not None
    assert "the hub does not answer" in run.reason
    assert all(entry.finished for entry in others)


def test_the_report_marks_it_and_does_not_rank_it_first(
    made: tuple[list[str], Path, Comparison],
) -> None:
    _, out, found = made
    theirs = found.entries[1]
    run = dataclasses.replace(theirs.runs[0], bits_per_byte=0.5)
    better = found.with_run(theirs.name, run)
    assert ranked(better)[0].name == theirs.name
    assert headline(better).startswith("mingru-stories")
    for name in ("report.html", "report.md"):
        assert "not trained here" in (out / name).read_text()
    assert all(missing(found, entry) == [] for entry in found.entries)


def _of_seed_7(entry: Entry) -> Entry:
    runs = tuple(dataclasses.replace(run, seed=7) for run in entry.runs[:1])
    return dataclasses.replace(entry, runs=runs)


def test_parts_that_judged_the_same_guest_merge(
    made: tuple[list[str], Path, Comparison], tmp_path: Path
) -> None:
    _, out, found = made
    later = [_of_seed_7(entry) for entry in found.entries]
    other = dataclasses.replace(found, seeds=(7,), entries=tuple(later))
    (tmp_path / "part").mkdir()
    write_report(tmp_path / "part", [other])
    both = tmp_path / "both"
    assert main(["compare", "--from", str(out), str(tmp_path / "part"), "--out", str(both)]) == 0
    (merged,) = json.loads((both / "results.json").read_text())["comparisons"]
    assert [len(entry["runs"]) for entry in merged["entries"]] == [3, 1, 1]


def test_other_guests_than_before_are_refused(
    made: tuple[list[str], Path, Comparison], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(made[0][:-1]) == 2
    assert capsys.readouterr().err.count("\n") == 1
