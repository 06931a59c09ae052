"""Prepare a dataset: tokens of any source in shards, by several processes, resumable."""

# N tokens

import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runnel import files, strict_json
from runnel.data.config import DataConfig
from runnel.data.corpus import MANY_DOCUMENTS, count_documents
from runnel.data.documents import Document
from runnel.data.hashing import draw, make_key
from runnel.data.prepared import FORMAT, INDEX, PLAN, SHARDS, TOKENIZER, seal, shard_path
from runnel.data.shards import Header, Shard, read_header, write_shard
from runnel.data.sources import Source, open_source
from runnel.data.stream import count_bytes
from runnel.data.tokenizers import (
    Tokenizer,
    make_tokenizer,
    tokenizer_from_plain,
    tokenizer_hash,
)
from runnel.errors import DiskError, InputError
from runnel.lock import WriterLock

UNIT = 2**23
"""characters of text in a shard, at least; a process holds some ten times as many bytes"""
_SAMPLE = 2**24
"""characters of text that merges are learned from: the first of what is trained on"""


class Progress(NamedTuple):
    """How far it has come."""

    bytes: int
    """of text that are now in shards"""
    resumed: int
    """of these, found finished"""
    fraction: float | None
    """of the source's files that has been read; none: not known"""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a prepared dataset holds."""

    path: str
    tokens: int
    bytes: int
    documents: int
    held_out_documents: int
    shards: int
    tokenizer: str
    vocab_size: int
    sha256: str
    seconds: float


class _Unit(NamedTuple):
    """Documents of one shard: those to train on, and those held out."""

    train: list[Document]
    held: list[Document]


def prepare(
    config: DataConfig, out: Path, *, jobs: int, report: Callable[[Progress], None]
) -> Summary:
    """Turn a source into shards in `out`; what is finished there already is kept.

    InputError for a source that cannot be read or an `out` of another source, DiskError when
    writing fails; the finished shards stay, and the same call goes on after them.
    """
    begin = time.perf_counter()
    source = _open(config)
    if out.exists() and not out.is_dir():
        raise InputError(f"expected a folder as --out; got the file {out}; choose another")
    with files.disk_errors(str(out)):
        (out / SHARDS).mkdir(parents=True, exist_ok=True)
    lock = WriterLock(out)
    lock.acquire()
    try:
        _check_plan(out, config, source)
        for left in (out / SHARDS).glob(f"{files.TEMPORARY}*"):
            files.remove(left)
        tokenizer = _tokenizer(out, config)
        kind, units = _units(source, config)
        headers = _write(out, tokenizer, units, jobs, _Reporter(source, report, begin))
        return _finish(out, config, source, tokenizer, kind, headers, begin)
    finally:
        lock.release()


def _open(config: DataConfig) -> Source:
    return open_source(
        config.source,
        field=config.field,
        separator=config.separator,
        megabytes=config.megabytes,
    )


def _check_plan(out: Path, config: DataConfig, source: Source) -> None:
    """Write down what is prepared here, or refuse what differs from it."""
    digest = hashlib.sha256()
    for file in source.files:
        status = file.stat()
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    plan = {"format": FORMAT, "unit": UNIT, "files": digest.hexdigest(), "config": asdict(config)}
    path = out / PLAN
    if not path.exists():
        others = {p.name for p in out.iterdir()} - {SHARDS, ".lock"}
        if others or any((out / SHARDS).iterdir()):
            raise InputError(
                f"expected an empty or new --out; got {out}, which holds "
                f"{min(others, default=SHARDS)!r}; choose another"
            )
        files.write_durably(path, strict_json.render(plan))
        return
    saved = strict_json.parse(files.read_regular(path, strict_json.LARGEST), str(path))
    if saved == plan:
        return
    theirs, ours = saved.get("config"), plan["config"]
    assert isinstance(ours, dict)
    names = [n for n in ours if isinstance(theirs, dict) and theirs.get(n) != ours[n]]
    what = f"another {names[0].replace('_', '-')}" if names else "files that have changed since"
    raise InputError(
        f"expected the source and options that {out} was begun with; got {what}; use the same, or "
        "choose another --out"
    )


def _tokenizer(out: Path, config: DataConfig) -> Tokenizer:
    """The tokenizer that an earlier call left, or a new one."""
    path = out / TOKENIZER
    if path.exists():
        plain = strict_json.parse(files.read_regular(path, strict_json.LARGEST), TOKENIZER)
        return tokenizer_from_plain(plain)

    def texts() -> Iterator[str]:
        source = _open(config)
        if config.tokenizer == "char":
            yield from (d.text for d in chain(source.train, source.validation or ()))
            return
        left = _SAMPLE
        for unit in _units(source, config)[1]:
            for document in unit.train:
                yield document.text[:left]
                left -= len(document.text)
                if left <= 0:
                    return

    tokenizer = make_tokenizer(config.tokenizer, texts)
    files.write_durably(path, strict_json.render(tokenizer.to_plain()))
    return tokenizer


def _units(source: Source, config: DataConfig) -> tuple[str, Iterator[_Unit]]:
    """How the source is split, and its documents shard by shard."""
    lists = _lists(source.train)
    if source.validation is not None:
        judged = (_Unit([], documents) for documents in _lists(source.validation))
        return "source", chain((_Unit(documents, []) for documents in lists), judged)
    first = list(islice(lists, 1))
    lists = chain(first, lists)
    kind: str = config.split
    if kind == "auto":
        kind = "documents" if count_documents(chain(*first)) >= MANY_DOCUMENTS else "tail"
    if kind == "tail":
        return kind, (_Unit(documents, []) for documents in lists)
    return kind, _drawn(lists, config)


def _drawn(lists: Iterator[list[Document]], config: DataConfig) -> Iterator[_Unit]:
    """Hold out the documents that `open_corpus` would, by their numbers in the source."""
    key, most, count = make_key(config.split_seed), int(config.held_out * 2**64), 0
    for documents in lists:
        new_M = np.array([not d.continued for d in documents], dtype=np.int64)
        number_M = np.maximum(0, count + new_M.cumsum() - 1)
        count += int(new_M.sum())
        held_M = draw(key, number_M.astype(np.uint64)) < np.uint64(min(most, 2**64 - 1))
        unit = _Unit([], [])
        for document, held in zip(documents, held_M.tolist(), strict=True):
            unit[held].append(document)
        yield unit


def _lists(documents: Iterator[Document]) -> Iterator[list[Document]]:
    found: list[Document] = []
    size = 0
    for document in documents:
        found.append(document)
        size += len(document.text)
        if size >= UNIT:
            yield found
            found, size = [], 0
    if found:
        yield found


class _Reporter:
    """Tells how far it has come after every shard."""

    def __init__(self, source: Source, report: Callable[[Progress], None], begin: float) -> None:
        self._meter, self._report, self._begin = source.meter, report, begin
        self._bytes = self._resumed = 0

    def add(self, header: Header, resumed: bool) -> None:
        self._bytes += header.bytes
        self._resumed += header.bytes if resumed else 0
        meter = self._meter
        fraction = min(1.0, meter.read / meter.total) if meter.total else None
        seconds = time.perf_counter() - self._begin
        self._report(Progress(self._bytes, self._resumed, fraction, seconds))


_Written = tuple[Header, str]


def _write(
    out: Path, tokenizer: Tokenizer, units: Iterator[_Unit], jobs: int, reporter: _Reporter
) -> list[_Written]:
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
    results: dict[int, _Written] = {}
    waiting: deque[tuple[int, Future[_Written]]] = deque()

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


def _kept(out: Path, number: int, owner: str) -> _Written | None:
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


def _work(number: int, unit: _Unit) -> _Written:
    return _write_unit(_worker["out"], number, unit, _worker["tokenizer"], _worker["owner"])


def _write_unit(out: Path, number: int, unit: _Unit, tokenizer: Tokenizer, owner: str) -> _Written:
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
    tokens_N = np.concatenate(tokens).astype(tokenizer.dtype, copy=False)
    starts_D = np.flatnonzero(tokens_N == tokenizer.end)
    train, held = (len(part.encode()) for part in parts)
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


def _finish(
    out: Path,
    config: DataConfig,
    source: Source,
    tokenizer: Tokenizer,
    kind: str,
    written: list[_Written],
    begin: float,
) -> Summary:
    """Write the index, by which the shards become a dataset."""
    headers = [header for header, _ in written]
    total = sum(h.tokens for h in headers)
    cut = int(total * (1 - config.held_out)) if kind == "tail" else 0
    held = sum(h.held for h in headers)
    if total == 0 or (kind == "tail" and not 1 < cut < total) or (cut == 0 and held in (0, total)):
        raise InputError(
            f"expected text to train on and text to judge by; got {total} tokens, of which "
            f"{held or total - cut} would be held out; give more text or another --split"
        )
    documents = sum(h.documents for h in headers)
    held_documents = sum(h.held_documents for h in headers)
    how = {
        "source": "judged by its own validation text",
        "tail": f"the last {config.held_out:.0%} of the tokens held out",
        "documents": f"{held_documents} of {documents} documents held out "
        f"(seed {config.split_seed})",
    }[kind]
    index = seal(
        {
            "format": FORMAT,
            "name": source.name,
            "description": f"{source.description}; {how}; prepared",
            "settings": {
                "tokenizer": config.tokenizer,
                "split": "auto" if kind == "source" else kind,
                "held_out": config.held_out,
                "split_seed": config.split_seed,
            },
            "tokenizer": tokenizer_hash(tokenizer),
            "cut": cut,
            "cut_bytes": _bytes_before(out, written, cut, tokenizer),
            "shards": [sha256 for _, sha256 in written],
        }
    )
    files.write_durably(out / INDEX, strict_json.render(index))
    return Summary(
        path=str(out),
        tokens=total,
        bytes=sum(h.bytes for h in headers) - documents,
        documents=documents,
        held_out_documents=held_documents,
        shards=len(headers),
        tokenizer=config.tokenizer,
        vocab_size=tokenizer.vocab_size,
        sha256=index["sha256"],
        seconds=time.perf_counter() - begin,
    )


def _bytes_before(out: Path, written: list[_Written], cut: int, tokenizer: Tokenizer) -> int:
    total = 0
    for number, (header, sha256) in enumerate(written):
        if cut < header.tokens:
            tokens_N = Shard(shard_path(out, number), sha256).read(0, cut)
            return total + count_bytes(tokens_N, tokenizer.token_bytes_V)
        total, cut = total + header.bytes, cut - header.tokens
    return total
