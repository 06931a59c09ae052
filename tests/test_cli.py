"""The command line as a user meets it: one line for an error, exit codes, instant help."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runnel.cli import VERBS, main
from runnel.data import CORPORA

TINY = [
    *("--steps", "3", "--batch", "2", "--length", "16", "--quiet", "--device", "cpu"),
    *("--set", "model.dim=8", "--set", "model.layers=1", "--set", "data.tokenizer=byte"),
]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runnel(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        try:
            code = main(words)
        except SystemExit as stop:
            code = int(stop.code or 0)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("The brook ran on and on, over the stones. " * 40, encoding="utf-8")
    return path


@pytest.fixture
def trained(runnel: Run, text: Path, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    code, _, error = runnel(
        "train", "mingru-stories", "--data", str(text), "--out", str(out), *TINY
    )
    assert (code, error) == (0, "")
    return out


def test_help_is_instant_and_imports_no_torch() -> None:
    code = (
        "import sys; from runnel.cli import make_parser; make_parser().format_help();"
        "sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'rich', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_has_help_and_json(verb: str, runnel: Run) -> None:
    code, output, _ = runnel(verb, "--help")
    assert code == 0
    assert "--json" in output


def test_train_then_generate_evaluate_and_resume(runnel: Run, trained: Path, text: Path) -> None:
    assert {p.name for p in trained.iterdir()} >= {
        *("config.json", "model.safetensors", "tokenizer.json", "metrics.jsonl", "samples.md"),
        *("loss.svg", "README.md", "checkpoints"),
    }
    code, output, _ = runnel("generate", str(trained), "--prompt", "The brook", "--tokens", "9")
    assert code == 0
    assert output.startswith("The brook")
    code, output, _ = runnel("generate", str(trained), "--tokens", "9", "--json")
    assert set(json.loads(output)) == {"prompt", "text", "finished"}
    code, output, _ = runnel("evaluate", str(trained), "--data", str(text), "--json")
    found = json.loads(output)
    assert code == 0
    assert found["tokens"] == found["bytes"] == text.stat().st_size
    assert found["nats_per_byte"] == pytest.approx(found["loss"])
    code, output, _ = runnel("evaluate", str(trained), "--windows", "8", "--json")
    assert (code, json.loads(output)["tokens"] % 8) == (0, 0)
    again = ("train", "mingru-stories", "--data", str(text), "--out", str(trained), *TINY, "--json")
    code, output, _ = runnel(*again)
    assert code == 0
    assert json.loads(output)["already_finished"]


def test_the_field_of_records_is_a_flag(runnel: Run, tmp_path: Path) -> None:
    told, out = tmp_path / "told.jsonl", str(tmp_path / "run")
    tale = "The crow sang to the brook. " * 20
    told.write_text(json.dumps({"title": "Crow", "body": tale}) + "\n", encoding="utf-8")
    source = ("--data", str(told), "--field")
    code, _, error = runnel("train", "mingru-stories", *source, "bdoy", "--out", out, *TINY)
    assert (code, error.count("\n"), "bdoy" in error) == (2, 1, True)
    train = ("train", "mingru-stories", *source, "body", "--out", out, *TINY)
    assert runnel(*train)[::2] == (0, "")
    for field, size in (("body", len(tale)), ("title", 4)):
        code, output, _ = runnel("evaluate", out, *source, field, "--json")
        # The end of a record counts as one.
        assert (code, json.loads(output)["bytes"]) == (0, size + 1)


def test_inspect(runnel: Run, trained: Path, text: Path, tmp_path: Path) -> None:
    picture = tmp_path / "memory.svg"
    code, output, _ = runnel("inspect", str(trained), "--picture", str(picture))
    assert code == 0
    assert all(len(line) <= 80 for line in output.splitlines() if str(tmp_path) not in line)
    assert "mingru" in output
    assert "<svg" in picture.read_text()
    code, output, _ = runnel("inspect", str(trained), "--data", str(text), "--json")
    found = json.loads(output)
    assert code == 0
    assert found["parameters"] == sum(found["parts"].values())
    assert len(found["layers"][0]["half_lives"]) == 21
    code, _, error = runnel("inspect", str(trained), "--picture", str(tmp_path / "memory.png"))
    assert (code, error.count("\n"), ".svg" in error) == (2, 1, True)


def test_a_fresh_process_loads_a_run_and_no_compiler(trained: Path) -> None:
    """The compiler takes as long to import as all the rest."""
    code = (
        "import runnel, sys; print(runnel.generate(runnel.load(sys.argv[1]), 'a', tokens=3));"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(trained)], check=False, capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout


def test_chat_keeps_one_stream(runnel: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\nand again\n"))
    code, output, _ = runnel("generate", str(trained), "--chat", "--tokens", "5")
    assert code == 0
    assert output.count("\n") >= 2


def test_list(runnel: Run) -> None:
    code, output, _ = runnel("list", "--json")
    found = json.loads(output)
    assert code == 0
    assert {"recipes", "mixers", "tasks", "corpora"} == set(found)
    assert "mingru-stories" in {entry["name"] for entry in found["recipes"]}
    assert all(entry["source"] for entries in found.values() for entry in entries)
    code, output, _ = runnel("list", "fields", "mingru-stories")
    assert code == 0
    assert "training.learning_rate=" in output


def test_corpora_tell_field_splits_and_source_in_80_columns(
    runnel: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output, _ = runnel("list", "corpora")
    lines = output.splitlines()
    assert (code, len(lines)) == (0, 1 + len(CORPORA))
    for name, corpus in CORPORA.items():
        (line,) = (line for line in lines if line.startswith(f"{name} "))
        assert corpus.source in line
        assert line.split()[1] == (corpus.field or "none")
        assert ", ".join(corpus.splits) in line
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, output, _ = runnel("list", "corpora")
    assert max(map(len, output.splitlines())) <= 80
    assert all(corpus.source.split(",")[0] in output for corpus in CORPORA.values() if corpus.field)
    entries = json.loads(runnel("list", "corpora", "--json")[1])["corpora"]
    known = {entry["name"]: (entry["field"], entry["splits"]) for entry in entries}
    assert known["tinystories"] == ("text", ["train", "validation"])


def test_a_task_is_trained_on_and_evaluated(runnel: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    small = ("--length", "12", "--set", "task.copies=2", "--set", "task.tests=40")
    words = [word for word in TINY if word not in ("--length", "16")]
    code, _, error = runnel("train", "mingru-selective-copying", "--out", str(out), *words, *small)
    assert (code, error) == (0, "")
    code, output, _ = runnel("evaluate", str(out), "--json")
    found = json.loads(output)
    assert code == 0
    assert found["tasks"]["selective-copying"]["answers"] == 80
    assert 0 <= found["accuracy"] <= 1 < found["loss"]
    code, output, _ = runnel("evaluate", str(out), "--task", "selective-copying")
    assert code == 0
    assert "length 12, copies 2" in output
    assert "by guessing" in output
    code, _, error = runnel("evaluate", str(out), "--task", "parity")
    assert (code, error.count("\n")) == (2, 1)
    assert "tokens of the task parity" in error


def test_a_story_model_is_asked_what_it_remembers(
    runnel: Run, trained: Path, tmp_path: Path
) -> None:
    tale = "One day, said Mia, we saw Otto. It was a very fine day, said Otto to Mia. " * 9
    plain, told = tmp_path / "tale.txt", tmp_path / "tale.jsonl"
    plain.write_text(tale)
    told.write_text(json.dumps({"tale": tale, "text": "Nobody was there."}) + "\n")
    ask = ("evaluate", str(trained), "--task", "recall", "--json", "--data")
    code, output, _ = runnel(*ask, str(plain))
    found = json.loads(output)["tasks"]["recall"]
    assert code == 0
    assert json.loads(runnel(*ask, str(told), "--field", "tale")[1])["tasks"]["recall"] == found
    assert found["answers"] == sum(part["answers"] for part in found["parts"]["words"].values()) > 9


BAD_EVALUATION: dict[str, tuple[list[str], str]] = {
    "unknown task": (["--task", "parityy"], "did you mean parity?"),
    "task and windows": (["--task", "recall", "--windows", "9"], "--windows"),
    "other vocabulary": (["--task", "parity"], "parity"),
    "neither name nor folder": (["--against", "nonsense"], "nonsense"),
}


@pytest.mark.parametrize("fault", BAD_EVALUATION)
def test_bad_evaluation_is_one_line(fault: str, runnel: Run, trained: Path) -> None:
    words, hint = BAD_EVALUATION[fault]
    code, output, error = runnel("evaluate", str(trained), *words)
    assert (code, output) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert hint in error


def test_threads_sleep_soon_unless_the_user_says_how_they_wait(
    runnel: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert runnel("list", "mixers")[0] == 0
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert runnel("list", "mixers")[0] == 0
    assert os.environ["GOMP_SPINCOUNT"] == "1000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert runnel("list", "mixers")[0] == 0
    assert os.environ["GOMP_SPINCOUNT"] == "7"


def test_doctor(runnel: Run) -> None:
    code, output, _ = runnel("doctor", "--json")
    assert (code, json.loads(output)["passed"]) == (0, True)
    code, output, error = runnel("doctor")
    assert (code, error) == (0, "")
    assert all(len(line) <= 80 for line in output.splitlines())


def test_a_prepared_dataset_trains_and_judges(runnel: Run, text: Path, tmp_path: Path) -> None:
    out, run = str(tmp_path / "set"), str(tmp_path / "run")
    code, output, error = runnel(
        "data", "prepare", str(text), "--out", out, "--jobs", "1", "--json"
    )
    assert (code, error) == (0, "")
    assert json.loads(output)["bytes"] == text.stat().st_size
    assert runnel("train", "mingru-stories", "--data", out, "--out", run, *TINY)[0] == 0
    code, output, _ = runnel("evaluate", run, "--json")
    assert (code, json.loads(output)["bytes"] > 100) == (0, True)
    other = ("--out", str(tmp_path / "other"), "--jobs", "1", "--tokenizer", "char", "--quiet")
    assert runnel("data", "prepare", str(text), *other)[0] == 0
    code, _, error = runnel("evaluate", run, "--data", str(tmp_path / "other"))
    assert (code, error.count("\n")) == (2, 1)
    assert "the model's tokenizer" in error
    # Said of what is read, not of the vocabulary that follows from it.
    code, _, error = runnel(
        "train", "mingru-stories", "--data", other[1], "--out", run, *TINY, "--resume", "must"
    )
    assert (code, error.count("\n"), "data.source" in error) == (2, 1, True)
    shard = tmp_path / "set" / "shards" / "000000.shard"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\1")
    code, _, error = runnel("train", "mingru-stories", "--data", out, "--out", run + "2", *TINY)
    assert (code, error.count("\n")) == (2, 1)
    assert "000000.shard" in error


def _not_text(folder: Path) -> Path:
    path = folder / "picture.txt"
    path.write_bytes(b"\x89PNG\x00\x01")
    return path


def _empty(folder: Path) -> Path:
    path = folder / "empty.txt"
    path.touch()
    return path


BAD_TRAINING: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "missing file": (lambda d: ["mingru-stories", "--data", str(d / "no.txt")], "no.txt"),
    "empty file": (lambda d: ["mingru-stories", "--data", str(_empty(d))], "empty.txt"),
    "not text": (lambda d: ["mingru-stories", "--data", str(_not_text(d))], "byte"),
    "directory without text": (lambda d: ["mingru-stories", "--data", str(d)], ".txt"),
    "recipe": (lambda d: ["mingru-storys"], "did you mean mingru-stories?"),
    "corpus": (lambda d: ["mingru-stories", "--data", "storeis"], "stories"),
    "field": (lambda d: ["mingru-stories", "--set", "model.dmi=3"], "did you mean model.dim?"),
    "value": (lambda d: ["mingru-stories", "--set", "model.dim=wide"], "model.dim"),
    "dimension": (lambda d: ["mingru-stories", "--set", "model.dim=0"], "dim"),
    "device": (lambda d: ["mingru-stories", "--device", "abacus"], "abacus"),
    "two budgets": (lambda d: ["mingru-stories", "--steps", "3", "--minutes", "1"], "--steps"),
    "data for a task": (lambda d: ["mingru-parity", "--data", str(d)], "leave it out"),
    "field for a task": (lambda d: ["mingru-parity", "--field", "text"], "--field"),
    "missing files of a task": (lambda d: ["mingru-imdb", "--data", str(d / "no")], "--data"),
    "no budget": (lambda d: ["mingru-stories", "--steps", "0"], "--steps"),
}


@pytest.mark.parametrize("fault", BAD_TRAINING)
def test_bad_training_is_one_line_and_nothing_written(
    fault: str, runnel: Run, tmp_path: Path
) -> None:
    make, hint = BAD_TRAINING[fault]
    out = tmp_path / "out"
    (tmp_path / "in").mkdir()
    code, output, error = runnel("train", *make(tmp_path / "in"), "--out", str(out))
    assert (code, output) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert hint in error
    assert not out.exists()


def test_length_longer_than_the_corpus(runnel: Run, text: Path, tmp_path: Path) -> None:
    code, _, error = runnel(
        *("train", "mingru-stories", "--data", str(text), "--out", str(tmp_path / "out")),
        *("--length", "5000", "--steps", "1"),
    )
    assert code == 2
    assert error.count("\n") == 1
    assert "5000" in error.replace(",", "")
    assert not (tmp_path / "out").exists()


def test_token_outside_the_vocabulary(runnel: Run, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    char = ("--set", "data.tokenizer=char")
    runnel("train", "mingru-stories", "--data", str(text), "--out", str(out), *TINY, *char)
    code, output, error = runnel("generate", str(out), "--prompt", "Grüß")
    assert (code, output) == (2, "")
    assert error.count("\n") == 1
    assert "U+0047" in error


@pytest.mark.parametrize("verb", ["generate", "evaluate", "inspect"])
def test_no_valid_run(verb: str, runnel: Run, trained: Path, tmp_path: Path) -> None:
    assert runnel(verb, str(tmp_path / "nothing"))[0] == 2
    (tmp_path / "bare").mkdir()
    assert runnel(verb, str(tmp_path / "bare"))[0] == 2
    (trained / "model.safetensors").unlink()
    for file in trained.glob("checkpoints/*/manifest.json"):
        file.unlink()
    code, _, error = runnel(verb, str(trained))
    assert code == 2
    assert error.count("\n") == 1


def test_unknown_verb_and_planned_verb(runnel: Run) -> None:
    assert "did you mean train?" in runnel("trian")[2]
    code, _, error = runnel("serve", "runs/x")
    assert code == 2
    assert "not there yet" in error
