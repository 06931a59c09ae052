"""Texts in records: lines of JSON, rows of .parquet, and what a record's text may be."""

import importlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from runnel.data.documents import Document
from runnel.data.unpack import Meter, size_of
from runnel.errors import InputError

_LONGEST_LINE = 2**26
_ROWS = 256


def read_lines(blocks: Iterable[bytes], where: str, field: str) -> Iterator[Document]:
    """The documents of a .jsonl file that comes in blocks: a record a line, its text in a field."""
    number = 0
    for line in _lines(blocks, where):
        number += 1
        if not line.strip():
            continue
        text = _record_text(line, field, f"{where}:{number}")
        if text and not text.isspace():
            yield Document(text, f"{where}:{number}", True)


def _lines(blocks: Iterable[bytes], where: str) -> Iterator[bytes]:
    held = b""
    for block in blocks:
        first, *lines = block.split(b"\n")
        held += first
        if len(held) > _LONGEST_LINE:
            raise InputError(
                f"{where}: expected lines of at most {_LONGEST_LINE} bytes; got a longer one; "
                "put each record on a line of its own"
            )
        if lines:
            yield held
            held = lines.pop()
            yield from lines
    if held:
        yield held


def read_rows(file: Path, where: str, field: str, meter: Meter) -> Iterator[Document]:
    """The documents of a .parquet file: a text a row, in the column of that name."""
    try:
        library: Any = importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise InputError(
            f"{where}: expected the `pyarrow` library, which reads .parquet; got none installed; "
            "pip install 'runnel[data]'"
        ) from None
    rows = 0
    found = False
    try:
        table = library.ParquetFile(file)
        names = list(table.schema_arrow.names)
        if field not in names:
            checked_field(dict.fromkeys(names), field, where)
        for batch in table.iter_batches(batch_size=_ROWS, columns=[field], use_threads=False):
            for text in batch.column(0).to_pylist():
                rows += 1
                # A missing text is an empty one here: columns hold nothing in a row's place.
                if text is None:
                    continue
                checked_field({field: text}, field, f"{where}: row {rows}")
                if text and not text.isspace():
                    found = True
                    yield Document(text, f"{where}:{rows}", True)
    except (InputError, GeneratorExit):
        raise
    except Exception as error:  # whatever a damaged file provokes in the library
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(
            f"{where}: expected a .parquet file; got a damaged one after row {rows} ({reason}); "
            "fetch it again"
        ) from None
    meter.read += size_of(file)
    if not found:
        raise InputError(
            f"{where}: expected text in the column {field!r}; got {rows} rows, all empty; name a "
            "column that holds text"
        )


def _record_text(line: bytes, field: str, where: str) -> str:
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where}: expected UTF-8 text; got the byte 0x{line[error.start]:02x} at offset "
            f"{error.start} of the line; convert the file to UTF-8"
        ) from None
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "too large or deep"
        raise InputError(
            f"{where}: expected one JSON object; got something else ({reason}); correct that line"
        ) from None
    if not isinstance(record, dict):
        raise InputError(
            f"{where}: expected one JSON object; got a {type(record).__name__}; correct that line"
        )
    return checked_field(record, field, where)


def checked_field(record: dict[str, Any], field: str, where: str) -> str:
    """The text in a record's field; InputError when there is none that a tokenizer can read."""
    if field not in record:
        names = ", ".join(str(name)[:30] for name in list(record)[:8]) or "no fields"
        raise InputError(f"{where}: expected the field {field!r}; got {names}; name the right one")
    text = record[field]
    if not isinstance(text, str):
        raise InputError(
            f"{where}: expected text in the field {field!r}; got {type(text).__name__}; "
            "name a field that holds text"
        )
    if "\0" in text or not _is_unicode(text):
        raise InputError(
            f"{where}: expected Unicode text without NUL in the field {field!r}; got a NUL or a "
            "lone surrogate; remove it"
        )
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
