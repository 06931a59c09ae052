"""Text on disk: files of any kind, compressed or in archives, and folders of them."""

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

from runnel.data.documents import Document, Separator, split_blocks
from runnel.data.records import read_lines, read_rows
from runnel.data.unpack import (
    ARCHIVES,
    COMPRESSED,
    Meter,
    inner_name,
    read_blocks,
    read_members,
    size_of,
    unreadable,
)
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
        state = "an empty file" if size_of(file) == 0 else "a file without any"
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
        yield from read_rows(file, where, field, meter)
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
        return read_lines(blocks, where, field)
    return split_blocks(blocks, separator, where)


def _is_text_file(name: str) -> bool:
    inner = inner_name(name)
    return inner.endswith((*_TEXTS, *ARCHIVES)) or name.lower().endswith(".parquet")


def _text_files(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise unreadable(Path(str(error.filename or folder)), error)

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
