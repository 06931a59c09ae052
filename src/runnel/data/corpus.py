"""A corpus ready for a model: documents in, one stream of tokens to train and one to judge by."""

# N tokens of a stream, V vocabulary

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runnel.data.config import DataConfig
from runnel.data.documents import Document
from runnel.data.hashing import draw, make_key
from runnel.data.sources import Source, open_source
from runnel.data.tokenizers import ByteTokenizer, CharTokenizer, Tokenizer, Tokens
from runnel.errors import InputError

_MANY_DOCUMENTS = 100
_BLOCK = 2**16


@dataclass(frozen=True, eq=False)
class TokenStream:
    """Documents one after the other: end, first document, end, second document, and so on.

    Every document has an end token before it, which is the first thing that a model reads of it;
    the last one is followed by an end token if it is known to be whole.
    """

    tokens_N: Tokens
    end: int
    """a document starts after this token, so state is reset where it is read"""
    bytes: int
    """UTF-8 bytes of all tokens; an end token counts as one"""

    def __len__(self) -> int:
        return len(self.tokens_N)


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


def open_corpus(config: DataConfig, tokenizer: Tokenizer | None = None, *, seed: int = 0) -> Corpus:
    """Read a corpus into memory, split it and turn it into tokens.

    Without a tokenizer one is made as the configuration says. `seed` is for a corpus that writes
    itself; the split has a seed of its own. InputError says in one line what is wrong.
    """
    source = _open(config, config.source, seed)
    documents = list(source.train)
    judge = source.validation
    description = source.description
    if config.validation is not None:
        other = _open(config, config.validation, seed)
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
        tokenizer = _make_tokenizer(config.tokenizer, [*train, *validation])
    return Corpus(
        train=make_stream(train, tokenizer),
        validation=make_stream(validation, tokenizer),
        tokenizer=tokenizer,
        name=source.name,
        description=description,
        sha256=sha256,
        documents=(len(train), len(validation)),
        bytes=size,
    )


def open_stream(config: DataConfig, tokenizer: Tokenizer, *, seed: int = 0) -> TokenStream:
    """All of a source, or its own validation text if it has any, as one stream to judge by."""
    source = _open(config, config.source, seed)
    return make_stream(source.train if source.validation is None else source.validation, tokenizer)


def make_stream(documents: Iterable[Document], tokenizer: Tokenizer) -> TokenStream:
    """Lay documents out as one stream of tokens."""
    end_1 = np.array([tokenizer.end], dtype=np.uint16)
    pieces = []
    ended = False
    for document in documents:
        try:
            pieces += [end_1, tokenizer.encode(document.text)]
        except InputError as error:
            raise InputError(f"{document.id}: {error}") from None
        ended = document.ended
    if not pieces:
        raise InputError("expected at least one document; got none; give a source with text")
    if ended:
        pieces.append(end_1)
    tokens_N = np.concatenate(pieces)
    return TokenStream(tokens_N, tokenizer.end, _count_bytes(tokens_N, tokenizer.token_bytes_V))


def _open(config: DataConfig, source: str, seed: int) -> Source:
    return open_source(
        source,
        field=config.field,
        separator=config.separator,
        megabytes=config.megabytes,
        seed=seed,
    )


def _make_tokenizer(name: str, documents: Sequence[Document]) -> Tokenizer:
    match name:
        case "byte":
            return ByteTokenizer()
        case "char":
            return CharTokenizer.of_texts(document.text for document in documents)
    raise InputError(f"expected the tokenizer byte or char; got {name!r}; choose one of them")


def _split(
    documents: list[Document], config: DataConfig
) -> tuple[list[Document], list[Document], str]:
    kind = config.split
    if kind == "auto":
        kind = "documents" if len(documents) >= _MANY_DOCUMENTS else "tail"
    if kind == "documents":
        train, validation = _split_documents(documents, config.held_out, config.split_seed)
        how = f"{len(validation)} of {len(documents)} documents held out (seed {config.split_seed})"
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


def _split_documents(
    documents: list[Document], held_out: float, seed: int
) -> tuple[list[Document], list[Document]]:
    bits_N = draw(make_key(seed), np.arange(len(documents), dtype=np.uint64))
    held_N = bits_N < np.uint64(min(int(held_out * 2**64), 2**64 - 1))
    sides: tuple[list[Document], list[Document]] = ([], [])
    for document, held in zip(documents, held_N.tolist(), strict=True):
        sides[held].append(document)
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
                return train, [document, *rest]
            head = Document(document.text[:left], document.id, False)
            tail = Document(document.text[left:], document.id, document.ended)
            return [*train, head], [tail, *rest]
        train.append(document)
        left -= len(document.text)
    return train, []


def _fingerprint(documents: Sequence[Document]) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    for document in documents:
        data = document.text.encode()
        digest.update(data)
        digest.update(b"\0")
        size += len(data)
    return digest.hexdigest(), size


def _count_bytes(tokens_N: Tokens, token_bytes_V: npt.NDArray[np.int64]) -> int:
    # In blocks, because counting makes eight bytes of every token.
    total = 0
    for start in range(0, len(tokens_N), _BLOCK):
        counts_V = np.bincount(tokens_N[start : start + _BLOCK], minlength=len(token_bytes_V))
        total += int(counts_V @ token_bytes_V)
    return total
