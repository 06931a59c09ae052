"""What the seven state-tracking tasks share: short to train on, longer to judge by.

The tasks are those of the minRNNs release, from Deletang et al. 2023 (arXiv 2207.02098) and Beck et
al. 2024 (xLSTM, arXiv 2405.04517): trained up to length 40, judged up to 256.
"""

# B sequences, T positions

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.data.loader import Batch
from runnel.errors import InputError
from runnel.tasks.task import GeneratedTask, Ints, asked

SOURCE = "Beck et al. 2024, arXiv 2405.04517"
MARK = "="


@dataclass(frozen=True, kw_only=True)
class StateTracking(GeneratedTask):
    """A string of symbols, and what has become of it."""

    symbols: ClassVar[str]
    """the characters that its questions and answers are made of"""
    source: ClassVar[str] = SOURCE

    length: int = 40
    """symbols of the longest string to train on"""
    beyond: tuple[int, ...] = (80, 160, 256)
    """lengths to judge at as well, beyond those of training"""
    tests: int = 512

    def __post_init__(self) -> None:
        if min(self.length, *self.beyond, self.length) < 4:
            raise InputError(
                f"{self.name} wants lengths of at least 4; got length={self.length}, "
                f"beyond={self.beyond}"
            )

    @property
    def alphabet(self) -> str:
        """The mark that asks for the answer, and the symbols."""
        return MARK + self.symbols

    @abstractmethod
    def question(self, random: np.random.Generator, size: int, length: int) -> tuple[Ints, Ints]:
        """Strings of a length (B, T) and their answers (B, N), as places in `symbols`."""

    def longest(self) -> int:
        """See `TrainableTask.longest`; the answer is at most as long as the string."""
        return 1 + 2 * self.length

    def test_lengths(self) -> tuple[int, ...]:
        """See `GeneratedTask.test_lengths`."""
        return (self.length, *self.beyond)

    def draw(self, random: np.random.Generator, size: int, length: int | None = None) -> Batch:
        """See `GeneratedTask.draw`: in training a batch has one length, 2 to the longest."""
        if length is None:
            length = int(random.integers(2, self.length + 1))
        question_BT, answer_BN = self.question(random, size, length)
        first = 2  # after the end token and the mark
        return asked(question_BT + first, answer_BN + first, 1)
