"""Selective copying: find some tokens among noise and say them in order (Gu and Dao 2023)."""

# B sequences, T positions, N tokens to copy

import string
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.data.loader import Batch
from runnel.errors import InputError
from runnel.tasks.task import GeneratedTask, asked


@dataclass(frozen=True, kw_only=True)
class SelectiveCopying(GeneratedTask):
    """Tokens at random places among noise, to be said in order at the end."""

    name: ClassVar[str] = "selective-copying"
    source: ClassVar[str] = "Gu and Dao 2023, arXiv 2312.00752; settings of arXiv 2410.01201"

    length: int = 4096
    """positions of noise and tokens, before the answer"""
    copies: int = 16
    """tokens to copy"""
    vocabulary: int = 16
    """different tokens, noise and mark among them"""

    def __post_init__(self) -> None:
        if not 1 <= self.copies <= self.length:
            raise InputError(
                f"selective-copying wants 1 <= copies <= length; got copies={self.copies}, "
                f"length={self.length}"
            )
        if not 4 <= self.vocabulary <= 2 + len(string.ascii_letters):
            raise InputError(
                f"selective-copying wants a vocabulary of 4 to {2 + len(string.ascii_letters)}; "
                f"got {self.vocabulary}"
            )

    @property
    def alphabet(self) -> str:
        """Noise, the mark, and the letters to copy."""
        return ".=" + string.ascii_letters[: self.vocabulary - 2]

    def longest(self) -> int:
        """See `TrainableTask.longest`."""
        return 1 + self.length + self.copies

    def test_lengths(self) -> tuple[int, ...]:
        """See `GeneratedTask.test_lengths`."""
        return (self.length,)

    def draw(self, random: np.random.Generator, size: int, length: int | None = None) -> Batch:
        """See `GeneratedTask.draw`."""
        noise, mark = 1, 2
        length = length or self.length
        places_BN = np.argpartition(random.random((size, length)), self.copies - 1, axis=1)
        places_BN = np.sort(places_BN[:, : self.copies], axis=1)
        answer_BN = random.integers(mark + 1, self.vocabulary + 1, (size, self.copies))
        question_BT = np.full((size, length), noise, dtype=np.int64)
        np.put_along_axis(question_BT, places_BN, answer_BN, axis=1)
        return asked(question_BT, answer_BN, mark)
