"""The tokens of words seen before, found for a whole text at once."""

# W words of a text, U words of it that are unknown, N tokens

from array import array
from collections.abc import Callable
from typing import Any, final

import numpy as np
import numpy.typing as npt

_BITS = 18
_MOST_SHORT = 2**16
_MOST_LONG = 2**17
_MOST_TOKENS = 2**20
_MOST_BYTES = 2**24
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SHORT = 7


@final
class WordStore:
    """Remembers the tokens of words; forgets all of them when they have become too many.

    Words of up to seven bytes are exact 64-bit keys of an open-addressing table, which numpy
    searches for all words of a text in a few passes; longer ones are looked up one by one.
    """

    def __init__(self, tokens_of: Callable[[bytes], list[int]]) -> None:
        self._tokens_of = tokens_of
        self._forget()

    def tokens(
        self, data: bytes, starts_W: npt.NDArray[np.int64], dtype: np.dtype[Any]
    ) -> npt.NDArray[Any]:
        """The tokens of the words that start at the given bytes; the last entry is the end."""
        if (
            self._short > _MOST_SHORT
            or len(self._long) > _MOST_LONG
            or len(self._flat) > _MOST_TOKENS
            or self._bytes > _MOST_BYTES
        ):
            self._forget()
        begin_W, length_W = starts_W[:-1], np.diff(starts_W)
        number_W = np.empty(len(begin_W), dtype=np.int64)
        short_W = length_W <= _SHORT
        number_W[short_W] = self._find_short(data, begin_W[short_W], length_W[short_W])
        long_M = np.flatnonzero(~short_W)
        find = self._find_long
        number_W[long_M] = [
            find(data[a:b])
            for a, b in zip(begin_W[long_M].tolist(), starts_W[long_M + 1].tolist(), strict=True)
        ]
        # Views of the lists, which cannot grow while these exist.
        first_V = np.frombuffer(self._first, dtype=np.int64)
        count_W = np.diff(first_V)[number_W]
        # Each word's tokens are a run of the flat list; runs of all words, one after the other.
        ends_W = count_W.cumsum()
        total = int(ends_W[-1]) if len(ends_W) else 0
        place_N = np.repeat(first_V[number_W] - (ends_W - count_W), count_W) + np.arange(total)
        return np.frombuffer(self._flat, dtype=np.uint32)[place_N].astype(dtype)

    def _find_short(
        self, data: bytes, begin_W: npt.NDArray[np.int64], length_W: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        # Eight bytes from every place on, read as one number.
        padded = data + bytes(8)
        eight_N: npt.NDArray[np.uint64] = np.ndarray(
            (len(data) + 1,), dtype="<u8", buffer=padded, strides=(1,)
        )
        size_W = length_W.astype(np.uint64)
        keys_W = eight_N[begin_W] & ((np.uint64(1) << (size_W << np.uint64(3))) - np.uint64(1))
        keys_W |= size_W << np.uint64(56)
        number_W, unknown_U = self._search(keys_W)
        if len(unknown_U):
            _, first_U = np.unique(keys_W[unknown_U], return_index=True)
            for at in np.sort(unknown_U[first_U]).tolist():
                start = int(begin_W[at])
                self._insert(int(keys_W[at]), data[start : start + int(length_W[at])])
            number_W[unknown_U] = self._search(keys_W[unknown_U])[0]
        return number_W

    def _search(
        self, keys_W: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The words' numbers, and the places of those that are not in the table."""
        slot_W = ((keys_W * _GOLDEN) >> np.uint64(64 - _BITS)).astype(np.int64)
        found_W = self._keys[slot_W]
        number_W = self._numbers[slot_W]
        other_U = np.flatnonzero(found_W != keys_W)
        unknown = []
        while len(other_U):
            empty_U = self._keys[slot_W[other_U]] == 0
            unknown.append(other_U[empty_U])
            other_U = other_U[~empty_U]
            slot_W[other_U] = (slot_W[other_U] + 1) % len(self._keys)
            slots_U = slot_W[other_U]
            number_W[other_U] = self._numbers[slots_U]
            other_U = other_U[self._keys[slots_U] != keys_W[other_U]]
        return number_W, np.concatenate(unknown) if unknown else np.zeros(0, dtype=np.int64)

    def _insert(self, key: int, word: bytes) -> None:
        self._put(key, self._add(word))
        self._short += 1

    def _put(self, key: int, number: int) -> None:
        size = len(self._keys)
        slot = ((key * int(_GOLDEN)) & (2**64 - 1)) >> (64 - _BITS)
        while self._keys[slot]:
            slot = (slot + 1) % size
        self._keys[slot] = key
        self._numbers[slot] = number

    def _find_long(self, word: bytes) -> int:
        number = self._long.get(word)
        if number is None:
            number = self._long[word] = self._add(word)
        return number

    def _add(self, word: bytes) -> int:
        self._flat.extend(self._tokens_of(word))
        self._bytes += len(word)
        self._first.append(len(self._flat))
        return len(self._first) - 2

    def _forget(self) -> None:
        self._keys = np.zeros(2**_BITS, dtype=np.uint64)
        self._numbers = np.zeros(2**_BITS, dtype=np.int64)
        self._short = 0
        self._long: dict[bytes, int] = {}
        self._flat = array("I")
        self._first = array("q", [0])
        self._bytes = 0
