"""Text on disk: .txt and .jsonl files, and folders of them."""

import difflib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from runnel.data.documents import Document, Separator, split_bytes
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
_SUFFIXES = (".txt", ".jsonl")


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
    files: Sequence[Path], *, root: Path, field: str, separator: Separator
) -> Iterator[Document]:
    """The documents of some files of a folder, one file in memory at a time."""
    found = False
    for file in files:
        for document in _read(file, file.relative_to(root).as_posix(), field, separator):
            found = True
            yield document
    if not found:
        raise InputError(
            f"{root}: expected a folder with text; got {len(files)} .txt and .jsonl files without "
            "any; put text into them"
        )


def read_file(file: Path, *, field: str, separator: Separator) -> Iterator[Document]:
    """The documents of one file: .jsonl is read by line, anything else as text."""
    found = False
    for document in _read(file, file.name, field, separator):
        found = True
        yield document
    if not found:
        state = "an empty file" if _size(file) == 0 else "a file without any"
        raise InputError(f"{file}: expected text; got {state}; put text into it")


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


def _read(file: Path, where: str, field: str, separator: Separator) -> Iterator[Document]:
    if file.suffix.lower() == ".jsonl":
        yield from _read_lines(file, where, field)
    else:
        yield from split_bytes(_bytes(file), separator, where)


def _read_lines(file: Path, where: str, field: str) -> Iterator[Document]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                text = _record_text(line, field, f"{where}:{number}")
                if text and not text.isspace():
                    yield Document(text, f"{where}:{number}", True)
    except OSError as error:
        raise _unreadable(file, error) from None


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


def checked_field(record: dict[str, object], field: str, where: str) -> str:
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


def _text_files(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise _unreadable(Path(str(error.filename or folder)), error)

    files = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [
            Path(parent, name)
            for name in names
            if name.lower().endswith(_SUFFIXES) and not name.startswith(".")
        ]
    files = [file for file in files if file.is_file()]
    if not files:
        raise InputError(
            f"{folder}: expected a folder with .txt or .jsonl files; got none; "
            "give a folder or a file that holds text"
        )
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(f"{file}: expected a file that can be read; got {reason!r}; mend or move it")
