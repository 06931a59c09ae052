"""Multi-query associative recall: say the value of a key seen before (arXiv 2312.04927)."""

# B sequences, T positions, P pairs

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.data.loader import IGNORED, Batch
from runnel.errors import InputError
from runnel.tasks.task import GeneratedTask

_FIRST = 0x4E00  # characters of which there are enough
_POWER = 0.01


@dataclass(frozen=True, kw_only=True)
class AssociativeRecall(GeneratedTask):
    """Pairs of key and value, then each key once more among fillers: the value is asked for."""

    name: ClassVar[str] = "associative-recall"
    source: ClassVar[str] = "Arora et al. 2023 (Zoology), arXiv 2312.04927"

    length: int = 64
    """positions of pairs, fillers and queries"""
    pairs: int = 4
    """keys with a value, each asked for once"""
    vocabulary: int = 8192
    """different tokens, half of them keys and half values; token 1 is the filler"""

    def __post_init__(self) -> None:
        if not 1 <= 4 * self.pairs <= self.length:
            raise InputError(
                f"associative-recall wants 4 * pairs <= length; got pairs={self.pairs}, "
                f"length={self.length}"
            )
        if not 2 * self.pairs + 4 <= self.vocabulary <= 20_000:
            raise InputError(
                "associative-recall wants a vocabulary of 2 * pairs + 4 to 20,000; got "
                f"vocabulary={self.vocabulary}, pairs={self.pairs}"
            )

    @property
    def alphabet(self) -> str:
        """The filler, keys and values."""
        return "." + "".join(chr(_FIRST + i) for i in range(self.vocabulary - 1))

    def longest(self) -> int:
        """See `TrainableTask.longest`."""
        return 1 + self.length

    def test_lengths(self) -> tuple[int, ...]:
        """See `GeneratedTask.test_lengths`."""
        return (self.length,)

    def draw(self, random: np.random.Generator, size: int, length: int | None = None) -> Batch:
        """See `GeneratedTask.draw`: near queries are likelier than far ones, as in the source."""
        length = length or self.length
        half = self.vocabulary // 2
        key_BP = 2 + _distinct(random, size, half - 1, self.pairs)
        value_BP = 1 + half + _distinct(random, size, half - 1, self.pairs)
        slots = (length - 2 * self.pairs) // 2
        weight_S = _POWER * np.arange(1, slots + 1, dtype=np.float64) ** (_POWER - 1)
        # Gumbel's trick: the largest perturbed logarithms are a weighted draw without replacement.
        score_BS = np.log(weight_S) + random.gumbel(size=(size, slots))
        slot_BP = np.argsort(-score_BS, axis=1)[:, : self.pairs]
        query_BP = 1 + 2 * self.pairs + 2 * slot_BP
        tokens_BT = np.ones((size, 1 + length), dtype=np.int64)
        tokens_BT[:, 0] = 0
        tokens_BT[:, 1 : 1 + 2 * self.pairs : 2] = key_BP
        tokens_BT[:, 2 : 2 + 2 * self.pairs : 2] = value_BP
        np.put_along_axis(tokens_BT, query_BP, key_BP, axis=1)
        targets_BT = np.full_like(tokens_BT, IGNORED)
        np.put_along_axis(targets_BT, query_BP, value_BP, axis=1)
        return Batch(tokens_BT, targets_BT, np.zeros(tokens_BT.shape, dtype=np.bool_))


def _distinct(
    random: np.random.Generator, rows: int, below: int, count: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """In each row `count` different numbers below a bound."""
    return np.argpartition(random.random((rows, below)), count - 1, axis=1)[:, :count]
