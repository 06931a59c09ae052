"""Bucket sort: say the symbols of a string in their order."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.tasks.state_tracking import StateTracking
from runnel.tasks.task import Ints


@dataclass(frozen=True, kw_only=True)
class BucketSort(StateTracking):
    """The digits of a string, sorted."""

    name: ClassVar[str] = "bucket-sort"
    symbols: ClassVar[str] = "0123456789"

    def question(self, random: np.random.Generator, size: int, length: int) -> tuple[Ints, Ints]:
        """See `StateTracking.question`."""
        question_BT = random.integers(0, len(self.symbols), (size, length))
        return question_BT, np.sort(question_BT, axis=1)
