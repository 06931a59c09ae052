"""Documents as one stream of tokens, in memory or mapped from shards."""

# N tokens of a stream, V vocabulary, B windows, T tokens of a window

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from runnel.data.documents import Document
from runnel.data.tokenizers import Tokenizer, Tokens
from runnel.errors import InputError

_BLOCK = 2**16


class TokenArray(Protocol):
    """A row of tokens: an array, or one that is read from disk where it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: slice, /) -> Tokens:
        """The tokens of a part, in memory."""
        ...


class WindowArray(TokenArray, Protocol):
    """A row of tokens that gathers many windows at once."""

    def windows(self, starts_B: npt.NDArray[np.int64], length: int) -> Tokens:
        """The windows of so many tokens (B, T) that begin at the given places."""
        ...


@dataclass(frozen=True, eq=False)
class TokenStream:
    """Documents one after the other: end, first document, end, second document, and so on.

    Every document has an end token before it, which is the first thing that a model reads of it;
    the last one is followed by an end token if it is known to be whole.
    """

    tokens_N: Any
    """an array, or a TokenArray whose slices are arrays"""
    end: int
    """a document starts after this token, so state is reset where it is read"""
    bytes: int
    """UTF-8 bytes of all tokens; an end token counts as one"""

    def __len__(self) -> int:
        return len(self.tokens_N)

    def windows(self, starts_B: npt.NDArray[np.int64], length: int) -> Tokens:
        """The windows of so many tokens (B, T) that begin at the given places."""
        if isinstance(self.tokens_N, np.ndarray):
            view_NT = np.lib.stride_tricks.sliding_window_view(self.tokens_N, length)
            return view_NT[starts_B]
        mapped: WindowArray = self.tokens_N
        return mapped.windows(starts_B, length)


def make_stream(documents: Iterable[Document], tokenizer: Tokenizer) -> TokenStream:
    """Lay documents out as one stream of tokens."""
    end_1 = np.array([tokenizer.end], dtype=tokenizer.dtype)
    pieces: list[Tokens] = []
    ended = False
    for document in documents:
        try:
            tokens_M = tokenizer.encode(document.text)
        except InputError as error:
            raise InputError(f"{document.id}: {error}") from None
        pieces += [tokens_M] if document.continued and pieces else [end_1, tokens_M]
        ended = document.ended
    if not pieces:
        raise InputError("expected at least one document; got none; give a source with text")
    if ended:
        pieces.append(end_1)
    tokens_N = np.concatenate(pieces)
    return TokenStream(tokens_N, tokenizer.end, count_bytes(tokens_N, tokenizer.token_bytes_V))


def count_bytes(tokens_N: Tokens, token_bytes_V: npt.NDArray[np.int64]) -> int:
    """The UTF-8 bytes that some tokens stand for."""
    if int(token_bytes_V.max()) == 1:
        return len(tokens_N)
    # In blocks, because counting makes eight bytes of every token.
    total = 0
    for start in range(0, len(tokens_N), _BLOCK):
        counts_V = np.bincount(tokens_N[start : start + _BLOCK], minlength=len(token_bytes_V))
        total += int(counts_V @ token_bytes_V)
    return total
