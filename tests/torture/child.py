"""Forked processes: a kill -9 costs milliseconds where a new interpreter would cost seconds."""

import contextlib
import fcntl
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch._dynamo  # noqa: F401 - training imports it, for seconds; here once for all processes

KILLED = -signal.SIGKILL
_PEAK = Path("/proc/self/clear_refs")
"""makes the most memory so far what it is now"""
_ROOM = 2**20
"""bytes that a process may say before somebody reads them"""


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
        # Where files may not grow this fails, and the child must not go on as its parent.
        with contextlib.suppress(OSError):
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

    return measured(lambda: main(words), before, limit)


def main(words: Sequence[str]) -> int:
    """`runnel WORDS` in this process."""
    from runnel import cli

    return cli.main(list(words))


def call(function: Callable[[], object], limit: float = 60.0) -> Said:
    """A function in a forked process, whose errors are told as the command line tells them."""
    return measured(lambda: told(function), limit=limit)


def told(function: Callable[[], object]) -> int:
    """The same in this process."""
    from runnel.errors import KNOWN, tell_error

    try:
        function()
    except KNOWN as error:
        return tell_error(error)
    return 0


def measured(
    act: Callable[[], int], before: Callable[[], None] = lambda: None, limit: float = 60.0
) -> Said:
    """What a forked process says and takes while it does something."""
    code, said = each([act], before, limit)
    return said[0]._replace(code=code) if said else Said(code, "", "", 0.0, 0)


def each(
    acts: Sequence[Callable[[], int]],
    before: Callable[[], None] = lambda: None,
    limit: float = 60.0,
) -> tuple[int, list[Said]]:
    """The status of one forked process that does things in turn, and what it said at each."""
    with _pipe() as out, _pipe() as error, tempfile.TemporaryFile("w+") as written:

        def work() -> int:
            os.dup2(out.end, 1)
            os.dup2(error.end, 2)
            sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            sys.stderr = open(  # noqa: SIM115 - as Python opens it
                2, "w", encoding="utf-8", errors="backslashreplace", closefd=False
            )
            before()
            code = 0
            for act in acts:
                said = _said(act)
                sys.stdout.flush()
                sys.stderr.flush()
                _let_files_grow()
                written.write(json.dumps([said.code, out.read(), error.read(), *said[3:]]) + "\n")
                written.flush()
                code = said.code
            return code

        late = ""
        try:
            code = run(work, limit)
        except TimedOutError as timed_out:
            code, late = KILLED, f"{timed_out}\n"
        written.seek(0)
        found = [Said(*json.loads(line)) for line in written if line.endswith("\n")]
        if len(found) < len(acts):
            # What it said when it died.
            found.append(Said(code, out.read(), error.read() + late, 0.0, 0))
        return code, found


class _Pipe(NamedTuple):
    """What a process says, kept even where files may not grow."""

    begin: int
    end: int

    def read(self) -> str:
        """What was said since the last time."""
        parts = []
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self.begin, _ROOM):
                parts.append(part)
        return b"".join(parts).decode("utf-8", "replace")


@contextlib.contextmanager
def _pipe() -> Iterator[_Pipe]:
    pipe = _Pipe(*os.pipe())
    os.set_blocking(pipe.begin, False)
    fcntl.fcntl(pipe.end, fcntl.F_SETPIPE_SZ, _ROOM)
    try:
        yield pipe
    finally:
        os.close(pipe.begin)
        os.close(pipe.end)


def _let_files_grow() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _said(act: Callable[[], int]) -> Said:
    """One of them, in this process."""
    with contextlib.suppress(OSError):
        _PEAK.write_text("5")
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
    return Said(code, "", "", time.process_time() - begin, max(0, grown))
