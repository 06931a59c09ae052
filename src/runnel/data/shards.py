"""Shards: tokens of some documents in a file that is mapped into memory, each page with its hash.

A file holds, each part at a multiple of 64 bytes: eight bytes of magic, the header's length
(uint64), the header (JSON) and its SHA-256; the start of each document (uint64); the SHA-256 of
each page of tokens; the tokens. The header holds the SHA-256 of the two tables before the tokens.
"""

# N tokens, D documents, P pages

import hashlib
import mmap
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from runnel import files, strict_json
from runnel.data.tokenizers import Tokens
from runnel.errors import InputError

MAGIC = b"runnelS\x01"
FORMAT = 1
PAGE = 2**16
"""bytes of tokens that share a hash"""
_ALIGN = 64
_LARGEST_HEADER = 4096
_HASH = 32
_TYPES = ("uint16", "uint32")


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a shard says of itself."""

    format: int
    dtype: str
    """uint16 or uint32, little-endian"""
    tokens: int
    held: int
    """of the tokens, so many at the end are held out"""
    documents: int
    held_documents: int
    bytes: int
    """UTF-8 bytes of all tokens, an end token counting as one"""
    held_bytes: int
    ended: bool
    """whether the last document to train on is whole"""
    held_ended: bool
    tokenizer: str
    """SHA-256 of tokenizer.json"""
    tables: str
    """SHA-256 of the tables before the tokens"""

    @property
    def pages(self) -> int:
        """How many pages the tokens fill."""
        return -(-self.tokens * np.dtype(self.dtype).itemsize // PAGE)


def write_shard(path: Path, tokens_N: Tokens, starts_D: npt.NDArray[np.int64], **said: Any) -> str:
    """Write a shard durably; the SHA-256 of its header, which vouches for all of it."""
    little_N = np.ascontiguousarray(tokens_N, dtype=tokens_N.dtype.newbyteorder("<"))
    data = little_N.view(np.uint8).data
    hashes = b"".join(
        hashlib.sha256(data[at : at + PAGE]).digest() for at in range(0, len(data), PAGE)
    )
    starts = starts_D.astype("<u8").tobytes()
    tables = _padded(starts) + _padded(hashes)
    header = Header(
        format=FORMAT,
        dtype=tokens_N.dtype.name,
        tokens=len(tokens_N),
        documents=len(starts_D),
        tables=hashlib.sha256(tables).hexdigest(),
        **said,
    )
    plain = strict_json.render(asdict(header))
    digest = hashlib.sha256(plain)
    front = _padded(MAGIC + len(plain).to_bytes(8, "little") + plain + digest.digest())
    files.write_durably(path, front, tables, data)
    return digest.hexdigest()


def read_header(path: Path) -> tuple[Header, str, int]:
    """A shard's header, its SHA-256 and where the tables start; InputError for anything else."""
    try:
        with path.open("rb") as file:
            front = file.read(_LARGEST_HEADER + 64)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"{path}: expected a shard; got {reason!r}; prepare the dataset again"
        ) from None
    length = int.from_bytes(front[8:16], "little")
    if front[:8] != MAGIC or not 0 < length <= _LARGEST_HEADER or len(front) < 16 + length + _HASH:
        got = f"the bytes {front[:8]!r}" if front[:8] != MAGIC else "a cut or damaged header"
        raise InputError(f"{path}: expected a shard; got {got}; prepare the dataset again")
    plain, stated = front[16 : 16 + length], front[16 + length : 16 + length + _HASH]
    digest = hashlib.sha256(plain)
    if digest.digest() != stated:
        raise InputError(
            f"{path}: expected a header with the SHA-256 that follows it; got another; "
            "prepare the dataset again"
        )
    header = _checked(strict_json.parse(plain, str(path)), path)
    start = _aligned(16 + length + _HASH)
    expected = start + _tables(header) + header.tokens * np.dtype(header.dtype).itemsize
    if size != expected:
        raise InputError(
            f"{path}: expected {expected} bytes as its header says; got {size}; "
            "prepare the dataset again"
        )
    return header, digest.hexdigest(), start


@final
class Shard:
    """A shard's tokens, mapped; a page is checked before it is read for the first time."""

    def __init__(self, path: Path, sha256: str) -> None:
        self.header, found, start = read_header(path)
        if found != sha256:
            raise InputError(
                f"{path}: expected the shard that the dataset lists; got another; "
                "prepare the dataset again"
            )
        self._path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        begin = start + _tables(self.header)
        tables = memoryview(self._map)[start:begin]
        if hashlib.sha256(tables).hexdigest() != self.header.tables:
            raise InputError(
                f"{path}: expected tables with the SHA-256 of its header; got others; "
                "prepare the dataset again"
            )
        self._hashes = tables[_aligned(8 * self.header.documents) :]
        self._starts = tables[: 8 * self.header.documents]
        self._data = memoryview(self._map)[begin:]
        dtype = np.dtype(self.header.dtype).newbyteorder("<")
        self._tokens_N: Tokens = np.frombuffer(self._data, dtype=dtype)
        self._unchecked_P = np.ones(self.header.pages, dtype=np.bool_)

    @property
    def starts_D(self) -> npt.NDArray[np.uint64]:
        """Where each document's end token, or its first piece, stands."""
        return np.frombuffer(self._starts, dtype="<u8")

    def read(self, start: int, stop: int) -> Tokens:
        """Some tokens, checked; not a copy."""
        size = self._tokens_N.itemsize
        first, last = start * size // PAGE, -(-stop * size // PAGE)
        if self._unchecked_P[first:last].any():
            for page in first + np.flatnonzero(self._unchecked_P[first:last]):
                self._check(int(page))
        return self._tokens_N[start:stop]

    def _check(self, page: int) -> None:
        found = hashlib.sha256(self._data[page * PAGE : (page + 1) * PAGE]).digest()
        if found != self._hashes[page * _HASH : (page + 1) * _HASH]:
            raise InputError(
                f"{self._path}: expected tokens with the SHA-256 that was written; got others in "
                f"page {page}; prepare the dataset again"
            )
        self._unchecked_P[page] = False


def _checked(plain: dict[str, Any], path: Path) -> Header:
    fields = Header.__annotations__
    for name, kind in fields.items():
        if type(plain.get(name)) is not kind:
            raise InputError(
                f"{path}: expected a header with {name} ({kind.__name__}); got "
                f"{str(plain.get(name))[:20]!r}; prepare the dataset again"
            )
    if plain["format"] != FORMAT or plain.keys() != fields.keys():
        raise InputError(
            f"{path}: expected a shard of format {FORMAT}; got {str(plain['format'])[:20]}; "
            "update runnel or prepare the dataset again"
        )
    header = Header(**plain)
    counts = (header.tokens, header.documents, header.bytes)
    held = (header.held, header.held_documents, header.held_bytes)
    if header.dtype not in _TYPES or not all(
        0 <= part <= whole < 2**48 for part, whole in zip(held, counts, strict=True)
    ):
        raise InputError(
            f"{path}: expected a header with counts that can be; got dtype "
            f"{header.dtype[:20]!r}, {counts} of which {held} held out; prepare the dataset again"
        )
    return header


def _tables(header: Header) -> int:
    return _aligned(8 * header.documents) + _aligned(_HASH * header.pages)


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _padded(data: bytes) -> bytes:
    return data.ljust(_aligned(len(data)), b"\0")
