"""Prepare a dataset: tokens of any source in shards, by several processes, resumable."""

# N tokens

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, compress, islice
from pathlib import Path

import numpy as np

from runnel import files, strict_json
from runnel.data.config import DataConfig
from runnel.data.corpus import MANY_DOCUMENTS, count_documents, open_text
from runnel.data.documents import Document
from runnel.data.hashing import drawn, make_key
from runnel.data.prepared import FORMAT, INDEX, PLAN, SHARDS, TOKENIZER, seal, shard_path
from runnel.data.shards import Shard
from runnel.data.sources import Source
from runnel.data.stream import count_bytes
from runnel.data.tokenizers import Tokenizer, make_tokenizer, read_tokenizer, tokenizer_hash
from runnel.data.write_shards import Progress, Reporter, Unit, Written, write_units
from runnel.errors import InputError
from runnel.lock import WriterLock

UNIT = 2**23
"""characters of text in a shard, at least; a process holds some ten times as many bytes"""
_SAMPLE = 2**24
"""characters of text that merges are learned from: the first of what is trained on"""


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


def prepare(
    config: DataConfig, out: Path, *, jobs: int, report: Callable[[Progress], None]
) -> Summary:
    """Turn a source into shards in `out`; what is finished there already is kept.

    InputError for a source that cannot be read or an `out` of another source, DiskError when
    writing fails; the finished shards stay, and the same call goes on after them.
    """
    begin = time.perf_counter()
    source = open_text(config)
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
        headers = write_units(out, tokenizer, units, jobs, Reporter(source.meter, report, begin))
        return _finish(out, config, source, tokenizer, kind, headers, begin)
    finally:
        lock.release()


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
    saved = strict_json.read(path, str(path))
    if saved == plan:
        return
    if not any((out / SHARDS).glob("*.shard")):
        # Nothing is finished, as after a field that is not there: what was begun may be forgotten.
        if (out / TOKENIZER).exists():
            files.remove(out / TOKENIZER)
        files.write_durably(path, strict_json.render(plan))
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
        return read_tokenizer(path)

    def texts() -> Iterator[str]:
        source = open_text(config)
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


def _units(source: Source, config: DataConfig) -> tuple[str, Iterator[Unit]]:
    """How the source is split, and its documents shard by shard."""
    lists = _lists(source.train)
    if source.validation is not None:
        judged = (Unit([], documents) for documents in _lists(source.validation))
        return "source", chain((Unit(documents, []) for documents in lists), judged)
    first = list(islice(lists, 1))
    lists = chain(first, lists)
    kind: str = config.split
    if kind == "auto":
        kind = "documents" if count_documents(chain(*first)) >= MANY_DOCUMENTS else "tail"
    if kind == "tail":
        return kind, (Unit(documents, []) for documents in lists)
    return kind, _drawn(lists, config)


def _drawn(lists: Iterator[list[Document]], config: DataConfig) -> Iterator[Unit]:
    """Hold out the documents that `open_corpus` would, by their numbers in the source."""
    key, count = make_key(config.split_seed), 0
    for documents in lists:
        new_M = np.array([not d.continued for d in documents], dtype=np.int64)
        number_M = np.maximum(0, count + new_M.cumsum() - 1)
        count += int(new_M.sum())
        held_M = drawn(key, number_M.astype(np.uint64), config.held_out)
        kept, held = (~held_M).tolist(), held_M.tolist()
        yield Unit(list(compress(documents, kept)), list(compress(documents, held)))


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


def _finish(
    out: Path,
    config: DataConfig,
    source: Source,
    tokenizer: Tokenizer,
    kind: str,
    written: list[Written],
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


def _bytes_before(out: Path, written: list[Written], cut: int, tokenizer: Tokenizer) -> int:
    total = 0
    for number, (header, sha256) in enumerate(written):
        if cut < header.tokens:
            tokens_N = Shard(shard_path(out, number), sha256).read(0, cut)
            return total + count_bytes(tokens_N, tokenizer.token_bytes_V)
        total, cut = total + header.bytes, cut - header.tokens
    return total
