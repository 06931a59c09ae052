"""Run directories: made, read, kept in order, and resumed from what is whole."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from runnel.errors import DiskError, InputError
from runnel.storage import Checkpoint, DamagedCheckpoint, RunDirectory, holds_run, tensors
from runnel.storage.series import Series

Make = Callable[[int], Checkpoint]
Same = Callable[[Checkpoint, Checkpoint], bool]
Start = Callable[[str], RunDirectory]
CONFIG = {"model": {"type": "stack"}, "training": {"steps": 100}}
BYTES = {"format": 1, "type": "byte"}


def _names(run: RunDirectory) -> list[str]:
    return sorted(p.name for p in run.checkpoints.iterdir())


def _damage(run: RunDirectory, step: int, name: str = "model.safetensors") -> None:
    path = run.checkpoints / f"step-{step:08d}" / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_new_run_can_be_opened(start: Start, tmp_path: Path) -> None:
    with start("a") as run:
        run.write_config(CONFIG | {"data": {}})
    assert not (run.path / ".lock").exists()
    again = RunDirectory.open(str(tmp_path / "a"))
    assert again.config() == CONFIG | {"data": {}}
    assert again.tokenizer() == BYTES
    assert json.loads((run.path / "config.json").read_text())["format"] == 1
    assert again.find_resumable(must=False) == (None, [])
    assert (again.latest(), again.best()) == (None, None)
    with pytest.raises(InputError, match="which has none"):
        again.find_resumable(must=True)


def test_a_directory_with_a_run_is_not_started_again(start: Start, make_checkpoint: Make) -> None:
    run = start("a")
    run.close()
    assert holds_run(run.path)
    with pytest.raises(InputError, match="expected a directory without a run"):
        start("a")
    run.lock()
    run.save(make_checkpoint(5))
    (run.path / "config.json").unlink()
    run.close()
    assert holds_run(run.path)
    with pytest.raises(InputError, match="expected a directory without a run"):
        start("a")
    run.lock()
    run.close()


def test_a_directory_with_other_things_can_take_a_run(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("mine")
    assert not holds_run(tmp_path / "a")
    start("a").close()
    assert (tmp_path / "a" / "notes.txt").read_text() == "mine"


def test_what_others_put_there_is_left_alone(start: Start, make_checkpoint: Make) -> None:
    with start("a") as run:
        run.save(make_checkpoint(10))
    mine = [
        *(run.path / name for name in (".tmp-mine", ".old-mine", "step-00000001")),
        *(run.checkpoints / name for name in (".tmp-mine", ".old-mine", ".tmp-step-x", "step-1")),
    ]
    for path in mine:
        path.mkdir()
    with run:
        run.lock()
        for step in (20, 30, 40):
            run.save(make_checkpoint(step))
    assert all(path.is_dir() for path in mine)


def test_a_directory_of_something_else_is_refused_untouched(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("config.json", ".tmp-config.json"):
        (tmp_path / "a" / name).write_text("{}")
    with pytest.raises(InputError, match="expected a directory without a run"):
        start("a")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [".tmp-config.json", "config.json"]


def test_a_run_cannot_be_where_a_file_is(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for name in ("file", "file/inner", "x" * 500):
        with pytest.raises(InputError, match="expected a directory for the run"):
            start(name)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_that_cannot_be_written_is_a_disk_error(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "makedirs", refuse)
    with pytest.raises(DiskError, match="write a; got: Permission denied; choose a directory"):
        start("a")


def test_two_trainers_on_one_directory_are_refused(start: Start) -> None:
    run = start("a")
    with pytest.raises(InputError, match=rf"another process \(pid {os.getpid()}\) is writing"):
        RunDirectory.open(run.path).lock()
    with pytest.raises(InputError, match="which holds one"):
        start("a")
    run.close()
    RunDirectory.open(run.path).lock()


def test_saving_keeps_the_last_two_and_the_best(start: Start, make_checkpoint: Make) -> None:
    with start("a") as run:
        for step in range(10, 70, 10):
            run.save(make_checkpoint(step), best=step in (10, 30))
    assert _names(run) == ["best", "latest", "step-00000030", "step-00000050", "step-00000060"]
    assert (run.checkpoints / "best").read_text().strip() == "step-00000030"
    assert (run.checkpoints / "latest").read_text().strip() == "step-00000060"
    assert run.best() == run.checkpoints / "step-00000030"
    assert run.latest() == run.checkpoints / "step-00000060"


@pytest.mark.parametrize(
    "text", ["", "step-9", "../..", "/etc", "step-00000099\n", "\xff", "x" * 99]
)
def test_a_broken_pointer_is_not_believed(start: Start, make_checkpoint: Make, text: str) -> None:
    with start("a") as run:
        run.save(make_checkpoint(10), best=True)
        run.save(make_checkpoint(20))
        for pointer in ("latest", "best"):
            (run.checkpoints / pointer).write_text(text, encoding="latin-1")
        assert run.latest() == run.best() == run.checkpoints / "step-00000020"


def test_resuming_finds_the_newest_whole_one_and_names_the_others(
    start: Start, make_checkpoint: Make, same: Same
) -> None:
    with start("a") as run:
        for step in (10, 20, 30):
            run.save(make_checkpoint(step), best=step == 10)
        found, skipped = run.find_resumable(must=True)
        assert found is not None
        assert same(found, make_checkpoint(30))
        assert skipped == []
        _damage(run, 30, "training.safetensors")
        _damage(run, 20, "state.json")
        found, skipped = run.find_resumable(must=False)
        assert found is not None
        assert same(found, make_checkpoint(10))
        assert len(skipped) == 2
        assert "step-00000030: training.safetensors: " in skipped[0]
        assert "step-00000020: state.json: " in skipped[1]
        with pytest.raises(DamagedCheckpoint, match=r"step-00000030: training.*--resume auto"):
            run.find_resumable(must=True)
        assert run.latest() == run.best() == run.checkpoints / "step-00000010"


@pytest.mark.parametrize("must", [False, True])
def test_a_run_without_a_whole_checkpoint_is_refused(
    start: Start, make_checkpoint: Make, must: bool
) -> None:
    with start("a") as run:
        run.save(make_checkpoint(10))
        _damage(run, 10)
        with pytest.raises(InputError, match=r"step-00000010: model\.safetensors"):
            run.find_resumable(must)


def test_damaged_ones_never_push_out_whole_ones(start: Start, make_checkpoint: Make) -> None:
    with start("a") as run:
        for step in (10, 20, 30):
            run.save(make_checkpoint(step))
        _damage(run, 30)
        found, _ = run.find_resumable(must=False)
        assert found is not None
        assert found.step == 20
        run.save(make_checkpoint(25))
        assert _names(run) == ["latest", "step-00000020", "step-00000025"]
        assert run.find_resumable(must=True)[1] == []


@pytest.mark.parametrize(
    ("bests", "resumed", "expected"),
    [((10,), 30, 10), ((10, 40), 30, 10), ((30,), 30, 30), ((30, 40), 30, 30), ((40,), 30, None)],
    ids=str,
)
def test_a_resumed_run_has_the_best_that_it_had_then(
    start: Start,
    make_checkpoint: Make,
    monkeypatch: pytest.MonkeyPatch,
    bests: tuple[int, ...],
    resumed: int,
    expected: int | None,
) -> None:
    # Every directory stays, as if each had been among the last two or the best.
    monkeypatch.setattr(Series, "_remove_old", lambda self, newest: None)
    with start("a") as run:
        for step in (10, 20, 30, 40):
            run.save(make_checkpoint(step), best=step in bests)
        _damage(run, 40)
        found, _ = run.find_resumable(must=False)
        assert found is not None
        assert found.step == resumed
        pointer = run.checkpoints / "best"
        named = int(pointer.read_text()[5:]) if pointer.exists() else None
        assert named == expected
        assert (run.checkpoints / "latest").read_text() == "step-00000030\n"


def test_looking_without_the_lock_changes_nothing(start: Start, make_checkpoint: Make) -> None:
    with start("a") as run:
        run.save(make_checkpoint(10), best=True)
        run.save(make_checkpoint(20))
        _damage(run, 20)
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    found, skipped = RunDirectory.open(run.path).find_resumable(must=False)
    assert found is not None
    assert (found.step, len(skipped)) == (10, 1)
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


def test_locking_clears_away_what_a_crash_left(
    start: Start, make_checkpoint: Make, same: Same
) -> None:
    with start("a") as run:
        run.save(make_checkpoint(10))
        run.save(make_checkpoint(20))
    (run.checkpoints / ".tmp-step-00000030").mkdir()
    (run.checkpoints / ".tmp-step-00000030" / "model.safetensors").write_bytes(b"half")
    (run.checkpoints / ".tmp-latest").write_bytes(b"half")
    (run.path / ".tmp-config.json").write_bytes(b"half")
    (run.checkpoints / "step-00000010").rename(run.checkpoints / ".old-step-00000010")
    (run.checkpoints / ".old-step-00000020").mkdir()
    with run:
        run.lock()
        assert _names(run) == ["latest", "step-00000010", "step-00000020"]
        assert not (run.path / ".tmp-config.json").exists()
        found, _ = run.find_resumable(must=True)
        assert found is not None
        assert same(found, make_checkpoint(20))


def test_a_checkpoint_being_replaced_can_be_read(
    start: Start, make_checkpoint: Make, same: Same
) -> None:
    with start("a") as run:
        run.save(make_checkpoint(10))
    (run.checkpoints / "step-00000010").rename(run.checkpoints / ".old-step-00000010")
    found, skipped = RunDirectory.open(run.path).find_resumable(must=True)
    assert found is not None
    assert same(found, make_checkpoint(10))
    assert skipped == []


@pytest.mark.parametrize("step", [10, 15])
def test_an_orphan_that_is_a_link_is_removed_and_its_target_kept(
    start: Start, tmp_path: Path, make_checkpoint: Make, step: int
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("canary")
    with start("a") as run:
        run.save(make_checkpoint(5))
    (run.checkpoints / ".tmp-step-00000010").symlink_to(outside)
    (run.checkpoints / "step-00000015").symlink_to(outside)
    (run.path / ".tmp-README.md").symlink_to(outside)
    with run:
        run.lock()
        run.save(make_checkpoint(step))
    assert (outside / "canary").read_text() == "canary"
    assert [p.name for p in outside.iterdir()] == ["canary"]
    assert not (run.checkpoints / ".tmp-step-00000010").is_symlink()


def test_checkpoints_that_are_a_link_are_refused(start: Start, tmp_path: Path) -> None:
    with start("a") as run:
        pass
    run.checkpoints.rmdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / ".tmp-mine").write_text("mine")
    run.checkpoints.symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="got a link"):
        run.lock()
    assert (tmp_path / "outside" / ".tmp-mine").exists()
    run.checkpoints.unlink()
    run.lock()
    run.close()


def test_publishing_writes_sealed_weights(start: Start, make_checkpoint: Make) -> None:
    model = make_checkpoint(3).model
    with start("a") as run:
        run.publish(make_checkpoint(2).model)
        run.publish(model)
    data = (run.path / "model.safetensors").read_bytes()
    back = tensors.load(data, "model.safetensors")
    assert all(torch.equal(back[name], model[name]) for name in model)
    assert back["head.weight"] is back["embedding.weight"]


def test_texts_are_replaced_and_appended(start: Start) -> None:
    with start("a") as run:
        run.write_text("README.md", "first")
        run.write_text("README.md", "é")
        run.append_text("samples.md", "# Samples\n\n## step 10\n\nOnce\n\n")
        run.append_text("samples.md", "## step 20\n\n> ## step 5 is in a text\n\n")
        run.append_text("samples.md", "## step 30\n\nupon \ud800\n\n")
        whole = (run.path / "samples.md").read_bytes()
        run.truncate_samples_after(30)
        assert (run.path / "samples.md").read_bytes() == whole
        run.truncate_samples_after(20)
        assert (run.path / "samples.md").read_bytes() == whole[: whole.index(b"## step 30")]
        run.truncate_samples_after(0)
        assert (run.path / "samples.md").read_text() == "# Samples\n\n"
        run.append_text("samples.md", "## step 1")  # torn out of 12
        run.truncate_samples_after(5)
        assert (run.path / "samples.md").read_text() == "# Samples\n\n"
    assert (run.path / "README.md").read_text(encoding="utf-8") == "é"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("", "expected JSON"),
        ("{}", "expected format 1"),
        ('{"format": 0}', "expected format 1"),
        ('{"format": true}', "expected format 1"),
        ('{"format": 1.0}', "expected format 1"),
        ('{"format": 2}', "of a newer runnel; upgrade"),
        ('{"format": 1, "format": 1}', "twice"),
    ],
)
def test_a_strange_config_is_refused(start: Start, config: str, reason: str) -> None:
    with start("a") as run:
        (run.path / "config.json").write_text(config)
        with pytest.raises(InputError, match=rf"^config\.json: .*{reason}"):
            run.config()


def test_what_is_no_run_is_described(start: Start, make_checkpoint: Make, tmp_path: Path) -> None:
    with start("runs/first") as run:
        run.save(make_checkpoint(10))
    (tmp_path / "file").write_text("")
    for path, reason in [
        ("missing", "which does not exist; train one"),
        ("x" * 500, "which does not exist; train one"),
        ("file", "which is a file; train one"),
        ("runs", r"did you mean .*runs/first\?"),
        ("runs/first/checkpoints/step-00000010", "which is a checkpoint; try .*runs/first$"),
    ]:
        with pytest.raises(InputError, match=f"^expected a run directory; got .*{reason}"):
            RunDirectory.open(tmp_path / path)
    (run.path / "config.json").unlink()
    with pytest.raises(InputError, match=r"has checkpoints but no config\.json"):
        RunDirectory.open(run.path)


def test_only_the_writer_may_write(start: Start, make_checkpoint: Make) -> None:
    with start("a") as run:
        pass
    writes: list[Callable[[], None]] = [
        lambda: run.save(make_checkpoint(1)),
        lambda: run.publish({}),
        lambda: run.write_text("README.md", ""),
        lambda: run.write_config({}),
    ]
    for write in writes:
        with pytest.raises(AssertionError):
            write()


def test_the_flag_of_the_best_is_that_of_saving(start: Start, make_checkpoint: Make) -> None:
    with start("a") as run:
        run.save(replace(make_checkpoint(10), best=True))
        found, _ = run.find_resumable(must=True)
        assert found is not None
        assert not found.best
