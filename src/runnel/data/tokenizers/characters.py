"""The character tokenizer: every character of a known alphabet is a token."""

# V vocabulary size, N tokens, M characters of a block

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from runnel.data.tokenizers.contract import (
    FORMAT,
    Decoder,
    Tokenizer,
    Tokens,
    check_token,
    checked,
    frozen,
)
from runnel.data.tokenizers.contract import (
    unknown as outside,
)
from runnel.errors import InputError

MOST_CHARACTERS = 2**16 - 1
_BLOCK = 2**16


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
        self._ids[self._codes_V] = np.arange(self.vocab_size)
        self.token_bytes_V = frozen(
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
        if "\0" in text:
            if self.unknown is None:
                self._refuse(text, text.index("\0"))
            text = text.replace("\0", self.unknown or "")
        return self.encode_joined(text)

    def encode_joined(self, text: str) -> Tokens:
        """The same for texts joined by NUL, which is 0."""
        tokens_N = np.empty(len(text), dtype=np.uint16)
        # In blocks, because the four bytes and the eight of an index would weigh on long texts.
        for start in range(0, len(text), _BLOCK):
            block = text[start : start + _BLOCK]
            codes_M = np.frombuffer(block.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
            ids_M = self._ids.take(codes_M, mode="clip")
            if not ids_M.all() and (odd_M := (ids_M == 0) & (codes_M != 0)).any():
                self._refuse(text, start + int(odd_M.argmax()))
            tokens_N[start : start + len(block)] = ids_M
        return tokens_N

    def decode(self, tokens: Sequence[int] | npt.NDArray[Any]) -> str:
        """The characters of some tokens."""
        codes_N = self._codes_V[checked(tokens, self.vocab_size)]
        return str(codes_N[codes_N != 0].tobytes(), "utf-32-le")

    def decoder(self) -> Decoder:
        """A decoder that gives a character for every token but the end."""
        return _CharDecoder(self.characters)

    def to_plain(self) -> dict[str, Any]:
        """What tokenizer.json holds."""
        plain = {"format": FORMAT, "type": "char", "characters": list(self.characters)}
        return plain if self.unknown is None else plain | {"unknown": self.unknown}

    def _refuse(self, text: str, place: int) -> None:
        raise outside(
            text,
            place,
            f"text of the tokenizer's {len(self.characters)} characters",
            "replace it, or use the byte tokenizer, which reads any text",
        )


@final
class _CharDecoder(Decoder):
    def __init__(self, characters: tuple[str, ...]) -> None:
        self._texts_V = ("", *characters)

    def feed(self, token: int) -> str:
        check_token(token, len(self._texts_V))
        return self._texts_V[token]

    def finish(self) -> str:
        return ""


def _is_text(character: str) -> bool:
    return character != "\0" and not 0xD800 <= ord(character) < 0xE000
