"""A corpus ready for a model: documents in, one stream of tokens to train and one to judge by."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runnel.data.config import DataConfig
from runnel.data.documents import Document
from runnel.data.hashing import drawn, make_key
from runnel.data.prepared import holds_prepared, open_prepared
from runnel.data.sources import Source, open_source
from runnel.data.stream import TokenStream, make_stream
from runnel.data.tokenizers import Tokenizer, make_tokenizer
from runnel.errors import InputError

MANY_DOCUMENTS = 100


@dataclass(frozen=True, eq=False)
class Corpus:
    """What is trained on and judged by, and where it comes from."""

    train: TokenStream
    validation: TokenStream
    tokenizer: Tokenizer
    name: str
    description: str
    sha256: str
    """over every document in reading order, training sources first: its UTF-8 text and a NUL"""
    documents: tuple[int, int]
    """number to train on, number to judge by"""
    bytes: int
    """UTF-8 bytes of the text, both parts, without separators"""
    config: DataConfig
    """what was asked for, with the tokenizer and the split that a prepared dataset really has"""


def open_corpus(config: DataConfig, tokenizer: Tokenizer | None = None, *, seed: int = 0) -> Corpus:
    """Read a corpus into memory, split it and turn it into tokens.

    Without a tokenizer one is made as the configuration says. `seed` is for a corpus that writes
    itself; the split has a seed of its own. InputError says in one line what is wrong.
    """
    if holds_prepared(config.source):
        return _open_prepared(config, tokenizer, seed)
    source = open_text(config, seed=seed)
    documents = list(source.train)
    judge = source.validation
    description = source.description
    if config.validation is not None:
        other = open_text(dataclasses.replace(config, source=config.validation), seed=seed)
        judge = other.validation if other.validation is not None else other.train
        description += f"; judged by {other.description}"
    if judge is None:
        sha256, size = _fingerprint(documents)
        train, validation, how = _split(documents, config)
        description += f"; {how}"
    else:
        train, validation = documents, list(judge)
        sha256, size = _fingerprint([*train, *validation])
    if tokenizer is None:
        # An alphabet is that of both parts; merges are learned from what is trained on.
        read = [*train, *validation] if config.tokenizer == "char" else train
        tokenizer = make_tokenizer(config.tokenizer, lambda: (d.text for d in read))
    return Corpus(
        train=make_stream(train, tokenizer),
        validation=make_stream(validation, tokenizer),
        tokenizer=tokenizer,
        name=source.name,
        description=description,
        sha256=sha256,
        documents=(count_documents(train), count_documents(validation)),
        bytes=size,
        config=config,
    )


def open_stream(config: DataConfig, tokenizer: Tokenizer, *, seed: int = 0) -> TokenStream:
    """All of a source, or its own validation text if it has any, as one stream to judge by."""
    if holds_prepared(config.source):
        return _open_prepared(config, tokenizer, seed).validation
    source = open_text(config, seed=seed)
    return make_stream(source.train if source.validation is None else source.validation, tokenizer)


def _open_prepared(config: DataConfig, tokenizer: Tokenizer | None, seed: int) -> Corpus:
    prepared = open_prepared(Path(config.source).expanduser(), tokenizer)
    validation = prepared.validation
    description = prepared.description
    if config.validation is not None:
        judge = dataclasses.replace(config, source=config.validation, validation=None)
        validation = open_stream(judge, prepared.tokenizer, seed=seed)
        description += f"; judged by {config.validation}"
    return Corpus(
        train=prepared.train,
        validation=validation,
        tokenizer=prepared.tokenizer,
        name=prepared.name,
        description=description,
        sha256=prepared.sha256,
        documents=prepared.documents,
        bytes=prepared.bytes,
        config=dataclasses.replace(config, **prepared.settings),
    )


def open_text(config: DataConfig, *, seed: int = 0) -> Source:
    """The documents of the configuration's source, which is no prepared dataset."""
    return open_source(
        config.source,
        field=config.field,
        separator=config.separator,
        megabytes=config.megabytes,
        seed=seed,
    )


def _split(
    documents: list[Document], config: DataConfig
) -> tuple[list[Document], list[Document], str]:
    kind = config.split
    if kind == "auto":
        kind = "documents" if count_documents(documents) >= MANY_DOCUMENTS else "tail"
    if kind == "documents":
        train, validation = split_documents(documents, config.held_out, make_key(config.split_seed))
        held, count = count_documents(validation), count_documents(documents)
        how = f"{held} of {count} documents held out (seed {config.split_seed})"
    else:
        train, validation = _split_tail(documents, config.held_out)
        how = f"the last {config.held_out:.0%} of the text held out"
    if not train or not validation:
        remedy = "data.split=tail" if kind == "documents" else "a source of its own to judge by"
        raise InputError(
            f"expected text to train on and text to judge by; got nothing for "
            f"{'validation' if train else 'training'} from {len(documents)} documents with "
            f"held_out={config.held_out}; give more text or {remedy}"
        )
    return train, validation, how


def count_documents(documents: Iterable[Document]) -> int:
    """How many there are; pieces that go on with another do not count."""
    return sum(not document.continued for document in documents)


def split_documents(
    documents: Sequence[Document], held_out: float, key: int
) -> tuple[list[Document], list[Document]]:
    """Draw the held-out documents by their numbers; pieces stay with what they go on with."""
    held_N = drawn(key, np.arange(len(documents), dtype=np.uint64), held_out)
    sides: tuple[list[Document], list[Document]] = ([], [])
    number = -1
    for document in documents:
        number += not document.continued
        sides[int(held_N[max(0, number)])].append(document)
    return sides


def _split_tail(
    documents: list[Document], held_out: float
) -> tuple[list[Document], list[Document]]:
    """Cut after so many characters, wherever in a document that is."""
    left = int(sum(len(document.text) for document in documents) * (1 - held_out))
    train: list[Document] = []
    for i, document in enumerate(documents):
        if left < len(document.text):
            rest = documents[i + 1 :]
            if left == 0:
                return train, [document._replace(continued=False), *rest]
            head = document._replace(text=document.text[:left], ended=False)
            tail = document._replace(text=document.text[left:], continued=False)
            return [*train, head], [tail, *rest]
        train.append(document)
        left -= len(document.text)
    return train, []


def _fingerprint(documents: Sequence[Document]) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    for i, document in enumerate(documents):
        data = document.text.encode()
        digest.update(data)
        if i + 1 == len(documents) or not documents[i + 1].continued:
            digest.update(b"\0")
        size += len(data)
    return digest.hexdigest(), size
