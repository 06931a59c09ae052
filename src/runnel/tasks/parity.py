"""Parity: is the number of b in a string even?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.tasks.state_tracking import StateTracking
from runnel.tasks.task import Ints


@dataclass(frozen=True, kw_only=True)
class Parity(StateTracking):
    """A string of a and b: 0 if the number of b is even, else 1."""

    name: ClassVar[str] = "parity"
    symbols: ClassVar[str] = "01" + "ab"

    def question(self, random: np.random.Generator, size: int, length: int) -> tuple[Ints, Ints]:
        """See `StateTracking.question`."""
        letters_BT = random.integers(0, 2, (size, length))
        return letters_BT + 2, letters_BT.sum(axis=1, keepdims=True) % 2
