"""GPT-2's cut of a text into words (Radford et al. 2019), over whole arrays instead of by a regex.

The definition: 's|'t|'re|'ve|'m|'ll|'d| ?letters+| ?numbers+| ?others+|spaces+(?!nonspace)|spaces+
"""

# N characters, W words

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from runnel.data.tokenizers.unicode import LETTER, NUL, SPACE, classes

BLOCK = 2**18
"""characters of a piece; some hundred bytes of working memory each"""


@cache
def _table() -> npt.NDArray[np.uint8]:
    return classes()


def pieces(text: str) -> Iterator[str]:
    """A text in pieces of about BLOCK characters whose words are those of the whole text."""
    start = 0
    while len(text) - start > BLOCK:
        stop = _cut(text, start)
        yield text[start:stop]
        start = stop
    yield text[start:] if start else text


def word_starts(text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each word starts, in characters and in UTF-8 bytes; one more entry for the end.

    A NUL is a word of its own, and what stands between two reads as a text of its own.
    """
    codes_N = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    kinds_N = _table().take(codes_N, mode="clip")
    before_N = np.concatenate([np.array([NUL], dtype=np.uint8), kinds_N[:-1]])
    after_N = np.concatenate([kinds_N[1:], np.array([NUL], dtype=np.uint8)])
    blank_N = codes_N == ord(" ")
    after_blank_N = np.concatenate([np.zeros(1, dtype=np.bool_), blank_N[:-1]])
    # A run of one kind is a word, and takes one blank before it along; of white space the last
    # character stands apart when text follows.
    starts_N = (kinds_N != before_N) & ~after_blank_N
    starts_N |= (kinds_N == SPACE) & ((before_N != SPACE) | (after_N < SPACE))
    starts_N |= (kinds_N == NUL) | (after_blank_N & (kinds_N == NUL))
    _contract(codes_N, kinds_N, starts_N)
    starts_W = np.append(np.flatnonzero(starts_N), len(codes_N))
    if not len(codes_N) or int(codes_N.max()) < 0x80:
        return starts_W, starts_W
    # Bytes of UTF-8 before each character.
    widths_N = 1 + (codes_N >= 0x80) + (codes_N >= 0x800) + (codes_N >= 0x10000).astype(np.int64)
    return starts_W, np.concatenate([np.zeros(1, dtype=np.int64), widths_N.cumsum()])[starts_W]


def _contract(
    codes_N: npt.NDArray[np.uint32],
    kinds_N: npt.NDArray[np.uint8],
    starts_N: npt.NDArray[np.bool_],
) -> None:
    """Cut after 's, 't, 're, 've, 'm, 'll and 'd where the apostrophe starts a word."""
    size = len(codes_N)
    quotes_M = np.flatnonzero((codes_N == ord("'")) & starts_N)
    quotes_M = quotes_M[quotes_M + 1 < size]
    quotes_M = quotes_M[kinds_N[quotes_M + 1] == LETTER]
    first_M = codes_N[quotes_M + 1]
    second_M = codes_N[np.minimum(quotes_M + 2, size - 1)]
    second_M[quotes_M + 2 >= size] = 0
    length_M = np.isin(first_M, [ord(c) for c in "stmd"]).astype(np.int64)
    for pair in ("re", "ve", "ll"):
        length_M[(first_M == ord(pair[0])) & (second_M == ord(pair[1]))] = 2
    quotes_M, length_M = quotes_M[length_M > 0], length_M[length_M > 0]
    starts_N[quotes_M + 1] = False
    stops_M = quotes_M + 1 + length_M
    starts_N[stops_M[stops_M < size]] = True


def _cut(text: str, start: int) -> int:
    """A place near start + BLOCK where a blank follows what is none: no word crosses it."""
    for mark in " \n":
        stop = start + BLOCK
        while (stop := text.rfind(mark, start + 1, stop)) > 0:
            if not text[stop - 1].isspace():
                return stop
    for stop in range(start + BLOCK, len(text)):
        if text[stop] in " \n\0" and not text[stop - 1].isspace():
            return stop
    return len(text)
