"""Missing duplicate: a string comes twice, the second time with a gap; what stood there?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.tasks.state_tracking import StateTracking
from runnel.tasks.task import Ints

_DIGITS, _GAP = 10, 10


@dataclass(frozen=True, kw_only=True)
class MissingDuplicate(StateTracking):
    """A string of digits, the same with one of them hidden, and the hidden one."""

    name: ClassVar[str] = "missing-duplicate"
    symbols: ClassVar[str] = "0123456789" + "_"

    def question(self, random: np.random.Generator, size: int, length: int) -> tuple[Ints, Ints]:
        """See `StateTracking.question`; a string of half the length, twice."""
        half_BT = random.integers(0, _DIGITS, (size, length // 2))
        gap_B1 = random.integers(0, length // 2, (size, 1))
        again_BT = half_BT.copy()
        np.put_along_axis(again_BT, gap_B1, _GAP, axis=1)
        return np.concatenate([half_BT, again_BT], axis=1), np.take_along_axis(half_BT, gap_B1, 1)
