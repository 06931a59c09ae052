"""Where text comes from: a bundled corpus, a file, a folder, or the hub."""

import difflib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from runnel.data.documents import Document, Separator
from runnel.data.files import open_folder, read_file, read_files, similar_names
from runnel.data.hub import open_hub
from runnel.errors import InputError


class NamedCorpus(NamedTuple):
    """A corpus that is known by name."""

    description: str
    source: str
    """where it comes from, for people"""
    write: Callable[[float, int], list[str]]
    """10^6 bytes wanted and seed -> texts"""


class Source(NamedTuple):
    """The documents of one source, read when iterated, once."""

    name: str
    description: str
    train: Iterator[Document]
    validation: Iterator[Document] | None
    """none: the source does not say what to judge by"""


def _write_stories(megabytes: float, seed: int) -> list[str]:
    from runnel.data import stories

    return stories.write(megabytes, seed=seed)


CORPORA: dict[str, NamedCorpus] = {
    "stories": NamedCorpus(
        "children's tales of a small simulated world, in any amount",
        "written by runnel itself, from a seed",
        _write_stories,
    ),
}


def open_source(
    source: str, *, field: str, separator: Separator, megabytes: float, seed: int = 0
) -> Source:
    """Find a source and say what it holds; its text is read by iterating.

    `source` is a name in CORPORA, a path, or hf:NAME[:FIELD]; `seed` and `megabytes` are for a
    corpus that writes itself. InputError, one line, for anything else.
    """
    if source in CORPORA:
        corpus = CORPORA[source]
        texts = _of_corpus(source, corpus, megabytes, seed)
        return Source(source, f"{corpus.description} ({corpus.source})", texts, None)
    if source.startswith("hf:"):
        return _open_hub(source, field)
    try:
        path = Path(source).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"expected a path that can be read; got {source[:200]!r} ({reason}); give another one"
        ) from None
    if source and is_folder:
        return _open_folder(path, field, separator)
    if is_file:
        documents = read_file(path, field=field, separator=separator)
        return Source(path.name, f"the file {path.name}", documents, None)
    raise _unknown(source, path)


def read_documents(
    source: str,
    *,
    field: str = "text",
    separator: Separator = "auto",
    megabytes: float = 8.0,
    seed: int = 0,
) -> Iterator[Document]:
    """All documents of a source, of its training text first; its test files are never read."""
    found = open_source(source, field=field, separator=separator, megabytes=megabytes, seed=seed)
    return chain(found.train, found.validation or ())


def _of_corpus(name: str, corpus: NamedCorpus, megabytes: float, seed: int) -> Iterator[Document]:
    for i, text in enumerate(corpus.write(megabytes, seed)):
        yield Document(text, f"{name}:{i}", True)


def _open_folder(path: Path, field: str, separator: Separator) -> Source:
    folder = open_folder(path)
    description = f"{len(folder.train)} files of the folder {path.resolve().name}"
    if folder.validation:
        description += f", {len(folder.validation)} more to judge by"
    if folder.unread:
        names = ", ".join(file.relative_to(path).as_posix() for file in folder.unread[:3])
        more = f" and {len(folder.unread) - 3} more" if len(folder.unread) > 3 else ""
        description += f"; never read: {names}{more}"
    return Source(
        path.resolve().name,
        description,
        read_files(folder.train, root=path, field=field, separator=separator),
        read_files(folder.validation, root=path, field=field, separator=separator)
        if folder.validation
        else None,
    )


def _open_hub(source: str, field: str) -> Source:
    name, _, own_field = source.removeprefix("hf:").partition(":")
    if not name:
        raise InputError(f"expected hf:NAME or hf:NAME:FIELD; got {source!r}; name a dataset")
    readers = open_hub(name, own_field or field)
    return Source(
        name, f"the dataset {name} of the hub", readers["train"], readers.get("validation")
    )


def _unknown(source: str, path: Path) -> InputError:
    near = difflib.get_close_matches(source, CORPORA, n=1) + (similar_names(path) if source else [])
    if source and path.exists():
        got, remedy = f"{source!r}, which is neither file nor folder", "copy it to a file"
    else:
        got = repr(source) if source else "nothing"
        got += ", which does not exist" if source else ""
        remedy = f"did you mean {' or '.join(near)}?" if near else "check the name"
    return InputError(
        f"expected a corpus ({', '.join(CORPORA)}), a file, a folder or hf:NAME; got {got}; "
        f"{remedy}"
    )
