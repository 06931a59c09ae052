"""Where text comes from: a bundled corpus, a file, a folder, or the hub."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from runnel.data.documents import Document, Separator
from runnel.data.files import open_folder, read_file, read_files, similar_names
from runnel.data.hub import HUB, HubCorpus, open_hub
from runnel.data.unpack import Meter
from runnel.errors import InputError


class NamedCorpus(NamedTuple):
    """A corpus that is known by name."""

    description: str
    source: str
    """where it comes from, for people"""
    write: Callable[[float, int], list[str]] | None
    """10^6 bytes wanted and seed -> texts; none: read from the hub"""
    field: str = ""
    """the column that holds the text; empty: it has no columns"""
    splits: tuple[str, ...] = ("train",)
    """to train on and, where there is one, to judge by"""


class Source(NamedTuple):
    """The documents of one source, read when iterated, once."""

    name: str
    description: str
    train: Iterator[Document]
    validation: Iterator[Document] | None
    """none: the source does not say what to judge by"""
    meter: Meter
    """how much of its files has been read; a total of 0: not known"""
    files: tuple[Path, ...] = ()


def _write_stories(megabytes: float, seed: int) -> list[str]:
    from runnel.data import stories

    return stories.write(megabytes, seed=seed)


def _place(corpus: HubCorpus) -> str:
    of = "" if corpus.configuration is None else f", {corpus.configuration}"
    return f"hf:{corpus.name}{of}"


CORPORA: dict[str, NamedCorpus] = {
    "stories": NamedCorpus(
        "children's tales of a small simulated world, in any amount",
        "written by runnel itself, from a seed",
        _write_stories,
    ),
    **{
        name: NamedCorpus(corpus.description, _place(corpus), None, corpus.field, corpus.splits)
        for name, corpus in HUB.items()
    },
}


def open_source(
    source: str, *, field: str, separator: Separator, megabytes: float, seed: int = 0
) -> Source:
    """Find a source and say what it holds; its text is read by iterating.

    `source` is a name in CORPORA, a path, or hf:NAME[:FIELD]; `seed` and `megabytes` are for a
    corpus that writes itself. InputError, one line, for anything else.
    """
    corpus = CORPORA.get(source)
    if corpus is not None and corpus.write is not None:
        texts = _of_corpus(source, corpus, megabytes, seed)
        return Source(source, f"{corpus.description} ({corpus.source})", texts, None, Meter())
    if corpus is not None:
        return _open_hub(f"hf:{source}", field)
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
        meter = _meter([path])
        documents = read_file(path, field=field, separator=separator, meter=meter)
        return Source(path.name, f"the file {path.name}", documents, None, meter, (path,))
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
    assert corpus.write is not None
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
    files = (*folder.train, *(folder.validation or ()))
    meter = _meter(files)
    read = partial(read_files, root=path, field=field, separator=separator, meter=meter)
    return Source(
        path.resolve().name,
        description,
        read(folder.train),
        read(folder.validation) if folder.validation else None,
        meter,
        files,
    )


def _meter(files: Sequence[Path]) -> Meter:
    return Meter(total=sum(file.stat().st_size for file in files))


def _open_hub(source: str, field: str) -> Source:
    name, _, own_field = source.removeprefix("hf:").partition(":")
    if not name:
        raise InputError(f"expected hf:NAME or hf:NAME:FIELD; got {source!r}; name a dataset")
    readers = open_hub(name, own_field or None, field)
    return Source(
        name, f"the dataset {name} of the hub", readers["train"], readers.get("validation"), Meter()
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
