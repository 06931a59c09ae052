"""Documents, and how the bytes of a text file fall into them, a block in memory at a time."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from runnel.errors import InputError

Separator = Literal["auto", "end-of-text", "blank-line", "none"]

END_OF_TEXT = b"<|endoftext|>"
BLOCK = 2**22
"""bytes read at once; a longer document comes in pieces of about that size"""
_BOM = b"\xef\xbb\xbf"
_BLANK_LINES = re.compile(rb"\n(?:[ \t]*\r?\n)+")
_LEADING_BLANK_LINES = re.compile(rb"(?:[ \t]*\r?\n)*")
_MARGIN = 4096
"""a separator that ends so near to the end of a block may go on in the next"""

Find = Callable[[bytes, int], tuple[int, int] | None]
"""where the next separator at or after a place starts and stops"""


class Document(NamedTuple):
    """A text that is read as one piece, or a piece of one."""

    text: str
    """UTF-8 without NUL, never blank unless it goes on with another"""
    id: str
    """where it comes from"""
    ended: bool
    """whether something says that it is whole; the last piece of a cut file is not"""
    continued: bool = False
    """whether it goes on with the document before it, which was too long for one piece"""


def split_bytes(data: bytes, separator: Separator, where: str) -> Iterator[Document]:
    """The documents of a text file's bytes; `where` names the file in ids and errors."""
    return split_blocks([data], separator, where)


def split_blocks(
    blocks: Iterable[bytes], separator: Separator, where: str, longest: int = BLOCK
) -> Iterator[Document]:
    """The documents of a text file that comes in blocks.

    `auto` is decided by the first block. What is longer than `longest` bytes is cut where a blank
    follows what is none, so that no word is cut.
    """
    data, base, number, start = b"", 0, 0, 0
    find: Find | None = None
    continued = False
    for block, last in _with_last(blocks):
        _refuse_binary(block, where, base + len(data) - start)
        data, base, start = data[start:] + block, base + start, 0
        if find is None:
            find = _finder(data, separator)
            start = len(_BOM) if data.startswith(_BOM) else 0
            if separator == "blank-line" and (blank := _LEADING_BLANK_LINES.match(data, start)):
                start = blank.end()
        far = len(data) - _MARGIN
        while True:
            found = find(data, start)
            if found is not None and not last and found[1] > far and _touches_end(data, found[1]):
                break
            if found is None and not last:
                if len(data) - start <= longest:
                    break
                stop = after = _cut(data, start)
            else:
                stop, after = found if found is not None else (len(data), len(data))
            text = _decode(data, start, stop, base, last, where)
            if text and (continued or not text.isspace()):
                number += not continued
                yield Document(text, f"{where}:{number}", found is not None, continued)
            start = after
            if found is None and not last:
                continued = continued or bool(text and not text.isspace())
                break
            continued = False
            if found is None:
                return


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last one; at least one."""
    held = b""
    for block in blocks:
        if held:
            yield held, False
        held = block
    yield held, True


def _touches_end(data: bytes, place: int) -> bool:
    return not data[place:].strip()


def _cut(data: bytes, start: int) -> int:
    """A place near the end where a blank follows what is none; else one between characters."""
    end = len(data) - _MARGIN
    for mark in (b" ", b"\n"):
        stop = end
        while (stop := data.rfind(mark, start + 1, stop)) > 0:
            if not data[stop - 1 : stop].isspace():
                return stop
    while end > start + 1 and data[end] & 0xC0 == 0x80:
        end -= 1
    return end


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
    if data[stop : stop + 1] == b"\n":
        stop += 1
    elif data[stop : stop + 2] == b"\r\n":
        stop += 2
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


def _decode(data: bytes, start: int, stop: int, base: int, last: bool, where: str) -> str:
    try:
        return data[start:stop].decode()
    except UnicodeDecodeError as error:
        place = start + error.start
        if last and start + error.end == len(data) and error.reason == "unexpected end of data":
            raise InputError(
                f"{where}: expected UTF-8 text; got a file that ends inside a character; "
                f"keep its first {base + place} bytes"
            ) from None
        raise InputError(
            f"{where}: expected UTF-8 text; got the byte 0x{data[place]:02x} at offset "
            f"{base + place}; convert it to UTF-8, or unpack it if it is compressed"
        ) from None


def _refuse_binary(block: bytes, where: str, base: int) -> None:
    place = block.find(b"\0")
    if place >= 0:
        raise InputError(
            f"{where}: expected UTF-8 text; got a NUL byte at offset {base + place}; "
            "convert it to UTF-8, or unpack it if it is compressed"
        )
