"""Tokenizers: text to tokens and back; bytes or characters, with one token that ends a text."""

# V vocabulary size, N tokens

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from runnel.errors import InputError

Tokens = npt.NDArray[np.uint16]

FORMAT = 1
MOST_CHARACTERS = 2**16 - 1
_BLOCK = 2**16


class Decoder(ABC):
    """Turns tokens into text one at a time; a character comes out once it is whole."""

    @abstractmethod
    def feed(self, token: int) -> str:
        """The text that this token completes; often one character, sometimes none."""

    @abstractmethod
    def finish(self) -> str:
        """What is left when no more tokens come: an unfinished character shows as U+FFFD."""


class Tokenizer(ABC):
    """Turns text into tokens (uint16) and back."""

    name: str
    """its name in a recipe"""
    vocab_size: int
    """number of different tokens V"""
    end: int = 0
    """the token that ends a text; it is also the first one that a model reads"""
    token_bytes_V: npt.NDArray[np.int64]
    """UTF-8 bytes of each token; the end token counts as one byte of separator"""

    @abstractmethod
    def encode(self, text: str) -> Tokens:
        """The tokens of a text, without an end token; InputError outside the vocabulary."""

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


@final
class ByteTokenizer(Tokenizer):
    """Every UTF-8 byte is a token; NUL, which never occurs in text, is the end of a text."""

    def __init__(self) -> None:
        self.name = "byte"
        self.vocab_size = 256
        self.token_bytes_V = _frozen(np.ones(256, dtype=np.int64))

    def encode(self, text: str) -> Tokens:
        """The UTF-8 bytes of a text; NUL and lone surrogates are refused."""
        if "\0" in text:
            raise _unknown(text, text.index("\0"), "text without NUL", "remove it")
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise _unknown(text, error.start, "Unicode text", "remove it") from None
        return np.frombuffer(data, dtype=np.uint8).astype(np.uint16)

    def decode(self, tokens: Sequence[int] | npt.NDArray[Any]) -> str:
        """The text of some bytes, broken UTF-8 replaced."""
        data = _checked(tokens, 256).astype(np.uint8).tobytes()
        # NUL is dropped last, so that it parts the bytes on its sides as a text's end does.
        return data.decode("utf-8", "replace").replace("\0", "")

    def decoder(self) -> Decoder:
        """A decoder that holds back the bytes of an unfinished character."""
        return _ByteDecoder()

    def to_plain(self) -> dict[str, Any]:
        """What tokenizer.json holds."""
        return {"format": FORMAT, "type": "byte"}


@final
class CharTokenizer(Tokenizer):
    """Every character of a known alphabet is a token; 0 is the end of a text."""

    def __init__(self, characters: Sequence[str], unknown: str | None = None) -> None:
        """`unknown` is the character that all outside the alphabet are read as, if any is."""
        if not 1 <= len(characters) <= MOST_CHARACTERS:
            raise InputError(
                f"expected an alphabet of 1 to {MOST_CHARACTERS} characters; got "
                f"{len(characters)}; use the byte tokenizer, which reads any text"
            )
        for i, character in enumerate(characters):
            if not isinstance(character, str) or len(character) != 1 or not _is_text(character):
                raise InputError(
                    "expected an alphabet of single characters other than NUL and surrogates; "
                    f"got {str(character)[:20]!r} at place {i}; make the tokenizer again"
                )
        if len(set(characters)) != len(characters):
            raise InputError(
                f"expected an alphabet without repetition; got {len(characters)} characters of "
                f"which {len(set(characters))} differ; make the tokenizer again"
            )
        if unknown is not None and unknown not in characters:
            raise InputError(
                f"expected unknown to be a character of the alphabet; got {str(unknown)[:20]!r}"
            )
        self.name = "char"
        self.vocab_size = 1 + len(characters)
        self.characters = tuple(characters)
        self.unknown = unknown
        self._codes_V = np.array([0, *map(ord, characters)], dtype=np.uint32)
        # One entry more than the highest code point, to which all beyond are clipped: unknown.
        self._ids = np.zeros(int(self._codes_V.max()) + 2, dtype=np.uint16)
        if unknown is not None:
            self._ids[:] = 1 + self.characters.index(unknown)
        self._ids[self._codes_V[1:]] = np.arange(1, self.vocab_size)
        self.token_bytes_V = _frozen(
            np.array([1, *(len(c.encode()) for c in characters)], dtype=np.int64)
        )

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "CharTokenizer":
        """The tokenizer of the sorted distinct characters of some texts."""
        characters: set[str] = set()
        for text in texts:
            characters.update(text)
        return cls(sorted(characters))

    def encode(self, text: str) -> Tokens:
        """The places of a text's characters in the alphabet, counted from 1."""
        tokens_N = np.empty(len(text), dtype=np.uint16)
        # In blocks, because the four bytes and the eight of an index would weigh on long texts.
        for start in range(0, len(text), _BLOCK):
            block = text[start : start + _BLOCK]
            codes_M = np.frombuffer(block.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
            ids_M = self._ids.take(codes_M, mode="clip")
            if not ids_M.all():
                raise _unknown(
                    text,
                    start + int(ids_M.argmin()),
                    f"text of the tokenizer's {len(self.characters)} characters",
                    "replace it, or use the byte tokenizer, which reads any text",
                )
            tokens_N[start : start + len(block)] = ids_M
        return tokens_N

    def decode(self, tokens: Sequence[int] | npt.NDArray[Any]) -> str:
        """The characters of some tokens."""
        codes_N = self._codes_V[_checked(tokens, self.vocab_size)]
        return str(codes_N[codes_N != 0].tobytes(), "utf-32-le")

    def decoder(self) -> Decoder:
        """A decoder that gives a character for every token but the end."""
        return _CharDecoder(self.characters)

    def to_plain(self) -> dict[str, Any]:
        """What tokenizer.json holds."""
        plain = {"format": FORMAT, "type": "char", "characters": list(self.characters)}
        return plain if self.unknown is None else plain | {"unknown": self.unknown}


@final
class _ByteDecoder(Decoder):
    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        if not 0 <= token < 256:
            raise ValueError(f"expected a token in [0, 256); got {token}")
        return self._decoder.decode(bytes((token,))).replace("\0", "")

    def finish(self) -> str:
        return self._decoder.decode(b"", True)


@final
class _CharDecoder(Decoder):
    def __init__(self, characters: tuple[str, ...]) -> None:
        self._texts_V = ("", *characters)

    def feed(self, token: int) -> str:
        if not 0 <= token < len(self._texts_V):
            raise ValueError(f"expected a token in [0, {len(self._texts_V)}); got {token}")
        return self._texts_V[token]

    def finish(self) -> str:
        return ""


def tokenizer_from_plain(plain: object) -> Tokenizer:
    """The tokenizer that `to_plain` described; InputError for anything else."""
    what = "tokenizer.json"
    if not isinstance(plain, dict):
        raise InputError(f"{what}: expected a JSON object; got {type(plain).__name__}")
    version, kind = plain.get("format"), plain.get("type")
    if type(version) is not int or version != FORMAT:
        newer = type(version) is int and version > FORMAT
        raise InputError(
            f"{what}: expected format {FORMAT}; got {str(version)[:20]!r}; "
            + ("update runnel" if newer else "take it from the run directory again")
        )
    expected = {"byte": {"format", "type"}, "char": {"format", "type", "characters"}}
    if not isinstance(kind, str) or kind not in expected:
        raise InputError(f"{what}: expected the type byte or char; got {str(kind)[:20]!r}")
    if plain.keys() - ({"unknown"} if kind == "char" else set()) != expected[kind]:
        odd = sorted(str(key)[:20] for key in plain.keys() ^ expected[kind])[0]
        raise InputError(
            f"{what}: expected the fields {', '.join(sorted(expected[kind]))}; got "
            f"{'a surplus' if odd in plain else 'no'} {odd!r}"
        )
    if kind == "byte":
        return ByteTokenizer()
    characters = plain["characters"]
    if not isinstance(characters, list):
        raise InputError(f"{what}: expected a list of characters; got {type(characters).__name__}")
    try:
        return CharTokenizer(characters, plain.get("unknown"))
    except InputError as error:
        raise InputError(f"{what}: {error}") from None


def _is_text(character: str) -> bool:
    return character != "\0" and not 0xD800 <= ord(character) < 0xE000


def _frozen(values_V: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    values_V.setflags(write=False)
    return values_V


def _checked(tokens: Sequence[int] | npt.NDArray[Any], vocab_size: int) -> npt.NDArray[Any]:
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


def _unknown(text: str, position: int, expected: str, remedy: str) -> InputError:
    character = text[position]
    return InputError(
        f"expected {expected}; got {character!r} (U+{ord(character):04X}) at character "
        f"{position}; {remedy}"
    )
