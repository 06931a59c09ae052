"""A disk that is full, that takes no larger files, or that cannot be written: exit 4, nothing lost.

Every verb that writes meets it at the start and on the way. What stood there before can be read
while the disk is still full, and the same command goes on to the same end once it is not.
"""

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from runnel.errors import DiskError
from runnel.inference import Session
from torture import child, kit, tiny
from torture.bench import Bench, Part
from torture.essence import differences, orphans
from torture.kit import Kit
from torture.small_disk import Before, SmallDisk, limited

_LINE = re.compile(r"error: (cannot|expected to) write [^\n]+\n")


class Job(NamedTuple):
    """Something that writes, and what must hold when it could not."""

    name: str
    act: list[str] | Callable[[], object]
    place: Callable[[], None] = lambda: None
    """puts there what was there before"""
    still: Callable[[], child.Said] | None = None
    """reads what was there before"""
    whole: Callable[[], list[str]] = list
    """what is wrong with what stands there in the end"""


class Fault(NamedTuple):
    """One state of the disk."""

    name: str
    active: AbstractContextManager[Before]
    certain: bool
    """nothing can be written at all"""


def jobs(k: Kit, disk: SmallDisk, full: bool) -> Iterator[Job]:
    """Every verb that writes into a directory, new or begun."""
    out = disk.folder / "out"
    train = [*k.resume[:-3], str(out), "--quiet"]
    yield Job("train", train, whole=lambda: _same_run(k, out))
    yield Job(
        "train, going on",
        train,
        place=lambda: _copied(k.killed, out),
        still=lambda: child.command(k.generate(out)),
        whole=lambda: _same_run(k, out),
    )
    prepare = [*k.prepare(k.text)[:3], "--out", str(out), "--jobs", "1", "--quiet"]
    yield Job("data prepare", prepare, whole=lambda: _same_tree(k.dataset, out))
    weights = k.folder / "theirs.safetensors"
    weights.write_bytes(kit.packed(kit.foreign("hgrn")))
    words = ["import", str(weights), "--as", "hgrn", *kit.ARGUMENTS["hgrn"], "--out", str(out)]
    yield Job("import", words, whole=lambda: _loads(k, out))
    picture = out / "picture.svg"
    yield Job("inspect", ["inspect", str(k.run), "--picture", str(picture)], place=out.mkdir)
    saved = out / "stream"
    yield Job(
        "a saved session",
        lambda: _save_longer(k, saved),
        place=lambda: _save_short(k, saved),
        still=lambda: child.call(lambda: _at_start(k, saved)),
    )
    compare = ["compare", "mingru-stories", "gru-stories", "--data", str(k.text), "--steps", "1"]
    compare += ["--seeds", "1", "--length", "16", "--batch", "2", "--out", str(out), "--quiet"]
    if full:
        compare += ["--set", "training.evaluate_tokens=300", "--set", "model.dim=8"]
    yield Job("compare", compare)


def faults(disk: SmallDisk, full: bool) -> Iterator[Fault]:
    """From nothing left to almost enough, then files that may not grow, then no writing at all."""
    lefts = (0, 4096, 8192, 16384, 24576, 40960, 65536, 98304) if full else (0, 12288)
    for left in lefts:
        yield Fault(f"{left} bytes left", disk.full(left), left == 0)
    for most in (0, 1000, 3000, 10_000) if full else ():
        yield Fault(f"files of {most} bytes", nullcontext(limited(most)), most == 0)
    yield Fault("a read-only disk", disk.read_only(), True)


def run(bench: Bench) -> None:
    """Every job under every fault."""
    with tiny.quickly(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        place = bench.folder / "kit"
        place.mkdir()
        k, disk = Kit(place), SmallDisk(bench.folder / "small")
        bench.counts["a real small disk"] = disk.real
        try:
            pairs = itertools.product(
                list(jobs(k, disk, bench.full)), range(len(list(faults(disk, bench.full))))
            )
            for job, number in pairs:
                # A fault can be entered only once.
                fault = list(faults(disk, bench.full))[number]
                with bench.trial(f"{job.name}, {fault.name}"):
                    _meet(bench, job, fault)
                shutil.rmtree(disk.folder / "out", ignore_errors=True)
        finally:
            disk.close()


def _meet(bench: Bench, job: Job, fault: Fault) -> None:
    what = f"{job.name}, {fault.name}"
    job.place()
    with fault.active as before:
        said = _act(job, before)
        met = said.code == DiskError.exit_code
        bench.counts["met"] += met
        # A lock that was made before the disk became full costs no block.
        expected = met or (said.code == 0 and not fault.certain)
        bench.check(expected, f"{what}: status {said.code}: {said.error[-400:]}")
        if met:
            bench.check(bool(_LINE.fullmatch(said.error)), f"{what}: said {said.error[-400:]}")
        if job.still is not None:
            read = job.still()
            bench.check(read.code == 0, f"{what}: then unreadable: {read.error[-400:]}")
    if job.name == "compare":
        return  # its processes cost seconds; tests/reports has how it goes on
    if said.code:
        said = _act(job)
        bench.check(said.code == 0, f"{what}: then status {said.code}: {said.error[-400:]}")
    bench.check(not (wrong := job.whole()), f"{what}: {', '.join(wrong)}")


def _act(job: Job, before: Before = lambda: None) -> child.Said:
    if isinstance(job.act, list):
        return child.command(job.act, before)
    act = job.act
    return child.measured(lambda: child.told(act), before)


def _copied(source: Path, out: Path) -> None:
    shutil.copytree(source, out)


def _same_run(k: Kit, out: Path) -> list[str]:
    return differences(k.run, out) + orphans(out)


def _same_tree(one: Path, other: Path) -> list[str]:
    names = {p.relative_to(one) for p in one.rglob("*") if p.is_file()}
    more = {p.relative_to(other) for p in other.rglob("*") if p.is_file()} ^ names
    differing = [n for n in names - more if (one / n).read_bytes() != (other / n).read_bytes()]
    return [f"{n} differs" for n in differing] + [f"{n} on one side only" for n in more]


def _loads(k: Kit, out: Path) -> list[str]:
    said = child.command(k.generate(out))
    return [said.error] if said.code else []


def _save_short(k: Kit, path: Path) -> None:
    path.parent.mkdir()
    Session.start(k.model).save(path)


def _save_longer(k: Kit, path: Path) -> None:
    session = Session.start(k.model)
    session.read("the cat ")
    session.save(path)


def _at_start(k: Kit, path: Path) -> None:
    assert Session.load(path, k.model).position in (1, 9)


PART = Part(
    "disk",
    "a full disk, files that may not grow, a read-only directory: exit 4, what was there is read",
    run,
)
