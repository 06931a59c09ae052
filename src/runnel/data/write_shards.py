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
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runnel.allocator import keep_freed_memory
from runnel.data.corpus import count_documents
from runnel.data.documents import Document
from runnel.data.prepared import TOKENIZER, shard_path
from runnel.data.shards import Header, read_header, write_shard
from runnel.data.stream import count_bytes
from runnel.data.tokenizers import Tokenizer, Tokens, read_tokenizer, tokenizer_hash
from runnel.data.unpack import Meter
from runnel.errors import DiskError, InputError

_TEXT = 2**18
"""characters that are read at once"""

_LONE = "surrogatepass"
"""lone surrogates cross as they are: the tokenizer refuses them with their document's name"""


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


class Text(NamedTuple):
    """Documents in a few texts, which cross to another process far faster than they would."""

    texts: list[bytes]
    """UTF-8; a NUL before each document, but a first one that goes on with an earlier shard's"""
    ids: list[str]
    """of what a NUL parts"""
    documents: int
    ended: bool


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
            written = kept or _write_texts(out, number, _texts(unit), tokenizer, owner)
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
            waiting.append((number, pool.submit(_work, number, _texts(unit))))
        while waiting:
            take()
    except BrokenProcessPool:
        raise DiskError(
            f"expected to write {out}; got a process that was killed, perhaps for lack of memory; "
            "run the same command with a smaller --jobs to finish it"
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
    keep_freed_memory()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    tokenizer = read_tokenizer(Path(out) / TOKENIZER)
    _worker.update(out=Path(out), owner=owner, tokenizer=tokenizer)


def _work(number: int, texts: tuple[Text, Text]) -> Written:
    return _write_texts(_worker["out"], number, texts, _worker["tokenizer"], _worker["owner"])


def _texts(unit: Unit) -> tuple[Text, Text]:
    return _joined(unit.train), _joined(unit.held)


def _joined(documents: list[Document]) -> Text:
    return Text(
        list(_texts_of(documents)),
        [d.id for i, d in enumerate(documents) if i == 0 or not d.continued],
        count_documents(documents),
        bool(documents) and documents[-1].ended,
    )


def _texts_of(documents: list[Document]) -> Iterator[bytes]:
    """Texts of about _TEXT characters: more at once would leave the cache, and the heap."""
    parts: list[str] = []
    size = 0
    for document in documents:
        if not document.continued:
            if size >= _TEXT:
                yield "".join(parts).encode("utf-8", _LONE)
                parts, size = [], 0
            parts.append("\0")
        parts.append(document.text)
        size += len(document.text)
    if parts:
        yield "".join(parts).encode("utf-8", _LONE)


def _write_texts(
    out: Path, number: int, texts: tuple[Text, Text], tokenizer: Tokenizer, owner: str
) -> Written:
    train, held = texts
    train_tokens, held_tokens = (_tokens(part, tokenizer) for part in texts)
    tokens_N = np.concatenate([*train_tokens, *held_tokens], dtype=tokenizer.dtype)
    starts_D = np.flatnonzero(tokens_N == tokenizer.end)
    cut = sum(map(len, train_tokens))
    bytes_train, bytes_held = (
        count_bytes(part_N, tokenizer.token_bytes_V) for part_N in (tokens_N[:cut], tokens_N[cut:])
    )
    path = shard_path(out, number)
    write_shard(
        path,
        tokens_N,
        starts_D,
        held=len(tokens_N) - cut,
        held_documents=held.documents,
        bytes=bytes_train + bytes_held,
        held_bytes=bytes_held,
        ended=train.ended,
        held_ended=held.ended,
        tokenizer=owner,
    )
    header, sha256, _ = read_header(path)
    return header, sha256


def _tokens(part: Text, tokenizer: Tokenizer) -> list[Tokens]:
    try:
        return [tokenizer.encode_joined(text.decode("utf-8", _LONE)) for text in part.texts]
    except InputError:
        # Read one by one, to name the document.
        texts = b"".join(part.texts).decode("utf-8", _LONE).removeprefix("\0").split("\0")
        for id_, text in zip(part.ids, texts, strict=True):
            try:
                tokenizer.encode(text)
            except InputError as fault:
                raise InputError(f"{id_}: {fault}") from None
        raise
