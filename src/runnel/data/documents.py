"""Documents, and how the bytes of a text file fall into them."""

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from runnel.errors import InputError

Separator = Literal["auto", "end-of-text", "blank-line", "none"]

END_OF_TEXT = b"<|endoftext|>"
_BOM = b"\xef\xbb\xbf"
_BLANK_LINES = re.compile(rb"\n(?:[ \t]*\r?\n)+")
_LEADING_BLANK_LINES = re.compile(rb"(?:[ \t]*\r?\n)*")

Find = Callable[[bytes, int], tuple[int, int] | None]
"""where the next separator at or after a place starts and stops"""


class Document(NamedTuple):
    """A text that is read as one piece."""

    text: str
    """UTF-8 without NUL, never blank"""
    id: str
    """where it comes from"""
    ended: bool
    """whether something says that it is whole; the last piece of a cut file is not"""


def split_bytes(data: bytes, separator: Separator, where: str) -> Iterator[Document]:
    """The documents of a text file's bytes; `where` names the file in ids and errors."""
    _refuse_binary(data, where)
    find = _finder(data, separator)
    start = len(_BOM) if data.startswith(_BOM) else 0
    if separator == "blank-line" and (blank := _LEADING_BLANK_LINES.match(data, start)):
        start = blank.end()
    number = 0
    while True:
        found = find(data, start)
        stop = found[0] if found else len(data)
        text = _decode(data, start, stop, where)
        if text and not text.isspace():
            number += 1
            yield Document(text, f"{where}:{number}", found is not None)
        if found is None:
            return
        start = found[1]


def _finder(data: bytes, separator: Separator) -> Find:
    match separator:
        case "auto":
            return _find_mark if END_OF_TEXT in data else _find_nothing
        case "end-of-text":
            return _find_mark
        case "blank-line":
            return _find_blank_lines
        case "none":
            return _find_nothing
    raise InputError(
        f"expected a separator of auto, end-of-text, blank-line, none; got {separator!r}"
    )


def _find_nothing(data: bytes, start: int) -> None:
    return None


def _find_mark(data: bytes, start: int) -> tuple[int, int] | None:
    at = data.find(END_OF_TEXT, start)
    if at < 0:
        return None
    # One newline on each side belongs to the mark; any more are the document's own.
    stop = at + len(END_OF_TEXT)
    if data.startswith((b"\r\n", b"\n"), stop):
        stop = data.index(b"\n", stop) + 1
    return _before_newline(data, start, at), stop


def _find_blank_lines(data: bytes, start: int) -> tuple[int, int] | None:
    found = _BLANK_LINES.search(data, start)
    if found is None:
        return None
    return _before_newline(data, start, found.start() + 1), found.end()


def _before_newline(data: bytes, start: int, stop: int) -> int:
    """Where the newline that ends at `stop` begins, if there is one after `start`."""
    if stop > start and data[stop - 1 : stop] == b"\n":
        stop -= 1
        if stop > start and data[stop - 1 : stop] == b"\r":
            stop -= 1
    return stop


def _decode(data: bytes, start: int, stop: int, where: str) -> str:
    try:
        return str(memoryview(data)[start:stop], "utf-8")
    except UnicodeDecodeError as error:
        place = start + error.start
        if start + error.end == len(data) and error.reason == "unexpected end of data":
            raise InputError(
                f"{where}: expected UTF-8 text; got a file that ends inside a character; "
                f"keep its first {place} bytes"
            ) from None
        raise InputError(
            f"{where}: expected UTF-8 text; got the byte 0x{data[place]:02x} at offset {place}; "
            "convert it to UTF-8, or unpack it if it is compressed"
        ) from None


def _refuse_binary(data: bytes, where: str) -> None:
    place = data.find(b"\0")
    if place >= 0:
        raise InputError(
            f"{where}: expected UTF-8 text; got a NUL byte at offset {place}; "
            "convert it to UTF-8, or unpack it if it is compressed"
        )
