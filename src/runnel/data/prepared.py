"""A prepared dataset: a folder of shards, read through memory maps as one stream."""

# N tokens of a stream, B windows, T tokens of a window, R ranges

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from runnel import strict_json
from runnel.data.shards import Header, Shard, read_header
from runnel.data.stream import TokenStream
from runnel.data.tokenizers import Tokenizer, Tokens, read_tokenizer, tokenizer_hash
from runnel.errors import InputError

INDEX, PLAN, TOKENIZER, SHARDS = "corpus.json", "plan.json", "tokenizer.json", "shards"
FORMAT = 1
SETTINGS = {"tokenizer": str, "split": str, "held_out": float, "split_seed": int}
_CHECKED_AT_ONCE = 2**28
"""bytes of tokens that are checked when a dataset is opened; the rest is when it is first read"""
_FIELDS = {
    "format": int,
    "name": str,
    "description": str,
    "settings": dict,
    "tokenizer": str,
    "cut": int,
    "cut_bytes": int,
    "shards": list,
    "sha256": str,
}


class Range(NamedTuple):
    """Some tokens of a shard."""

    shard: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a folder holds, ready to be read."""

    train: TokenStream
    validation: TokenStream
    tokenizer: Tokenizer
    name: str
    description: str
    sha256: str
    documents: tuple[int, int]
    bytes: int
    settings: dict[str, Any]
    """fields of a DataConfig as they are here"""


@final
class MappedTokens:
    """Ranges of shards, one after the other, as one row of tokens; read where it is asked for."""

    def __init__(self, shards: "Shards", ranges: list[Range], dtype: np.dtype[Any]) -> None:
        self._shards, self._ranges, self._dtype = shards, ranges, dtype
        lengths_R = np.array([r.stop - r.start for r in ranges], dtype=np.int64)
        self._ends_R = lengths_R.cumsum()

    def __len__(self) -> int:
        return int(self._ends_R[-1])

    def __getitem__(self, place: slice) -> Tokens:
        """The tokens of a part, copied into memory."""
        start, stop, step = place.indices(len(self))
        if step != 1:
            raise ValueError(f"expected a slice without steps; got {place}")
        found = np.empty(max(0, stop - start), dtype=self._dtype)
        self._copy(start, found)
        return found

    def windows(self, starts_B: npt.NDArray[np.int64], length: int) -> Tokens:
        """The windows of so many tokens (B, T) that begin at the given places."""
        found_BT = np.empty((len(starts_B), length), dtype=self._dtype)
        for start, row_T in zip(starts_B.tolist(), found_BT, strict=True):
            self._copy(start, row_T)
        return found_BT

    def _copy(self, start: int, into_N: Tokens) -> None:
        at, filled = int(self._ends_R.searchsorted(start, side="right")), 0
        while filled < len(into_N):
            shard, _, stop = self._ranges[at]
            begin = stop - (int(self._ends_R[at]) - start - filled)
            count = min(stop - begin, len(into_N) - filled)
            into_N[filled : filled + count] = self._shards[shard].read(begin, begin + count)
            filled, at = filled + count, at + 1


@final
class Shards:
    """The shards of a folder, mapped when first asked for."""

    def __init__(self, folder: Path, sha256: list[str]) -> None:
        self._folder, self._sha256 = folder, sha256
        self._open = lru_cache(maxsize=None)(self._map)

    def __getitem__(self, number: int) -> Shard:
        return self._open(number)

    def _map(self, number: int) -> Shard:
        return Shard(shard_path(self._folder, number), self._sha256[number])


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard of a dataset stands."""
    return folder / SHARDS / f"{number:06}.shard"


def holds_prepared(source: str) -> bool:
    """Whether a source is a folder of shards, finished or not."""
    return bool(source) and "\0" not in source and os.path.exists(
        os.path.join(os.path.expanduser(source), PLAN)
    )  # fmt: skip


def open_prepared(folder: Path, tokenizer: Tokenizer | None = None) -> Prepared:
    """The streams of a prepared dataset; with `tokenizer`, only if it was prepared with that one.

    InputError, one line, for whatever is missing, damaged or does not fit.
    """
    if not os.path.exists(folder / INDEX):
        raise InputError(
            f"{folder}: expected a prepared dataset; got one that is not finished; run the same "
            "runnel data prepare command again to finish it"
        )
    index = _read_index(folder)
    if not os.path.exists(folder / TOKENIZER):
        raise InputError(
            f"{folder / TOKENIZER}: expected the dataset's tokenizer; it is missing; prepare the "
            "dataset again"
        )
    own = read_tokenizer(folder / TOKENIZER, str(folder / TOKENIZER))
    if tokenizer_hash(own) != index["tokenizer"]:
        raise InputError(
            f"{folder / TOKENIZER}: expected the tokenizer that {INDEX} names; got another; "
            "prepare the dataset again"
        )
    if tokenizer is not None and tokenizer != own:
        raise InputError(
            f"{folder}: expected a dataset prepared with the model's tokenizer "
            f"({tokenizer.name}, {tokenizer.vocab_size} tokens); got one prepared with "
            f"{index['settings']['tokenizer']} ({own.vocab_size} tokens); prepare the text with "
            "the model's, or give the text itself"
        )
    headers = [_header(folder, n, sha, index, own) for n, sha in enumerate(index["shards"])]
    shards = Shards(folder, index["shards"])
    size = np.dtype(own.dtype).itemsize
    left = _CHECKED_AT_ONCE // size
    for number, header in enumerate(headers):
        if left <= 0:
            break
        shards[number].read(0, min(left, header.tokens))
        left -= header.tokens
    (train, train_bytes), (held, held_bytes) = _ranges(headers, index, folder)
    documents = sum(h.documents for h in headers), sum(h.held_documents for h in headers)
    return Prepared(
        train=TokenStream(MappedTokens(shards, train, own.dtype), own.end, train_bytes),
        validation=TokenStream(MappedTokens(shards, held, own.dtype), own.end, held_bytes),
        tokenizer=own,
        name=index["name"],
        description=index["description"],
        sha256=index["sha256"],
        documents=(documents[0] - documents[1], documents[1]),
        bytes=sum(h.bytes for h in headers) - documents[0],
        settings=index["settings"],
    )


def seal(index: dict[str, Any]) -> dict[str, Any]:
    """The index with the hash of everything else in it."""
    rest = {name: value for name, value in index.items() if name != "sha256"}
    return {**rest, "sha256": hashlib.sha256(strict_json.render(rest)).hexdigest()}


def _ranges(
    headers: list[Header], index: dict[str, Any], folder: Path
) -> tuple[tuple[list[Range], int], tuple[list[Range], int]]:
    """The ranges and bytes of both streams; a whole last document is followed by an end token."""
    end = Range(0, 0, 1)  # the first token of all, before the first document
    train = [Range(n, 0, h.tokens - h.held) for n, h in enumerate(headers) if h.tokens > h.held]
    held = [Range(n, h.tokens - h.held, h.tokens) for n, h in enumerate(headers) if h.held]
    held_bytes = sum(h.held_bytes for h in headers)
    train_bytes = sum(h.bytes for h in headers) - held_bytes
    train_ended = bool(train) and headers[train[-1].shard].ended
    held_ended = bool(held) and headers[held[-1].shard].held_ended
    if index["cut"]:
        train, rest = _cut(train, index["cut"])
        held, held_bytes = [end, *rest], train_bytes - index["cut_bytes"] + 1
        train_bytes = index["cut_bytes"]
        train_ended, held_ended = False, train_ended
    for ranges, ended in ((train, train_ended), (held, held_ended)):
        if not ranges:
            raise InputError(
                f"{folder / INDEX}: expected text to train on and text to judge by; got none of "
                "one; prepare the dataset again"
            )
        if ended:
            ranges.append(end)
    return (train, train_bytes + train_ended), (held, held_bytes + held_ended)


def _cut(ranges: list[Range], tokens: int) -> tuple[list[Range], list[Range]]:
    for i, (shard, start, stop) in enumerate(ranges):
        if tokens < stop - start:
            first = [*ranges[:i], *([Range(shard, start, start + tokens)] if tokens else [])]
            return first, [Range(shard, start + tokens, stop), *ranges[i + 1 :]]
        tokens -= stop - start
    return ranges, []


def _header(
    folder: Path, number: int, sha256: str, index: dict[str, Any], tokenizer: Tokenizer
) -> Header:
    path = shard_path(folder, number)
    header, found, _ = read_header(path)
    fits = header.tokenizer == index["tokenizer"] and header.dtype == tokenizer.dtype.name
    if found != sha256 or not fits:
        raise InputError(
            f"{path}: expected the shard that {INDEX} lists; got another; prepare the dataset again"
        )
    return header


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / INDEX
    index = strict_json.read(path, str(path))
    if index.get("format") != FORMAT:
        raise InputError(
            f"{path}: expected format {FORMAT}; got {str(index.get('format'))[:20]}; update runnel"
        )
    for place, fields, plain in (
        ("", _FIELDS, index),
        ("settings.", SETTINGS, index.get("settings", {})),
    ):
        for name, kind in fields.items():
            if not isinstance(plain, dict) or type(plain.get(name)) is not kind:
                raise InputError(
                    f"{path}: expected {place}{name} ({kind.__name__}); prepare the dataset again"
                )
    if seal(index)["sha256"] != index["sha256"] or index["settings"].keys() != SETTINGS.keys():
        raise InputError(
            f"{path}: expected what its SHA-256 was taken of; got something else; "
            "prepare the dataset again"
        )
    if not index["shards"] or not all(isinstance(sha, str) for sha in index["shards"]):
        raise InputError(f"{path}: expected the SHA-256 of each shard; prepare the dataset again")
    return index
