"""Saving in the background: the state of the moment, one at a time, and no lost errors."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from runnel.errors import DiskError
from runnel.storage import BackgroundWriter, Checkpoint, RunDirectory

Make = Callable[[int], Checkpoint]
Same = Callable[[Checkpoint, Checkpoint], bool]
Start = Callable[[str], RunDirectory]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Writing waits for this event."""
    go, fsync = threading.Event(), os.fsync

    def wait(descriptor: int) -> None:
        assert go.wait(10)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", wait)
    return go


def test_the_state_of_the_moment_is_saved(
    start: Start, make_checkpoint: Make, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, fsync = threading.Event(), os.fsync
    with start("a") as run:
        monkeypatch.setattr(os, "fsync", lambda fd: (go.wait(10), fsync(fd)))
        checkpoint = make_checkpoint(10)
        with BackgroundWriter(run) as writer:
            writer.save(checkpoint, best=True)
            for tensor in (*checkpoint.model.values(), *checkpoint.training.values()):
                tensor.zero_()
            go.set()
        found, _ = run.find_resumable(must=True)
        assert found is not None
        assert same(found, make_checkpoint(10))
        assert found.best


def test_saving_returns_at_once_and_waits_for_the_one_before(
    start: Start, make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    go = threading.Event()
    with start("a") as run:
        save = run.save

        def slow_save(checkpoint: Checkpoint, best: bool = False) -> None:
            assert go.wait(10)
            save(checkpoint, best)
            order.append(f"written {checkpoint.step}")

        monkeypatch.setattr(run, "save", slow_save)
        writer = BackgroundWriter(run)
        writer.save(make_checkpoint(10))
        order.append("returned")
        threading.Timer(0.05, go.set).start()
        writer.save(make_checkpoint(20))
        order.append("returned again")
        writer.close()
    assert order.index("returned") < order.index("written 10") < order.index("returned again")
    assert order[-1] == "written 20" or order[-2] == "written 20"


def test_an_error_is_raised_by_what_comes_next(
    start: Start, make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start("a") as run:
        writer = BackgroundWriter(run)
        writer.save(make_checkpoint(10))
        writer.wait()
        fsync = os.fsync

        def fail(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "full")

        for finish in (writer.close, writer.wait, lambda: writer.save(make_checkpoint(30))):
            others = threading.active_count()
            monkeypatch.setattr(os, "fsync", fail)
            writer.save(make_checkpoint(20))
            while threading.active_count() > others:
                pass
            monkeypatch.setattr(os, "fsync", fsync)
            with pytest.raises(DiskError, match="No space left on device"):
                finish()
            writer.close()
        found, skipped = run.find_resumable(must=True)
        assert found is not None
        assert (found.step, skipped) == (10, [])


def test_a_parameter_in_use_can_be_saved(start: Start, tmp_path: Path) -> None:
    linear = torch.nn.Linear(3, 3)
    with start("a") as run:
        with BackgroundWriter(run) as writer:
            writer.save(Checkpoint(step=1, model=dict(linear.named_parameters()), training={}))
            linear(torch.ones(3)).sum().backward()
        found, _ = run.find_resumable(must=True)
        assert found is not None
        assert torch.equal(found.model["weight"], linear.weight.detach())
