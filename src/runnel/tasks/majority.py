"""Majority: which symbol of a string occurs most often?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.tasks.state_tracking import StateTracking
from runnel.tasks.task import Ints


@dataclass(frozen=True, kw_only=True)
class Majority(StateTracking):
    """The digit that a string has most of; of several the smallest."""

    name: ClassVar[str] = "majority"
    symbols: ClassVar[str] = "0123456789"

    def question(self, random: np.random.Generator, size: int, length: int) -> tuple[Ints, Ints]:
        """See `StateTracking.question`."""
        question_BT = random.integers(0, len(self.symbols), (size, length))
        counts_BV = (question_BT[:, :, None] == np.arange(len(self.symbols))).sum(axis=1)
        return question_BT, counts_BV.argmax(axis=1)[:, None]
