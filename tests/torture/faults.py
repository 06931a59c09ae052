"""The i-th write, fsync, rename or unlink fails or kills, for every i: old state or new, not none.

First saves alone, one after the other; then whole runs of `runnel train`, whose error must end
them with exit 4 and from which the same command goes on to the same end.
"""

import itertools
import os
import re
import shutil
from pathlib import Path

import pytest
import torch

from runnel.errors import DiskError
from runnel.storage import Checkpoint, RunDirectory
from torture import child, shim, tiny
from torture.bench import Bench, Part
from torture.essence import differences, orphans
from torture.shim import Death, Faults, Mode

_CONFIG = {"model": {"type": "stack"}, "training": {"steps": 100}}
_BYTES = {"format": 1, "type": "byte"}
_AGAIN = 6
_LINE = re.compile(r"error: expected to (write|read) [^\n]+; got: [^\n]+\n")


def _checkpoint(step: int) -> Checkpoint:
    draw = torch.Generator().manual_seed(step)
    weight = torch.randn(5, 3, generator=draw)
    training = {"random": draw.get_state(), "moment": torch.randn(5, 3, generator=draw)}
    return Checkpoint(step=step, model={"w": weight}, training=training, state={"at": step})


def _save(run: RunDirectory, number: int) -> None:
    """The `number`-th save; some are a new best, and one is of a step that was saved before."""
    step = 10 * number - 10 * (number == _AGAIN)
    run.metrics.append({"step": step, "number": number})
    run.append_text("samples.md", f"## step {step}\n")
    run.save(_checkpoint(step), best=number in (1, 4, 5, 9))


def _tree(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def _newest(run: RunDirectory) -> int:
    found, damages = run.find_resumable(must=False)
    assert not damages, damages
    assert run.latest() is None or found is not None
    return found.step if found is not None else 0


def _act(path: Path, number: int, faults: Faults, mode: Mode) -> bool:
    """One save with its fault; whether there was an operation to go wrong."""

    def act() -> int:
        run = RunDirectory.open(path)
        run.lock()
        with run, faults.active():
            _save(run, number)
        return 0

    if mode == "kills":
        return child.run(act) == shim.KILLED
    try:
        act()
    except DiskError as error:
        named = "expected to write" in str(error)
    except Death:
        named = True
    else:
        named = True
    assert named, "an error that does not say what was written"
    return faults.happened


def _one_save(bench: Bench, place: Path, number: int, mode: Mode) -> None:
    """Every operation of one save."""
    whole = _tree(place / f"{number}")
    with RunDirectory.open(place / f"{number - 1}") as run:
        before = _newest(run)
    with RunDirectory.open(place / f"{number}") as run:
        after = _newest(run)
    for at in itertools.count(1):
        path = place / "tried"
        shutil.copytree(place / f"{number - 1}", path)
        what = f"save {number}, operation {at} {mode}"
        faulty = True
        with bench.trial(what):
            faulty = _act(path, number, Faults(at, mode), mode)
            with RunDirectory.open(path) as run:
                run.lock()
                bench.check(_newest(run) in (before, after), f"{what}: neither old nor new")
                left = [name for name in orphans(path) if name != ".lock"]
                bench.check(not left, f"{what}: orphans {left}")
                if faulty:
                    _take_back_lines(run, place / f"{number - 1}", before, number)
                    _save(run, number)
            bench.check(_tree(path) == whole, f"{what}: another end")
        shutil.rmtree(path)
        if not faulty:
            return


def _take_back_lines(run: RunDirectory, start: Path, before: int, number: int) -> None:
    """As a resume does; but lines of a step that is saved again cannot be told from its first."""
    if number != _AGAIN:
        run.metrics.truncate_after(before)
        run.truncate_samples_after(before)
        return
    for name in ("metrics.jsonl", "samples.md"):
        shutil.copy(start / name, run.path / name)


def training(bench: Bench, most: int | None) -> None:
    """Operations of a whole run, each gone wrong once; at most so many of them, drawn."""
    text = tiny.write_text(bench.folder / "text.txt")
    words = ["train", "mingru-stories", "--data", str(text), "--steps", "6", *tiny.FLAGS]
    words += ["--set", "training.save_every=2", "--set", "training.evaluate_every=4", "--quiet"]
    counting, whole = Faults(0, "fails"), bench.folder / "whole"
    said = child.command([*words, "--out", str(whole)], counting.active().__enter__)
    bench.check(said.code == 0, f"the undisturbed run: {said.error}")
    operations = counting.count
    bench.figures["operations of a run"] = operations
    chosen = list(range(1, operations + 1))
    if most is not None:
        chosen = sorted(bench.dice("operations").sample(chosen, min(most, operations)))
    modes: tuple[Mode, ...] = ("fails", "kills")
    for at, mode in itertools.product(chosen, modes):
        out, what = bench.folder / "out", f"operation {at} of a run {mode}"
        with bench.trial(what):
            faults = Faults(at, mode)
            said = child.command([*words, "--out", str(out)], faults.active().__enter__)
            expected = 4 if mode == "fails" else shim.KILLED
            bench.check(said.code == expected, f"{what}: status {said.code}: {said.error[-300:]}")
            if mode == "fails":
                bench.check(bool(_LINE.fullmatch(said.error)), f"{what}: said {said.error[-300:]}")
            said = child.command([*words, "--out", str(out)])
            bench.check(said.code == 0, f"{what}: then status {said.code}: {said.error[-300:]}")
            found = differences(whole, out)
            bench.check(not found, f"{what}: {', '.join(found)}")
            bench.check(not orphans(out), f"{what}: orphans {orphans(out)}")
        shutil.rmtree(out, ignore_errors=True)


def run(bench: Bench) -> None:
    """Saves, then runs."""
    count = bench.size(1, 10)
    place = bench.folder / "saves"
    place.mkdir()
    with tiny.quickly(), pytest.MonkeyPatch.context() as patch:
        # A kill loses nothing that was written; tests/storage/test_crash.py proves the order.
        patch.setattr(os, "fsync", lambda descriptor: None)
        RunDirectory.create(place / "0", _CONFIG, _BYTES).close()
        for number in range(1, count + 1):
            shutil.copytree(place / f"{number - 1}", place / f"{number}")
            with RunDirectory.open(place / f"{number}") as run:
                run.lock()
                _save(run, number)
            for mode in shim.MODES:
                _one_save(bench, place, number, mode)
        bench.counts["saves"] = count
        training(bench, None if bench.full else 8)


PART = Part(
    "faults",
    "any file operation fails or kills: the old state or the new, exit 4, the same end",
    run,
)
