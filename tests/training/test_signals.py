"""Ctrl-C and SIGTERM, sent to a real process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runnel.storage import checkpoint as checkpoints
from runnel.training import Progress, Recipe, train
from runnel.training.signals import Aborted, Signals
from torture import child
from torture.essence import differences, orphans
from torture.steps import at

_SCRIPT = """
import sys, time
from pathlib import Path
from runnel.data import DataConfig
from runnel.mixers.mingru import MinGRUConfig
from runnel.models.stack import StackConfig
from runnel.training import Recipe, TrainingConfig, train
from runnel.training.trainer import Trainer
import torch
torch.set_num_threads(1)
text, out, slow = sys.argv[1:]
if slow == "slow":
    advance = Trainer.advance
    def slowly(self):
        advance(self)
        print("step", flush=True)
        time.sleep(0.2)
        print("end of step", flush=True)
    Trainer.advance = slowly
recipe = Recipe(
    model=StackConfig(dim=8, layers=1, mixers=(MinGRUConfig(dim=8),)),
    data=DataConfig(source=text),
    training=TrainingConfig(steps=10**6, batch=2, length=8, evaluate_every=0, save_every=0),
)
result = train(recipe, Path(out), device="cpu", quiet=True)
print(result.steps, result.interrupted_by, flush=True)
sys.exit(128 + result.interrupted_by)
"""


def _start(text: Path, out: Path, speed: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _SCRIPT, str(text), str(out), speed]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "step\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_finishes_the_step_and_saves(
    text_file: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = _start(text_file, tmp_path / "run", "slow")
    process.send_signal(number)
    begin = time.monotonic()
    printed, _ = process.communicate(timeout=30)
    assert time.monotonic() - begin < 10
    assert process.returncode == 128 + number
    # Steps that the signal came too late for may stand before the last one.
    assert printed.splitlines()[-2:] == ["end of step", f"{printed.count('end of')} {int(number)}"]
    latest = (tmp_path / "run" / "checkpoints" / "latest").read_text().strip()
    assert latest == f"step-{printed.count('end of'):08d}"


def test_the_second_signal_ends_it_at_once(text_file: Path, tmp_path: Path) -> None:
    process = _start(text_file, tmp_path / "run", "slow")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert not (tmp_path / "run" / "checkpoints" / "latest").exists()


@pytest.mark.parametrize("step", [2, 5, 6])
def test_the_second_signal_leaves_the_directory_whole(
    make_recipe: Callable[..., Recipe], tmp_path: Path, step: int
) -> None:
    recipe = make_recipe(steps=8, save_every=1, evaluate_every=3)

    def twice() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    def run(out: Path, progress: Progress | None) -> int:
        train(recipe, out, device="cpu", quiet=True, progress=progress)
        return 0

    assert child.run(lambda: run(tmp_path / "whole", None)) == 0
    out = tmp_path / "run"
    assert child.run(lambda: run(out, at(step, twice))) == 128 + signal.SIGINT
    saved = [checkpoints.read(path).step for path in checkpoints.find(out / "checkpoints")]
    # The save of the last step may have been under way, and there are none before the first.
    assert saved[:1] in ([step - 1], [step - 2], [])
    assert child.run(lambda: run(out, None)) == 0
    assert not orphans(out)
    assert not differences(tmp_path / "whole", out)


def test_work_that_can_be_redone_is_aborted_and_other_work_is_not() -> None:
    signals = Signals()
    with signals.watch():
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == signal.SIGTERM
        with pytest.raises(Aborted), signals.abortable():
            raise AssertionError("work began after the signal")
    signals = Signals()

    def work() -> None:
        with signals.abortable():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
            raise AssertionError("work went on after the signal")

    with signals.watch(), pytest.raises(Aborted):
        work()


def test_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def work() -> None:
        with Signals().watch():
            assert signal.getsignal(signal.SIGINT) != before[0]
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_another_thread_watches_nothing_and_works() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with Signals().watch():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
