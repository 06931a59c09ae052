"""One byte changed or the end cut off, in every file of a checkpoint: found, named, exit 2."""

import importlib
import os
import random
import shutil
import signal
from pathlib import Path
from typing import Any

from runnel.storage import checkpoint as checkpoints
from torture import child, tiny
from torture.bench import Bench, Part
from torture.steps import at

FILES = (checkpoints.MODEL, checkpoints.TRAINING, checkpoints.STATE, checkpoints.MANIFEST)
_SEAL = b'"runnel"'


def damage(data: bytes, dice: random.Random) -> tuple[bytes, str]:
    """The bytes with one of them changed, or fewer of them; what was done."""
    if dice.random() < 0.75:
        at, by = dice.randrange(len(data)), dice.randrange(1, 256)
        return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :], f"byte {at} xor {by}"
    length = dice.randrange(len(data))
    return data[:length], f"cut to {length} of {len(data)} bytes"


def is_one_line(said: child.Said, name: str) -> bool:
    """An error in one line that names a file, and no traceback."""
    one = said.error.startswith("error: ") and said.error.count("\n") == 1
    return one and name in said.error and "Traceback" not in said.error


def killed_run(text: Path, out: Path, *more: str) -> list[str]:
    """A run killed after step 7 with checkpoints of steps 4 and 6; the words that go on with it."""
    words = ["train", "mingru-stories", "--data", str(text), "--steps", "9", *tiny.FLAGS, *more]
    words += ["--set", "training.save_every=2", "--out", str(out)]

    def die_after_seven() -> None:
        loop: Any = importlib.import_module("runnel.training.loop")
        loop.choose_progress = lambda quiet: at(7, lambda: os.kill(os.getpid(), signal.SIGKILL))

    status = child.command(words, die_after_seven).code
    assert status == child.KILLED, status
    return words


def run(bench: Bench) -> None:
    """Flips and cuts of the newest checkpoint and of published weights."""
    text, out = tiny.write_text(bench.folder / "text.txt"), bench.folder / "run"
    with tiny.quickly():
        words = killed_run(text, out)
        shutil.copytree(out, bench.folder / "finished")
        finished = [*words[:-1], str(bench.folder / "finished")]
        bench.check(child.command(finished).code == 0, "the run that was gone on with")
        newest = checkpoints.find(out / "checkpoints")[0]
        wanted = bench.size(200, 1000)
        for number in range(wanted):
            dice = bench.dice("flip", number)
            published = number % 10 == 9
            name = "model.safetensors" if published else FILES[number % len(FILES)]
            path = (bench.folder / "finished" if published else newest) / name
            whole = path.read_bytes()
            damaged, done = damage(whole, dice)
            if published and _touches_seal(whole, damaged):
                # Weights under another seal are a stranger's, and are whole.
                damaged, done = whole[:-1], "cut by a byte"
            what = f"{name}, {done}"
            with bench.trial(what):
                path.write_bytes(damaged)
                if published:
                    said = child.command(["generate", str(path.parent), "--tokens", "1"])
                elif number % 2 and name in (checkpoints.MODEL, checkpoints.MANIFEST):
                    said = child.command(["generate", str(newest), "--tokens", "1"])
                else:
                    said = child.command([*words, "--resume", "must"])
                bench.check(said.code == 2, f"{what}: status {said.code}: {said.error[-300:]}")
                bench.check(is_one_line(said, name), f"{what}: said {said.error[-300:]}")
                bench.counts["flips" if len(damaged) == len(whole) else "cuts"] += 1
                if number % 40 == 0:
                    _auto_skips_it(bench, what, words, newest, name)
            path.write_bytes(whole)


def _touches_seal(whole: bytes, damaged: bytes) -> bool:
    start = whole.index(_SEAL)
    return len(whole) == len(damaged) and whole[start:][:9] != damaged[start:][:9]


def _auto_skips_it(bench: Bench, what: str, words: list[str], newest: Path, name: str) -> None:
    """Going on without `must` takes the checkpoint before, and says so."""
    copy = bench.folder / "copy"
    shutil.copytree(newest.parents[1], copy)
    said = child.command([*words[:-1], str(copy)])
    bench.check(said.code == 0, f"{what}: status {said.code} with auto: {said.error[-300:]}")
    skipped = [line for line in said.error.splitlines() if "skipped a damaged" in line]
    bench.check(len(skipped) == 1 and name in skipped[0], f"{what}: auto said {said.error[:300]}")
    bench.counts["skipped by auto"] += 1
    shutil.rmtree(copy)


PART = Part("flips", "a changed byte or a cut in any checkpoint file: named, exit 2", run)
