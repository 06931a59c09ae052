"""Majority count: how often does the most frequent symbol of a string occur?"""

import string
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.tasks.state_tracking import StateTracking
from runnel.tasks.task import Ints

_COUNTS = 64
_LETTERS = string.ascii_letters + string.digits + "+"


@dataclass(frozen=True, kw_only=True)
class MajorityCount(StateTracking):
    """How often a string has its most frequent of 63 characters, 63 at most."""

    name: ClassVar[str] = "majority-count"
    # A count is one token: the box-drawing characters stand for 0 to 63.
    symbols: ClassVar[str] = "".join(chr(0x2500 + i) for i in range(_COUNTS)) + _LETTERS

    def question(self, random: np.random.Generator, size: int, length: int) -> tuple[Ints, Ints]:
        """See `StateTracking.question`."""
        letters_BT = random.integers(0, len(_LETTERS), (size, length))
        counts_BV = (letters_BT[:, :, None] == np.arange(len(_LETTERS))).sum(axis=1)
        most_B1 = counts_BV.max(axis=1, keepdims=True)
        return letters_BT + _COUNTS, np.minimum(most_B1, _COUNTS - 1)
