"""One way by which what others wrote comes in, and the JSON that none of them takes."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from torture.kit import Kit
from torture.mutate import mutated


class Case(NamedTuple):
    """One malformed thing in its place, and what reads it."""

    what: str
    files: dict[Path, bytes]
    act: list[str] | Callable[[], object]
    """words of a command, or a function"""
    must: bool = True
    """refused in any case; else only if it is not good by chance"""


class Door(NamedTuple):
    """One kind of input."""

    name: str
    collected: Callable[[Kit], Iterator[Case]]
    drawn: Callable[[Kit, random.Random], Case]


NOT_JSON: list[bytes] = [
    *(
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"x"',
        b"{}{}",
        b"{'a': 1}",
        b"\xff\xfe{}",
        b"\0" * 99,
    ),
    *(b'{"a":' * 5000, b"[" * 100_000, b'{"format":1,"format":1}', b'{"format": NaN}'),
    *(
        b'{"format": 1e999}',
        b'{"format": ' + b"1" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xc3"}',
    ),
    *(b'{"format": 2}', b'{"format": "1"}', b'{"format": true}', b'{"format": null}', b"{}"),
]


def json_door(
    name: str, path: Callable[[Kit], Path], act: Callable[[Kit], Any], seal: Any = None
) -> Door:
    """A file of JSON; `seal(kit, data)` gives the files that vouch for it."""

    def files_of(k: Kit, data: bytes) -> dict[Path, bytes]:
        return {path(k): data} if seal is None else seal(k, data)

    def collected(k: Kit) -> Iterator[Case]:
        whole = path(k).read_bytes()
        for data in NOT_JSON:
            yield Case(f"{data[:16]!r}", files_of(k, data), act(k))
        for at in range(1, len(whole) - 2, max(1, len(whole) // 25)):
            yield Case(f"cut to {at} bytes", files_of(k, whole[:at]), act(k))

    def drawn(k: Kit, dice: random.Random) -> Case:
        data = mutated(json.loads(path(k).read_bytes()), dice)
        return Case(f"{data[:2000]!r}", files_of(k, data), act(k), must=False)

    return Door(name, collected, drawn)
