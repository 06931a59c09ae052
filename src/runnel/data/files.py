"""Text on disk: text, .jsonl and .parquet files, compressed or in archives, and folders of them."""

import difflib
import importlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

from runnel.data.documents import Document, Separator, split_blocks
from runnel.data.unpack import ARCHIVES, COMPRESSED, Meter, inner_name, read_blocks, read_members
from runnel.errors import InputError

Role = Literal["train", "validation", "test"]

_ROLES: dict[str, Role] = {
    "train": "train",
    "training": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_TEXTS = (".txt", ".jsonl")
_LONGEST_LINE = 2**26
_ROWS = 256


class Folder(NamedTuple):
    """The text files of a folder, by what their names say that they are for."""

    train: list[Path]
    validation: list[Path] | None
    """none: the names do not say, or no file is for it"""
    unread: list[Path]


def role_of(name: str) -> Role | None:
    """What a file or split is for, by the last word in its path that says so."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((_ROLES[word] for word in reversed(words) if word in _ROLES), None)


def open_folder(folder: Path) -> Folder:
    """Sort a folder's files by role.

    Where names tell training text from validation or test text, only the files that say so are
    used, and test files are never read. Elsewhere all of them are training text.
    """
    files = _text_files(folder)
    roles = {file: role_of(file.relative_to(folder).as_posix()) for file in files}
    named = set(roles.values())
    if "train" not in named or not named & {"validation", "test"}:
        return Folder(files, None, [])
    return Folder(
        [file for file in files if roles[file] == "train"],
        [file for file in files if roles[file] == "validation"] or None,
        [file for file in files if roles[file] not in ("train", "validation")],
    )


def read_files(
    files: Sequence[Path], *, root: Path, field: str, separator: Separator, meter: Meter
) -> Iterator[Document]:
    """The documents of some files of a folder, a block in memory at a time."""
    documents = chain.from_iterable(
        _read(file, file.relative_to(root).as_posix(), field, separator, meter) for file in files
    )
    first = next(documents, None)
    if first is None:
        raise InputError(
            f"{root}: expected a folder with text; got {len(files)} .txt and .jsonl files without "
            "any; put text into them"
        )
    yield first
    yield from documents


def read_file(file: Path, *, field: str, separator: Separator, meter: Meter) -> Iterator[Document]:
    """The documents of one file, by its ending: .jsonl, .parquet, .tar, or anything else as text.

    .gz and .zst are unpacked first.
    """
    documents = _read(file, file.name, field, separator, meter)
    first = next(documents, None)
    if first is None:
        state = "an empty file" if _size(file) == 0 else "a file without any"
        raise InputError(f"{file}: expected text; got {state}; put text into it")
    yield first
    yield from documents


def similar_names(path: Path) -> list[str]:
    """Paths near a missing one that its writer may have meant."""
    missing = path
    # The first part that does not exist is the one that is misspelt.
    while not missing.parent.exists() and missing.parent != missing:
        missing = missing.parent
    try:
        names = sorted(os.listdir(missing.parent))
    except OSError:
        return []
    rest = path.relative_to(missing)
    near = [missing.parent / n for n in difflib.get_close_matches(missing.name, names, n=2)]
    return [str(place / rest) for place in near if (place / rest).exists()]


def _read(
    file: Path, where: str, field: str, separator: Separator, meter: Meter
) -> Iterator[Document]:
    name = inner_name(file.name)
    if name.endswith(".parquet"):
        yield from _read_rows(file, where, field, meter)
    elif name.endswith(".tar"):
        for member in read_members(file, where, meter):
            if inner_name(member.name).endswith(_TEXTS):
                label = f"{where}:{member.name}"
                yield from _split(member.blocks, member.name, label, field, separator)
    else:
        yield from _split(read_blocks(file, where, meter), name, where, field, separator)


def _split(
    blocks: Iterable[bytes], name: str, where: str, field: str, separator: Separator
) -> Iterator[Document]:
    if inner_name(name).endswith(".jsonl"):
        return _read_lines(blocks, where, field)
    return split_blocks(blocks, separator, where)


def _read_lines(blocks: Iterable[bytes], where: str, field: str) -> Iterator[Document]:
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


def _read_rows(file: Path, where: str, field: str, meter: Meter) -> Iterator[Document]:
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
    meter.read += _size(file)
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
            f"{where}: expected one JSON object; got something else ({reason}); mend that line"
        ) from None
    if not isinstance(record, dict):
        raise InputError(
            f"{where}: expected one JSON object; got a {type(record).__name__}; mend that line"
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


def _is_text_file(name: str) -> bool:
    inner = inner_name(name)
    return inner.endswith((*_TEXTS, *ARCHIVES)) or name.lower().endswith(".parquet")


def _text_files(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise _unreadable(Path(str(error.filename or folder)), error)

    files = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [
            Path(parent, name) for name in names if _is_text_file(name) and not name.startswith(".")
        ]
    files = [file for file in files if file.is_file()]
    if not files:
        raise InputError(
            f"{folder}: expected a folder with .txt or .jsonl files; got none; give a folder or a "
            f"file that holds text (also .parquet, .tar, {', '.join(COMPRESSED)})"
        )
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(f"{file}: expected a file that can be read; got {reason!r}; mend or move it")
