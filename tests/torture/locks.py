"""Two trainers on one directory, and locks that somebody left: the second waits outside.

A trainer holds the lock from before its first step until it has ended, resumed or not, and while
it saves. Others are told who it is, exit 2, and change nothing. What a dead one left is taken over,
whatever stands in the file; what a live one holds is not, whatever stands in it.
"""

import contextlib
import fcntl
import importlib
import json
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runnel.lock import NAME, WriterLock
from torture import child, tiny
from torture.bench import Bench, Part
from torture.essence import differences, orphans
from torture.kit import Kit
from torture.mutate import ODD
from torture.steps import at

_REFUSED = re.compile(
    r"error: expected a directory that no other process writes; another process \(.*\) is writing "
    r"in [^\n]+; wait for it or choose another --out\n"
)


def begin(k: Kit, out: Path, step: int) -> int:
    """A trainer in a process of its own, which stands still after a step until `go` is there."""
    ready, go = out.with_name("ready"), out.with_name("go")
    for path in (ready, go):
        path.unlink(missing_ok=True)

    def stand_still() -> None:
        ready.touch()
        while not go.exists():
            time.sleep(0.002)

    def act() -> int:
        loop: Any = importlib.import_module("runnel.training.loop")
        loop.choose_progress = lambda quiet: at(step, stand_still)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            return child.main([*k.resume[:-3], str(out)])

    process, end = child.start(act), time.monotonic() + 60
    while not ready.exists():
        if time.monotonic() > end:
            os.kill(process, signal.SIGKILL)
            raise TimeoutError(f"the first trainer never came to step {step}")
        time.sleep(0.002)
    return process


@contextmanager
def held(k: Kit, out: Path, step: int) -> Iterator[int]:
    """Within this context a trainer stands still after a step; afterwards it has ended."""
    process = begin(k, out, step)
    try:
        yield process
    finally:
        out.with_name("go").touch()
        code = child.wait(process)
    assert code == 0, f"the first trainer ended with {code}"


def two_trainers(bench: Bench, k: Kit, out: Path) -> None:
    """The second comes while the first has just begun, is on its way, or has been resumed."""
    for resumed, step in ((False, 1), (False, 5), (False, 9), (True, 7), (True, 8), (True, 9)):
        what = f"the first {'resumed' if resumed else 'new'}, in step {step}"
        with bench.trial(what):
            shutil.rmtree(out, ignore_errors=True)
            if resumed:
                shutil.copytree(k.killed, out)
            with held(k, out, step) as process:
                before = _tree(out)
                for words in (
                    [*k.resume[:-3], str(out)],
                    [*k.resume[:-3], str(out), "--resume", "must"],
                ):
                    said = child.command(words)
                    bench.check(said.code == 2, f"{what}: status {said.code}: {said.error[-300:]}")
                    told = _REFUSED.fullmatch(said.error) and f"(pid {process})" in said.error
                    bench.check(bool(told), f"{what}: said {said.error[-300:]}")
                bench.check(_tree(out) == before, f"{what}: the second changed something")
            wrong = differences(k.run, out) + orphans(out)
            bench.check(not wrong, f"{what}: the first ended with {wrong}")
            bench.counts["refused"] += 1


def _tree(path: Path) -> dict[str, bytes]:
    """What stands there once nothing is being written any more."""
    found: list[dict[str, bytes]] = []
    while len(found) < 3 or found[-1] != found[-3]:
        with contextlib.suppress(FileNotFoundError):
            found.append({str(p): p.read_bytes() for p in path.rglob("*") if p.is_file()})
        time.sleep(0.02)
    return found[-1]


def left_behind(seed: int, more: int) -> Iterator[tuple[str, bytes]]:
    """What may stand in a lock that nobody holds."""
    me = {
        "pid": os.getpid(),
        "process_start": 1,
        "machine": "another start of this machine",
        "host": os.uname().nodename,
        "since": "2026-11-28T00:00:00+00:00",
    }
    yield "nothing", b""
    yield "a dead process", json.dumps(me | {"pid": 2**22 + 5}).encode()
    yield "a process of another start", json.dumps(me).encode()
    yield "another host", json.dumps(me | {"host": "elsewhere"}).encode()
    yield "ourselves", json.dumps(me | {"machine": ""}).encode()
    yield "half of it", json.dumps(me).encode()[:40]
    yield "no JSON", b"pid 5"
    yield "zeros", bytes(4096)
    yield "too much", b"x" * 2**20
    yield "too deep", b"[" * 50_000
    for name in me:
        for i, odd in enumerate(ODD):
            if i % 7 == len(name) % 7:
                yield f"{name} {str(odd)[:20]!r}", json.dumps(me | {name: odd}).encode()
    dice = random.Random(seed)
    for i in range(more):
        yield f"noise {i}", dice.randbytes(dice.randint(1, 300))


def stale(bench: Bench, k: Kit, out: Path) -> None:
    """Whatever a dead one left is taken over; while somebody lives, it is respected."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(k.killed, out)
    path, found = out / NAME, list(left_behind(bench.seed, bench.size(10, 200)))

    def take() -> object:
        lock = WriterLock(out)
        lock.acquire()
        assert json.loads(path.read_text())["pid"] == os.getpid()
        lock.release()
        assert not path.exists()
        return None

    def free(data: bytes) -> int:
        path.write_bytes(data)
        return child.told(take)

    def busy(data: bytes) -> int:
        path.write_bytes(data)
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            code = child.told(take)
            assert path.read_bytes() == data, "a lock that is held was written to"
        path.unlink()
        return code

    for name, act, expected in (("free", free, 0), ("busy", busy, 2)):
        # A held lock whose holder is known to be dead is a child's, and is taken over.
        acts: list[Callable[[], int]] = [lambda data=data, act=act: act(data) for _, data in found]  # type: ignore[misc]
        said = child.each(acts, limit=120)[1]
        bench.check(len(said) == len(found), f"{name}: the process ended after {len(said)}")
        for (what, _), heard in zip(found, said, strict=False):
            with bench.trial(f"{what}, {name}"):
                good = heard.code == expected
                bench.check(good, f"{what}, {name}: {heard.code}: {heard.error[-300:]}")
                bench.check("Traceback" not in heard.error, f"{what}, {name}: {heard.error[-300:]}")
                bench.counts[f"left behind, {name}"] += 1
    for what, data in found[:: len(found) // 3]:
        with bench.trial(f"a run goes on after {what}"):
            shutil.rmtree(out)
            shutil.copytree(k.killed, out)
            path.write_bytes(data)
            said_then = child.command([*k.resume[:-3], str(out)])
            bench.check(said_then.code == 0, f"{what}: {said_then.error[-300:]}")
            wrong = differences(k.run, out) + orphans(out)
            bench.check(not wrong, f"{what}: {wrong}")


def killed_holders(bench: Bench, k: Kit, out: Path) -> None:
    """A trainer is killed while it holds the lock, new or resumed; the next one goes on."""
    for resumed, step in ((False, 3), (True, 7), (True, 9))[:: 1 if bench.full else 2]:
        what = f"killed in step {step}"
        with bench.trial(what):
            shutil.rmtree(out, ignore_errors=True)
            if resumed:
                shutil.copytree(k.killed, out)
            process = begin(k, out, step)
            os.kill(process, signal.SIGKILL)
            bench.check(child.wait(process) == child.KILLED, f"{what}: it ended before")
            bench.check((out / NAME).exists(), f"{what}: no lock was there")
            said = child.command([*k.resume[:-3], str(out)])
            bench.check(said.code == 0, f"{what}: then status {said.code}: {said.error[-300:]}")
            wrong = differences(k.run, out) + orphans(out)
            bench.check(not wrong, f"{what}: {wrong}")
            bench.counts["killed holders"] += 1


def run(bench: Bench) -> None:
    """All of them; the sizes differ in how much noise stands in a lock."""
    with tiny.quickly(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        place = bench.folder / "kit"
        place.mkdir()
        k, out = Kit(place), bench.folder / "out"
        for part in (two_trainers, stale, killed_holders):
            part(bench, k, out)


PART = Part(
    "locks",
    "two trainers on one directory: the second exits 2; a dead one's lock is taken over",
    run,
)
