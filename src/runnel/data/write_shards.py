"""Documents into shards: by this process, or by several that end when it does."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runnel import files, strict_json
from runnel.data.corpus import count_documents
from runnel.data.documents import Document
from runnel.data.prepared import TOKENIZER, shard_path
from runnel.data.shards import Header, read_header, write_shard
from runnel.data.stream import count_bytes
from runnel.data.tokenizers import Tokenizer, tokenizer_from_plain, tokenizer_hash
from runnel.data.unpack import Meter
from runnel.errors import DiskError, InputError


class Progress(NamedTuple):
    """How far it has come."""

    bytes: int
    """of text that are now in shards"""
    resumed: int
    """of these, found finished"""
    fraction: float | None
    """of the source's files that has been read; none: not known"""
    seconds: float


class Unit(NamedTuple):
    """Documents of one shard: those to train on, and those held out."""

    train: list[Document]
    held: list[Document]


class Reporter:
    """Tells how far it has come after every shard."""

    def __init__(self, meter: Meter, report: Callable[[Progress], None], begin: float) -> None:
        self._meter, self._report, self._begin = meter, report, begin
        self._bytes = self._resumed = 0

    def add(self, header: Header, resumed: bool) -> None:
        """Count a shard, and tell."""
        self._bytes += header.bytes
        self._resumed += header.bytes if resumed else 0
        meter = self._meter
        fraction = min(1.0, meter.read / meter.total) if meter.total else None
        seconds = time.perf_counter() - self._begin
        self._report(Progress(self._bytes, self._resumed, fraction, seconds))


Written = tuple[Header, str]
"""a shard's header and its SHA-256"""


def write_units(
    out: Path, tokenizer: Tokenizer, units: Iterator[Unit], jobs: int, reporter: Reporter
) -> list[Written]:
    """Write the shards that are not there yet, in any order; their headers, in order."""
    owner = tokenizer_hash(tokenizer)
    if jobs == 1:
        found = []
        for number, unit in enumerate(units):
            kept = _kept(out, number, owner)
            written = kept or _write_unit(out, number, unit, tokenizer, owner)
            reporter.add(written[0], kept is not None)
            found.append(written)
        return found
    results: dict[int, Written] = {}
    waiting: deque[tuple[int, Future[Written]]] = deque()

    def take() -> None:
        number, future = waiting.popleft()
        results[number] = future.result()
        reporter.add(results[number][0], False)

    # Spawned, because the parent may run threads of libraries that a fork would break.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, _begin_worker, (str(out), owner))
    try:
        for number, unit in enumerate(units):
            if (kept := _kept(out, number, owner)) is not None:
                results[number] = kept
                reporter.add(kept[0], True)
                continue
            while len(waiting) > jobs:
                take()
            waiting.append((number, pool.submit(_work, number, unit)))
        while waiting:
            take()
    except BrokenProcessPool:
        raise DiskError(
            f"expected to write {out}; got a process that was killed, for want of memory perhaps; "
            "give the same command with a smaller --jobs, it goes on"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [results[number] for number in range(len(results))]


def _kept(out: Path, number: int, owner: str) -> Written | None:
    """A shard that an earlier call finished."""
    path = shard_path(out, number)
    if not path.exists():
        return None
    try:
        header, sha256, _ = read_header(path)
    except InputError:
        return None  # damaged since: written again
    return (header, sha256) if header.tokenizer == owner else None


_worker: dict[str, Any] = {}


def _begin_worker(out: str, owner: str) -> None:
    """Get ready in a new process, which ends when its parent has been killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    plain = strict_json.parse(
        files.read_regular(Path(out) / TOKENIZER, strict_json.LARGEST), TOKENIZER
    )
    _worker.update(out=Path(out), owner=owner, tokenizer=tokenizer_from_plain(plain))


def _work(number: int, unit: Unit) -> Written:
    return _write_unit(_worker["out"], number, unit, _worker["tokenizer"], _worker["owner"])


def _write_unit(out: Path, number: int, unit: Unit, tokenizer: Tokenizer, owner: str) -> Written:
    parts = [_joined(documents) for documents in unit]
    try:
        tokens = [tokenizer.encode_joined(part) for part in parts]
    except InputError as error:
        for document in chain(*unit):
            try:
                tokenizer.encode(document.text)
            except InputError as fault:
                raise InputError(f"{document.id}: {fault}") from None
        raise error from None
    tokens_N = np.concatenate(tokens, dtype=tokenizer.dtype)
    starts_D = np.flatnonzero(tokens_N == tokenizer.end)
    train, held = (count_bytes(part_N, tokenizer.token_bytes_V) for part_N in tokens)
    path = shard_path(out, number)
    write_shard(
        path,
        tokens_N,
        starts_D,
        held=len(tokens[1]),
        held_documents=count_documents(unit.held),
        bytes=train + held,
        held_bytes=held,
        ended=bool(unit.train) and unit.train[-1].ended,
        held_ended=bool(unit.held) and unit.held[-1].ended,
        tokenizer=owner,
    )
    header, sha256, _ = read_header(path)
    return header, sha256


def _joined(documents: list[Document]) -> str:
    return "".join(d.text if d.continued else "\0" + d.text for d in documents)
