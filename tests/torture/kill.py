"""kill -9 at random moments, saving included: what is lost is one interval at most, and never more.

A child trains and notes in shared memory which steps and saves are done; it is killed from outside.
"""

import mmap
import os
import random
import shutil
import signal
import struct
import time
from pathlib import Path
from typing import final

import pytest
import torch

from runnel.storage.checkpoint import Checkpoint
from runnel.storage.run import RunDirectory
from runnel.training import Recipe, train
from torture import child, tiny
from torture.bench import Bench, Part
from torture.essence import differences, orphans
from torture.steps import OnSteps

STEPS, INTERVAL = 80, 10
_LAYOUT = struct.Struct("4q")


@final
class Notes:
    """What a process has done so far, readable after its death."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _LAYOUT.size)

    def clear(self) -> None:
        self._memory[:] = bytes(_LAYOUT.size)

    def read(self) -> tuple[int, int, int, int]:
        """Steps done, the step of the last save begun and of the last one ended, lines."""
        done, begun, ended, lines = _LAYOUT.unpack(self._memory[:])
        return done, begun, ended, lines

    def put(self, place: int, number: int) -> None:
        struct.pack_into("q", self._memory, 8 * place, number)


def _train(recipe: Recipe, out: Path, notes: Notes) -> int:
    save = RunDirectory.save

    def noted(run: RunDirectory, checkpoint: Checkpoint, best: bool = False) -> None:
        notes.put(1, checkpoint.step)
        save(run, checkpoint, best)
        notes.put(2, checkpoint.step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDirectory, "save", noted)
        watched = OnSteps(lambda spent: notes.put(0, spent.steps))
        train(recipe, out, device="cpu", progress=watched)
    return 0


def _kill(recipe: Recipe, out: Path, notes: Notes, dice: random.Random, seconds: float) -> int:
    """Train until some moment; the status of the process."""
    notes.clear()
    process = child.start(lambda: _train(recipe, out, notes))
    if dice.random() < 0.5:
        time.sleep(dice.uniform(0, seconds))
    else:
        # Into a save: wait until one has begun, then a moment that some saves outlast.
        wanted, end = dice.randint(1, STEPS // INTERVAL), time.monotonic() + 60
        seen, last = 0, 0
        while seen < wanted and time.monotonic() < end:
            begun = notes.read()[1]
            if begun != last:
                seen, last = seen + 1, begun
            elif os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                break
        time.sleep(dice.uniform(0, 0.008))
    os.kill(process, signal.SIGKILL)
    return child.wait(process)


def _inspect(bench: Bench, what: str, out: Path, notes: Notes, had: int) -> int:
    """What a killed process left; the step of the newest whole checkpoint."""
    done, begun, ended, _ = notes.read()
    saving = begun > ended
    bench.counts["kills while saving"] += saving
    bench.counts["kills with orphans"] += bool(orphans(out)) and bool(
        [name for name in orphans(out) if name != ".lock"]
    )
    if not (out / "config.json").exists():
        bench.check(ended == 0, f"{what}: no config.json after a save")
        return 0
    with RunDirectory.open(out) as run:
        run.lock()
        left = [name for name in orphans(out) if name != ".lock"]
        bench.check(not left, f"{what}: orphans {left}")
        found, damages = run.find_resumable(must=False)
    bench.check(not damages, f"{what}: {damages}")
    newest = found.step if found is not None else 0
    bench.check(newest >= max(had, ended), f"{what}: step {newest}, but {ended} was saved")
    # What was being written when the process died may be lost with the interval before it.
    allowed = INTERVAL if not saving else done - begun + INTERVAL
    age = done - newest
    bench.check(done == 0 or age <= allowed, f"{what}: {age} steps old, {allowed} allowed")
    bench.largest("oldest checkpoint, steps", age if done else 0)
    return newest


def run(bench: Bench) -> None:
    """One undisturbed run, then others that are killed one to three times each."""
    text = tiny.write_text(bench.folder / "text.txt")
    recipe = tiny.recipe(
        text, dropout=0.2, steps=STEPS, save_every=INTERVAL, evaluate_every=35, seed=bench.seed
    )
    notes, whole = Notes(), bench.folder / "whole"
    with tiny.quickly():
        torch.set_num_threads(1)
        begin = time.monotonic()
        bench.check(child.run(lambda: _train(recipe, whole, notes)) == 0, "the undisturbed run")
        seconds = time.monotonic() - begin
        kills, wanted, number = 0, bench.size(25, 200), 0
        while kills < wanted:
            number += 1
            dice, out = bench.dice("kill", number), bench.folder / "out"
            what = f"run {number}"
            with bench.trial(what):
                had = 0
                for _ in range(dice.choice([1, 1, 1, 2, 3])):
                    status = _kill(recipe, out, notes, dice, seconds)
                    if status == child.KILLED and out.exists():
                        kills += 1
                        bench.counts["kills"] += 1
                        had = _inspect(bench, what, out, notes, had)
                status = child.run(lambda: _train(recipe, out, notes))  # noqa: B023
                bench.check(status == 0, f"{what}: status {status} when gone on with")
                found = differences(whole, out)
                bench.check(not found, f"{what}: {', '.join(found)}")
                bench.check(not orphans(out), f"{what}: orphans {orphans(out)}")
            shutil.rmtree(out, ignore_errors=True)
    bench.figures["steps between saves"] = INTERVAL


PART = Part(
    "kill",
    "kill -9 at random moments: a whole checkpoint an interval old, the same end to the bit",
    run,
)
