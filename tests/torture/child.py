"""Forked processes: a kill -9 costs milliseconds where a new interpreter would cost seconds."""

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

KILLED = -signal.SIGKILL


class TimedOutError(Exception):
    """A process that did not end in its time, and was killed for it."""


def start(function: Callable[[], int | None]) -> int:
    """Run a function in a forked process, whose number this is; what it returns is its status."""
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    status = 70
    try:
        os.setpgid(0, 0)
        status = function() or 0
        # The interpreter, too, waits for threads before it ends.
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(child: int, limit: float = 120.0) -> int:
    """The exit status of a forked process, or minus the signal that ended it."""
    end = time.monotonic() + limit
    pause = 0.0005
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimedOutError(f"a process ran for more than {limit:g} s")
        time.sleep(pause)
        pause = min(0.01, pause * 1.3)


def run(function: Callable[[], int | None], limit: float = 120.0) -> int:
    """`start` and `wait`."""
    return wait(start(function), limit)


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    error: str
    seconds: float
    """of the processor"""
    memory: int
    """bytes by which its memory grew"""


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def command(
    words: Sequence[str],
    before: Callable[[], None] = lambda: None,
    limit: float = 60.0,
) -> Said:
    """`runnel WORDS` in a forked process, with everything that the command line does in it.

    `before` runs in the process first.
    """

    def act() -> int:
        from runnel.cli import main

        return main(list(words))

    return measured(act, before, limit)


def call(function: Callable[[], object], limit: float = 60.0) -> Said:
    """A function in a forked process, whose errors are told as the command line tells them."""

    def act() -> int:
        from runnel import cli
        from runnel.errors import DiskError, InputError

        try:
            function()
        except DiskError as error:
            return cli._fail(error, cli.DISK)
        except InputError as error:
            return cli._fail(error, cli.USER)
        return 0

    return measured(act, limit=limit)


def measured(
    act: Callable[[], int], before: Callable[[], None] = lambda: None, limit: float = 60.0
) -> Said:
    """What a forked process says and takes while it does something."""
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as error,
        tempfile.TemporaryFile() as written,
    ):

        def work() -> int:
            os.dup2(out.fileno(), 1)
            os.dup2(error.fileno(), 2)
            sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            sys.stderr = open(  # noqa: SIM115 - as Python opens it
                2, "w", encoding="utf-8", errors="backslashreplace", closefd=False
            )
            before()
            # Of the processor, not of the clock: other processes may want it, too.
            begin, memory = time.process_time(), _memory("VmRSS")
            try:
                code = act()
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 1
            except BaseException:
                traceback.print_exc()
                code = 1
            grown = _memory("VmHWM") - memory
            written.write(f"{time.process_time() - begin} {max(0, grown)}".encode())
            written.flush()
            return code

        code = run(work, limit)
        texts = []
        for file in (out, error, written):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    seconds, memory = texts[2].split() if texts[2] else ("0", "0")
    return Said(code, texts[0], texts[1], float(seconds), int(memory))
