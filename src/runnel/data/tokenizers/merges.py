"""Byte-pair merges (Gage 1994; Sennrich et al. 2016): a vocabulary that follows from its merges."""

import heapq
import re
from collections.abc import Iterable, Sequence

from runnel.errors import InputError

MOST_MERGES = 150_000
LONGEST = 1024
"""bytes of a token"""

BYTES = (*range(33, 127), *range(161, 173), *range(174, 256))
"""the bytes that GPT-2's files write as themselves; they come first in its vocabulary"""
ORDER = (*BYTES, *(byte for byte in range(256) if byte not in BYTES))
"""the byte that each of the first 256 tokens stands for"""
SYMBOLS = {
    chr(byte) if byte in BYTES else chr(256 + i - len(BYTES)): i for i, byte in enumerate(ORDER)
}
"""how GPT-2's files write each of the first 256 tokens"""

_MERGE = re.compile(r"(\d{1,6}) (\d{1,6})", re.ASCII)


class Merges:
    """The 256 bytes, then what each merge makes of two earlier tokens, in order."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        if len(pairs) > MOST_MERGES:
            raise InputError(f"expected at most {MOST_MERGES} merges; got {len(pairs)}")
        self.pairs = tuple(pairs)
        self.pieces = [bytes((byte,)) for byte in ORDER]
        """the bytes of each token"""
        known = {piece: token for token, piece in enumerate(self.pieces)}
        self._ranks: dict[tuple[int, int], int] = {}
        self._made: list[int] = []
        for rank, (left, right) in enumerate(pairs):
            size = len(self.pieces)
            if not (0 <= left < size and 0 <= right < size):
                raise InputError(
                    f"expected merges of tokens made before them; got {left} {right} as merge "
                    f"{rank}, before which there are {size}"
                )
            piece = self.pieces[left] + self.pieces[right]
            if len(piece) > LONGEST or (left, right) in self._ranks:
                fault = "a repeated one" if len(piece) <= LONGEST else f"{len(piece)} bytes"
                raise InputError(
                    f"expected different merges that make at most {LONGEST} bytes; got {fault} "
                    f"as merge {rank}"
                )
            # Two merges may make the same piece of different halves: it stays one token.
            if piece not in known:
                known[piece] = size
                self.pieces.append(piece)
            self._ranks[left, right] = rank
            self._made.append(known[piece])
        self._tokens = [ORDER.index(byte) for byte in range(256)]

    def apply(self, word: bytes) -> list[int]:
        """The tokens of one word: the earliest merge first, from the left, until none is left."""
        ranks, tokens = self._ranks, [self._tokens[byte] for byte in word]
        size = len(tokens)
        following = list(range(1, size + 1))
        preceding = list(range(-1, size - 1))
        heap = [
            (rank, i) for i in range(size - 1)
            if (rank := ranks.get((tokens[i], tokens[i + 1]))) is not None
        ]  # fmt: skip
        heapq.heapify(heap)
        while heap:
            rank, i = heapq.heappop(heap)
            j = following[i]
            # What stood here when it was pushed may have been merged since.
            if tokens[i] < 0 or j >= size or (tokens[i], tokens[j]) != self.pairs[rank]:
                continue
            tokens[i], tokens[j] = self._made[rank], -1
            k = following[i] = following[j]
            if k < size:
                preceding[k] = i
                if (rank_k := ranks.get((tokens[i], tokens[k]))) is not None:
                    heapq.heappush(heap, (rank_k, i))
            h = preceding[i]
            if h >= 0 and (rank_h := ranks.get((tokens[h], tokens[i]))) is not None:
                heapq.heappush(heap, (rank_h, h))
        return [token for token in tokens if token >= 0]

    def lines(self) -> list[str]:
        """Each merge as the numbers of the two tokens that it joins."""
        return [f"{left} {right}" for left, right in self.pairs]


def merges_of_lines(lines: Sequence[object]) -> Merges:
    """The merges that `lines` gave; InputError for anything else."""
    if len(lines) > MOST_MERGES:
        raise InputError(f"expected at most {MOST_MERGES} merges; got {len(lines)}")
    pairs = []
    for rank, line in enumerate(lines):
        match = _MERGE.fullmatch(line) if isinstance(line, str) else None
        if match is None:
            raise InputError(f"expected two tokens; got {str(line)[:40]!r} as merge {rank}")
        pairs.append((int(match[1]), int(match[2])))
    return Merges(pairs)


def merges_of_symbols(merges: Iterable[tuple[str, str]]) -> Merges:
    """Merges from the notation of GPT-2's files, such as `Ġ t`."""
    known = dict(SYMBOLS)
    pairs = []
    for rank, (left, right) in enumerate(merges):
        for half in (left, right):
            if half not in known:
                raise InputError(
                    f"expected merges of symbols made before them; got {half[:40]!r} in merge "
                    f"{rank}"
                )
        pairs.append((known[left], known[right]))
        known.setdefault(left + right, len(known))
    return Merges(pairs)
