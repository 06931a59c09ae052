"""Even pairs: is the number of neighbours that differ even?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.tasks.state_tracking import StateTracking
from runnel.tasks.task import Ints


@dataclass(frozen=True, kw_only=True)
class EvenPairs(StateTracking):
    """A string of a and b: 0 if the pairs ab and ba in it are even in number, else 1."""

    name: ClassVar[str] = "even-pairs"
    symbols: ClassVar[str] = "01" + "ab"

    def question(self, random: np.random.Generator, size: int, length: int) -> tuple[Ints, Ints]:
        """See `StateTracking.question`."""
        letters_BT = random.integers(0, 2, (size, length))
        pairs_B1 = np.abs(np.diff(letters_BT, axis=1)).sum(axis=1, keepdims=True)
        return letters_BT + 2, pairs_B1 % 2
