"""Runs the plan of a comparison: each recipe and seed in a process of its own, one at a time."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from runnel import files
from runnel.errors import DiskError, DivergedError
from runnel.reports import measure
from runnel.reports.board import Board
from runnel.reports.results import Comparison, Run
from runnel.reports.store import log_file, read_run, run_directory, write_run
from runnel.storage.run import RunDirectory

_LONGEST = 300


class Interrupted(Exception):
    """A signal came; the run under way has saved."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run_all(
    out: Path, plan: Comparison, board: Board, report: Callable[[Comparison], None]
) -> Comparison:
    """Make every run of the plan that has no result yet; `report` is called after each.

    All recipes have their first seed before any has its second. A run that diverged keeps that
    result; one that failed in another way is tried again by the next call.
    """
    found = plan
    jobs = plan.jobs()
    waiting = []
    for name, seed in jobs:
        run = read_run(out, name, seed)
        if run is None or run.status == "failed":
            waiting.append((name, seed))
        else:
            found = found.with_run(name, run)
    board.begin(found, len(jobs), len(jobs) - len(waiting))
    try:
        with _forwarding() as child:
            for name, seed in waiting:
                board.start(name, seed)
                run = _run(out, name, seed, child, board)
                found = found.with_run(name, run)
                board.end(name, run)
                report(found)
    finally:
        board.close()
    return found


class _Child:
    """The process under way, to which signals are passed on."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.received: int | None = None

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Pass a signal on."""
        self.received = number
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


@contextmanager
def _forwarding() -> Iterator[_Child]:
    child = _Child()
    if threading.current_thread() is not threading.main_thread():
        yield child
        return
    before = {n: signal.signal(n, child.receive) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield child
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(out: Path, name: str, seed: int, child: _Child, board: Board) -> Run:
    """One run, from its process's start to a result of any kind."""
    if child.received is not None:
        raise Interrupted(child.received)
    log = log_file(out, name, seed)
    with files.disk_errors(log.name):
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
    command = [sys.executable, "-m", "runnel.reports.worker", str(out), name, str(seed)]
    began = time.monotonic()
    # A session of its own: Ctrl-C reaches it through us, once.
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        ) as process,
    ):
        child.process = process
        assert process.stdout is not None
        for line in process.stdout:
            board.tell(_event(line))
        code = process.wait()
        child.process = None
    if child.received is not None:
        raise Interrupted(child.received)
    found = read_run(out, name, seed)
    if code == 0 and found is not None:
        return found
    reason = _reason(code, log, time.monotonic() - began)
    if code == DiskError.exit_code:
        raise DiskError(reason)
    directory = run_directory(out, name, seed)
    lines = RunDirectory(directory).metrics.read() if directory.exists() else []
    run = Run(
        seed=seed,
        status="diverged" if code == DivergedError.exit_code else "failed",
        reason=reason,
        tokens=lines[-1].get("tokens") if lines else None,
        curve=measure.curve(lines),
    )
    write_run(out, name, run)
    return run


def _event(line: str) -> dict[str, Any]:
    """What the process says; anything else that lands on its standard output is passed over."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _reason(code: int, log: Path, seconds: float) -> str:
    """One line: our error's, or the last that the process wrote, or the signal that ended it."""
    written = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    ours = [line.removeprefix("error: ") for line in written if line.startswith("error: ")]
    if code < 0:
        name = signal.Signals(-code).name
        return f"its process was ended by {name} after {seconds:.0f} s" + (
            ", as a system does that runs out of memory" if name == "SIGKILL" else ""
        )
    line = ours[-1] if ours else written[-1] if written else f"its process ended with code {code}"
    return line[:_LONGEST]
