"""Files of weights that lie, in the manner of safetensors' and GGUF's own tests."""

import json
import struct
from collections.abc import Iterator
from typing import Any

_LARGEST = 2**63 - 1
_ODD_NUMBERS: list[Any] = [-1, 2**31, 2**53 + 1, _LARGEST, 2**64, 10**40, 0.5, True, None, "8"]
_RAW = (b"NaN", b"Infinity", b"1e999", b"1" * 5000, b"-0", b"08", b'"\\ud800"', b"[" * 3000)


def file(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with that header, or those bytes of one, whatever length it states."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(**changes: object) -> dict[str, Any]:
    """Two numbers of a tensor w, with some fields changed."""
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}


def lengths(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """The header's length misstated: none, beyond the file, beyond all numbers, cutting it."""
    (length,) = struct.unpack("<Q", whole[:8])
    near = [length - 1, length + 1, len(whole) - 8, len(whole) - 7, len(whole)]
    for stated in (0, 1, 2, *near, 2**20, 2**31, 2**40, 2**53, _LARGEST, 2**64 - 1):
        yield f"a header of {stated} bytes", struct.pack("<Q", stated) + whole[8:]


def cuts(whole: bytes, steps: int) -> Iterator[tuple[str, bytes]]:
    """Truncated everywhere in the first bytes, and at so many places after them."""
    for at in [*range(min(20, len(whole))), *range(20, len(whole), max(1, len(whole) // steps))]:
        yield f"cut to {at} bytes", whole[:at]


def entries() -> Iterator[tuple[str, bytes]]:
    """Dtypes, shapes and offsets that cannot be; tensors that overlap, or leave holes."""
    eight = bytes(8)
    for dtype in (
        "F31",
        "f32",
        "",
        "F8_E4M3",
        "C64",
        "Q4_0",
        "float32",
        "\ud800",
        None,
        7,
        ["F32"],
    ):
        yield f"dtype {dtype!r}", file(entry(dtype=dtype, shape=[1]), eight)
    for number in _ODD_NUMBERS:
        yield f"shape of {number!r}", file(entry(shape=[number]), eight)
        yield f"offset {number!r}", file(entry(data_offsets=[0, number]), eight)
        yield f"from {number!r}", file(entry(data_offsets=[number, 8]), eight)
    shapes: list[Any] = [
        [2**32, 2**32],
        [2**62, 4, 2**62],
        [0, 2**63],
        [1] * 200,
        "2",
        2,
        {},
        [[2]],
        [],
    ]
    for shape in shapes:
        yield f"shape {str(shape)[:30]}", file(entry(shape=shape), eight)
    for offsets in ([8, 0], [4, 12], [0], [0, 8, 8], [], "08", {"0": 8}, [[0], [8]]):
        yield f"offsets {offsets}", file(entry(data_offsets=offsets), bytes(12))
    six = {"dtype": "U8", "shape": [6]}
    for a, b in (([0, 6], [2, 8]), ([0, 6], [8, 14]), ([0, 6], [0, 6]), ([2, 8], [8, 14])):
        two = {"v": six | {"data_offsets": a}, "w": six | {"data_offsets": b}}
        yield f"tensors at {a} and {b}", file(two, bytes(max(a[1], b[1])))
    yield "data beyond the tensors", file(entry(), bytes(9))
    for surplus in ("extra", "", "dtype\0"):
        yield f"a field {surplus!r}", file(entry(**{surplus: 1}), eight)
    for name in ("", "w" * 5000, "a\0b", "../../w", "\ud800"):
        yield f"a tensor {name[:8]!r}", file({name: entry()["w"]}, eight)
    metadatas: list[Any] = [[], "x", {"a": 1}, {"a": None}, {"runnel": "{"}, {"runnel": "[]"}]
    for metadata in metadatas:
        yield f"metadata {metadata}", file({"__metadata__": metadata, **entry()}, eight)
    for ours in ({"tied": {"v": "nothing"}}, {"tied": {"w": "w"}}, {"tied": [1]}, {"sha256": 5}):
        sealed = {"__metadata__": {"runnel": json.dumps(ours)}, **entry()}
        yield f"our metadata {ours}", file(sealed, eight)


def grammar() -> Iterator[tuple[str, bytes]]:
    """Headers that are no JSON, twice the same key, too deep, not UTF-8."""
    eight, good = bytes(8), json.dumps(entry()).encode()
    bad = [b"", b"{", b"null", b"[]", b"5", b'"w"', b"{}{}", good + b"x", b"\xff\xfe" + good]
    bad += [good.replace(b'"w"', b'"\xc3\x28"'), good.decode().encode("utf-16"), b"\xef\xbb\xbf{}"]
    bad += [
        b"{" + good[1:-1] + b"," + good[1:],
        b'{"a":' * 5000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
    ]
    bad += [b'{"w":' + b'{"x":1}' + b"}" + b" " * 2**20, b"\0" * 500, b"{'w': 1}", b"{/**/}"]
    for i, header in enumerate(bad):
        yield f"header {i} {header[:12]!r}", file(header, eight)
    for raw in _RAW:
        yield f"{raw[:12]!r} as a shape", file(good.replace(b"[2]", b"[" + raw + b"]"), eight)


def lies(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """All of them; `whole` is a good file."""
    yield from entries()
    yield from grammar()
    yield from lengths(whole)
    yield from cuts(whole, 40)
