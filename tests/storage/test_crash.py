"""A failure or a kill at every single file operation: the old state or the new one, never neither.

For each action the i-th operation fails, for every i until the action gets through. A second law
stands for what a kill cannot show: data are flushed to the disk before a name points at them.
"""

import itertools
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runnel.errors import DiskError
from runnel.storage import Checkpoint, RunDirectory, holds_run
from torture.shim import KILLED, Death, Faults, Mode

Make = Callable[[int], Checkpoint]
Same = Callable[[Checkpoint, Checkpoint], bool]
InChild = Callable[[Callable[[], None]], int]

CONFIG = {"model": {"type": "stack"}, "training": {"steps": 100}}
BYTES = {"format": 1, "type": "byte"}


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill loses nothing that was written, flushed or not; the order has a test of its own."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@dataclass(frozen=True)
class _Case:
    prepare: Callable[[Path], None]
    act: Callable[[RunDirectory], None]
    old: Callable[[RunDirectory], bool]
    new: Callable[[RunDirectory], bool]


def _disturb(case: _Case, mode: Mode, path: Path, at: int, in_child: InChild) -> bool:
    """Act with a fault at the `at`-th operation; whether there was such an operation."""
    faults = Faults(at, mode)

    def act() -> None:
        run = RunDirectory.open(path)
        run.lock()
        with run, faults.active():
            case.act(run)

    if mode == "kills":
        status = in_child(act)
        assert status in (0, KILLED)
        return status == KILLED
    _act_or_name_the_fault(act)
    return faults.count >= at


def _act_or_name_the_fault(act: Callable[[], None]) -> None:
    try:
        act()
    except DiskError as error:
        message = str(error)
    except Death:
        return
    else:
        return
    assert re.fullmatch(r"expected to write [\w.-]+; got: Input/output error; .*", message)


def _tree(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def _cases(make: Make, same: Same) -> dict[str, _Case]:
    def start(path: Path) -> None:
        with RunDirectory.create(path, CONFIG, BYTES) as run:
            for step in (10, 20):
                run.metrics.append({"step": step})
                run.append_text("samples.md", f"## step {step}\n")
                run.save(make(step), best=step == 10)
            run.publish(make(10).model)

    def newest_is(expected: Checkpoint) -> Callable[[RunDirectory], bool]:
        def check(run: RunDirectory) -> bool:
            found, skipped = run.find_resumable(must=True)
            assert skipped == []
            best = run.best()
            assert best is not None
            assert best.is_dir()
            return found is not None and same(found, expected)

        return check

    rewritten = replace(make(900), step=20)

    def config_is(config: dict[str, Any]) -> Callable[[RunDirectory], bool]:
        return lambda run: run.config() == config

    def published(step: int) -> Callable[[RunDirectory], bool]:
        from runnel.storage import tensors

        data = tensors.save_sealed(make(step).model)
        return lambda run: (run.path / "model.safetensors").read_bytes() == data

    def steps(*expected: int) -> Callable[[RunDirectory], bool]:
        return lambda run: [line["step"] for line in run.metrics.read()] == list(expected)

    return {
        "save": _Case(
            start, lambda run: run.save(make(30)), newest_is(make(20)), newest_is(make(30))
        ),
        "save best": _Case(
            start, lambda run: run.save(make(30), True), newest_is(make(20)), newest_is(make(30))
        ),
        "save again": _Case(
            start, lambda run: run.save(rewritten), newest_is(make(20)), newest_is(rewritten)
        ),
        "configure": _Case(
            start, lambda run: run.write_config({"a": 1}), config_is(CONFIG), config_is({"a": 1})
        ),
        "publish": _Case(
            start, lambda run: run.publish(make(3).model), published(10), published(3)
        ),
        "truncate": _Case(
            start, lambda run: run.metrics.truncate_after(10), steps(10, 20), steps(10)
        ),
    }


@pytest.mark.parametrize(
    ("action", "mode"),
    [
        *itertools.product(
            ["save", "save best", "save again", "configure", "publish", "truncate"],
            ["fails", "breaks", "dies", "tears"],
        ),
        ("save best", "kills"),
    ],
)
def test_a_fault_anywhere_leaves_the_old_state_or_the_new(
    action: str,
    mode: Mode,
    tmp_path: Path,
    make_checkpoint: Make,
    same: Same,
    in_child: InChild,
) -> None:
    case = _cases(make_checkpoint, same)[action]
    case.prepare(tmp_path / "start")
    shutil.copytree(tmp_path / "start", tmp_path / "undisturbed")
    with RunDirectory.open(tmp_path / "undisturbed") as run:
        run.lock()
        case.act(run)
    undisturbed = _tree(tmp_path / "undisturbed")
    seen_old = seen_new = False
    for at in itertools.count(1):
        path = tmp_path / str(at)
        shutil.copytree(tmp_path / "start", path)
        faulty = _disturb(case, mode, path, at, in_child)
        with RunDirectory.open(path) as run:
            run.lock()
            assert not [p for p in path.rglob(".*") if p.name != ".lock"]
            old, new = case.old(run), case.new(run)
            assert old or new, f"neither after operation {at}"
            seen_old, seen_new = seen_old or old, seen_new or new
            if faulty:
                case.act(run)
        assert _tree(path) == undisturbed, f"another end after operation {at}"
        shutil.rmtree(path)
        if not faulty:
            break
    assert seen_old
    assert seen_new
    assert at > (1 if mode == "tears" else 5)


@pytest.mark.parametrize("mode", ["fails", "breaks", "dies", "tears"])
def test_a_fault_while_a_run_is_made_leaves_a_run_or_none(mode: Mode, tmp_path: Path) -> None:
    for at in itertools.count(1):
        path = tmp_path / str(at)
        faults = Faults(at, mode)

        def make(path: Path = path, faults: Faults = faults) -> None:
            with faults.active():
                RunDirectory.create(path, CONFIG, BYTES).close()

        _act_or_name_the_fault(make)
        if not holds_run(path):
            RunDirectory.create(path, CONFIG, BYTES).close()
        with RunDirectory.open(path) as run:
            run.lock()
            assert (run.config(), run.tokenizer()) == (CONFIG, BYTES)
            assert not list(path.rglob(".tmp-*"))
        if faults.count < at:
            break
    assert at > (2 if mode == "tears" else 10)


def test_a_directory_whose_removal_was_cut_short_is_no_checkpoint(
    tmp_path: Path, make_checkpoint: Make
) -> None:
    """A half-removed checkpoint would be reported as damaged, and it is not."""
    with RunDirectory.create(tmp_path / "run", CONFIG, BYTES) as run:
        run.save(make_checkpoint(10))
        run.save(make_checkpoint(20))
    for at in itertools.count(1):
        path = tmp_path / str(at)
        shutil.copytree(run.path, path)
        faults = Faults(at, "dies")
        with RunDirectory.open(path) as inner:
            inner.lock()
            with faults.active(), suppress(Death):
                inner.save(make_checkpoint(30))
        reader = RunDirectory.open(path)
        for step in ("10", "20", "30"):
            directory = reader.checkpoints / f"step-000000{step}"
            assert not directory.exists() or len(list(directory.iterdir())) == 4
        if faults.count < at:
            break


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to name descriptors")
def test_data_are_flushed_before_a_name_points_at_them(
    tmp_path: Path, make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes reach the disk before a rename names them, and each rename before the next."""
    run = RunDirectory.create(tmp_path / "run", CONFIG, BYTES)
    run.metrics.append({"step": 30})
    unflushed = {run.path / "metrics.jsonl"}
    unnamed: set[Path] = set()
    renamed: list[str] = []
    real = {name: getattr(os, name) for name in ("write", "replace")}

    def path_of(descriptor: int) -> Path:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}"))

    def write(descriptor: int, data: bytes) -> Any:
        path = path_of(descriptor)
        unflushed.update({path, path.parent} if path.parent != run.checkpoints else {path})
        return real["write"](descriptor, data)

    def fsync(descriptor: int) -> None:
        path = path_of(descriptor)
        unflushed.discard(path)
        unnamed.difference_update([p for p in unnamed if p.parent == path])

    def rename(source: Path, target: Path) -> None:
        behind = [p for p in unflushed if p.is_relative_to(source)]
        assert not behind, f"{target.name} was named before {behind} were flushed"
        assert not unnamed, f"{target.name} was named before the names {unnamed} were flushed"
        assert run.path / "metrics.jsonl" not in unflushed
        unnamed.add(target)
        renamed.append(target.name)
        real["replace"](source, target)

    for name, function in {"write": write, "fsync": fsync}.items():
        monkeypatch.setattr(os, name, function)
    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, rename)
    run.save(make_checkpoint(30), best=True)
    assert renamed == ["step-00000030", "latest", "best"]
    assert not unnamed
    run.close()


def test_a_full_disk_keeps_the_last_good_checkpoint(
    tmp_path: Path, make_checkpoint: Make, same: Same, in_child: InChild
) -> None:
    import resource

    import torch

    with RunDirectory.create(tmp_path / "run", CONFIG, BYTES) as run:
        run.save(make_checkpoint(10))
    large = replace(make_checkpoint(20), training={"moment": torch.ones(100_000)})

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        run.lock()
        with pytest.raises(DiskError, match=r"write training\.safetensors; got: File too large"):
            run.save(large)
        assert not list(run.checkpoints.glob(".*"))

    assert in_child(fill) == 0
    with run:
        run.lock()
        found, skipped = run.find_resumable(must=True)
        assert found is not None
        assert same(found, make_checkpoint(10))
        assert skipped == []
