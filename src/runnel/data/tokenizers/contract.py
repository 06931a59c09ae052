"""What a tokenizer is: text to tokens and back, with one token that ends a text."""

# V vocabulary size, N tokens

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from runnel.errors import InputError

Tokens = npt.NDArray[Any]
"""uint16 where the vocabulary fits, uint32 elsewhere"""

FORMAT = 1


class Decoder(ABC):
    """Turns tokens into text one at a time; a character comes out once it is whole."""

    @abstractmethod
    def feed(self, token: int) -> str:
        """The text that this token completes; often one character, sometimes none."""

    @abstractmethod
    def finish(self) -> str:
        """What is left when no more tokens come: an unfinished character shows as U+FFFD."""


class Tokenizer(ABC):
    """Turns text into tokens and back."""

    name: str
    """its name in a recipe"""
    vocab_size: int
    """number of different tokens V"""
    end: int = 0
    """the token that ends a text; it is also the first one that a model reads"""
    token_bytes_V: npt.NDArray[np.int64]
    """UTF-8 bytes of each token; the end token counts as one byte of separator"""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest type of 16 or 32 bits that holds every token."""
        return np.dtype(np.uint16 if self.vocab_size <= 2**16 else np.uint32)

    @abstractmethod
    def encode(self, text: str) -> Tokens:
        """The tokens of a text, without an end token; InputError outside the vocabulary."""

    @abstractmethod
    def encode_joined(self, text: str) -> Tokens:
        """The tokens of texts joined by NUL, which becomes the end token; each reads as alone."""

    @abstractmethod
    def decode(self, tokens: Sequence[int] | npt.NDArray[Any]) -> str:
        """The text of some tokens: broken UTF-8 shows as U+FFFD, the end token as nothing."""

    @abstractmethod
    def decoder(self) -> Decoder:
        """A decoder for tokens that come one at a time; fed all of them, it equals `decode`."""

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """What tokenizer.json holds."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash((self.name, self.vocab_size))


def frozen(values_V: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The same array, from now on read-only."""
    values_V.setflags(write=False)
    return values_V


def checked(tokens: Sequence[int] | npt.NDArray[Any], vocab_size: int) -> npt.NDArray[Any]:
    """Tokens as an array; ValueError unless they are a row of numbers in the vocabulary."""
    tokens_N = np.asarray(tokens)
    if tokens_N.size == 0:
        return np.zeros(0, dtype=np.uint16)
    if tokens_N.ndim != 1 or tokens_N.dtype.kind not in "iu":
        raise ValueError(
            f"expected a list of tokens; got {tokens_N.dtype} of shape {tokens_N.shape}"
        )
    if tokens_N.min() < 0 or tokens_N.max() >= vocab_size:
        odd = tokens_N[(tokens_N < 0) | (tokens_N >= vocab_size)][0]
        raise ValueError(f"expected tokens in [0, {vocab_size}); got {odd}")
    return tokens_N


def check_token(token: int, vocab_size: int) -> None:
    """ValueError unless the token is in the vocabulary."""
    if not 0 <= token < vocab_size:
        raise ValueError(f"expected a token in [0, {vocab_size}); got {token}")


def encoded(text: str) -> bytes:
    """A text as UTF-8; InputError for lone surrogates, which have none."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise unknown(text, error.start, "Unicode text", "remove it") from None


def refuse_nul(text: str) -> None:
    """InputError for a text with NUL, which stands for the end of a text."""
    if "\0" in text:
        raise unknown(text, text.index("\0"), "text without NUL", "remove it")


def unknown(text: str, position: int, expected: str, remedy: str) -> InputError:
    """The error for a character that a tokenizer cannot read."""
    character = text[position]
    return InputError(
        f"expected {expected}; got {character!r} (U+{ord(character):04X}) at character "
        f"{position}; {remedy}"
    )
