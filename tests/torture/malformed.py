"""Malformed input at every door: one line and exit 2, soon, and in little memory.

Cases collected by hand must be refused; those that dice draw may be good by chance, and are then
taken without a traceback. A few go through the installed command, the others through forks of this
process, which measure what is beyond import.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from torture import child, fuzz_targets, tiny
from torture.bench import Bench, Part
from torture.door import Case, Door
from torture.doors import DOORS
from torture.kit import Kit

SECONDS, MEMORY = 2.0, 200e6
_LIMIT, _EACH = 60.0, 10.0
"""seconds by the clock, after which a process hangs: the machine may be busy with others"""
_COMMAND = "import sys; from runnel.cli import main; sys.exit(main())"


def run_cases(bench: Bench, kit: Kit, door: Door, cases: Sequence[Case]) -> None:
    """Many in a process, for a fork costs more than most of them; each alone where one ends it."""
    acts = [partial(_placed, case) for case in cases]
    done, said = 0, child.each(acts, limit=_LIMIT + _EACH * len(cases))[1]
    for case, heard in zip(cases, said, strict=False):
        if done + 1 == len(said) < len(cases):
            break
        done += 1
        with bench.trial(_name(door, case)):
            judge(bench, _name(door, case), heard, case.must)
    kit.clear()
    for case in cases[done:]:
        run_case(bench, kit, door, case)


def run_case(bench: Bench, kit: Kit, door: Door, case: Case) -> None:
    """Put it in its place, let it be read, check how that ended, and put all back."""
    before = {path: path.read_bytes() if path.exists() else None for path in case.files}
    with bench.trial(_name(door, case)):
        try:
            for path, data in case.files.items():
                path.write_bytes(data)
            said = child.measured(partial(_read, case), limit=_LIMIT)
        finally:
            kit.clear(went_on=case.act == kit.resume)
            _put_back(before)
        judge(bench, _name(door, case), said, case.must)


def _name(door: Door, case: Case) -> str:
    return f"{door.name}: {case.what}"[:600]


def _placed(case: Case) -> int:
    """What reading it in its place ends with."""
    before = {path: path.read_bytes() if path.exists() else None for path in case.files}
    try:
        for path, data in case.files.items():
            path.write_bytes(data)
        return _read(case)
    finally:
        _put_back(before)


def _read(case: Case) -> int:
    return child.main(case.act) if isinstance(case.act, list) else child.told(case.act)


def _put_back(before: dict[Path, bytes | None]) -> None:
    for path, whole in before.items():
        if whole is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(whole)


def judge(bench: Bench, what: str, said: child.Said, must: bool) -> None:
    """Exit 2 and one line, or no complaint where the thing was good by chance."""
    told = said.error[-600:]
    if said.code == 0 and not must:
        bench.counts["good by chance"] += 1
        bench.check("Traceback" not in said.error, f"{what}: {told}")
        return
    bench.counts["refused"] += 1
    bench.check(said.code == 2, f"{what}: status {said.code}: {told}")
    one = said.error.startswith("error: ") and said.error.count("\n") == 1
    bench.check(one, f"{what}: said {told!r}")
    bench.largest("seconds beyond import", said.seconds)
    bench.largest("MB beyond import", said.memory / 1e6)
    bench.check(said.seconds < SECONDS, f"{what}: {said.seconds:.2f} s")
    bench.check(said.memory < MEMORY, f"{what}: {said.memory / 1e6:.0f} MB")


def _values() -> st.SearchStrategy[object]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), inner, max_size=6)
        ),
        max_leaves=12,
    )


_KEYS = [
    "type",
    "format",
    "model",
    "data",
    "training",
    "dim",
    "layers",
    "mixers",
    "merges",
    "files",
]
_KEYS += [
    "characters",
    "dtype",
    "shape",
    "data_offsets",
    "__metadata__",
    "tokens",
    "step",
    "sha256",
]


def hypotheses(bench: Bench, examples: int) -> None:
    """JSON of any form at the parsers that the fuzzer knows, in a process of its own."""

    def all_parsers() -> None:
        for name in fuzz_targets.TARGETS:
            folder = bench.folder / f"any-{name}"
            folder.mkdir()
            _any_value(bench.seed, examples, name, folder)

    with bench.trial("JSON of any form"):
        said = child.call(all_parsers, limit=600)
        bench.check(said.code == 0, f"JSON of any form: {said.error[-600:]}")
        bench.counts["hypotheses"] += examples * len(fuzz_targets.TARGETS)


def _any_value(start: int, examples: int, name: str, folder: Path) -> None:
    checks = list(HealthCheck)

    @seed(start)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=checks)
    @given(value=_values(), front=st.sampled_from([b"", b"\0", b"\1"]))
    def parsed(value: object, front: bytes) -> None:
        fuzz_targets.call(name, front + json.dumps(value).encode(), folder)

    parsed()


def _as_users_do(bench: Bench, kit: Kit, cases: list[tuple[Door, Case]]) -> None:
    """The same through the command itself, in a process of its own."""
    for door, case in cases:
        if not isinstance(case.act, list) or case.files.keys() - {kit.run / "config.json"}:
            continue
        before = {path: path.read_bytes() for path in case.files}
        for path, data in case.files.items():
            path.write_bytes(data)
        done = subprocess.run(
            [sys.executable, "-c", _COMMAND, *case.act], capture_output=True, check=False
        )
        for path, data in before.items():
            path.write_bytes(data)
        bench.counts["through the command"] += 1
        lines = done.stderr.decode().splitlines()
        good = done.returncode == 2 and len(lines) == 1 and lines[0].startswith("error: ")
        bench.check(good, f"command, {door.name}: {case.what}: {done.returncode} {lines[-3:]}")


def run(bench: Bench) -> None:
    """Every door in turn: first what was collected, then what dice draw until enough is refused."""
    wanted = bench.size(300, 2000)
    with tiny.quickly(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        import matplotlib.backends.backend_svg
        import matplotlib.figure  # noqa: F401

        kit = Kit(bench.folder)
        for number, door in enumerate(DOORS):
            dice, begin = bench.dice("malformed", door.name), time.monotonic()
            refused, left = bench.counts["refused"], len(DOORS) - number
            share = max(1, -(-(wanted - refused) // left))
            goal, cases = refused + share, list(door.collected(kit))
            dice.shuffle(cases)
            chosen = cases[: share if bench.full else share * 2 // 3]
            tries = 0
            while chosen:
                alone = [case for case in chosen if case.act == kit.resume]
                for case in alone:
                    run_case(bench, kit, door, case)
                if len(alone) < len(chosen):
                    run_cases(bench, kit, door, [case for case in chosen if case not in alone])
                left = goal - bench.counts["refused"]
                chosen = [door.drawn(kit, dice) for _ in range(left if tries < 3 * share else 0)]
                tries += left
            bench.say(f"{door.name}: {time.monotonic() - begin:.1f} s")
        hypotheses(bench, bench.size(20, 500))
        samples = [(door, next(door.collected(kit))) for door in DOORS]
        _as_users_do(bench, kit, samples if bench.full else samples[-1:])
    bench.check(bench.counts["refused"] >= wanted, f"only {bench.counts['refused']} were refused")


PART = Part(
    "malformed",
    "malformed input at every door: exit 2, one line, under 2 s and 200 MB beyond import",
    run,
)
