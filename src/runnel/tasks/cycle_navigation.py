"""Cycle navigation: where on a circle of five places does a walk end?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runnel.tasks.state_tracking import StateTracking
from runnel.tasks.task import Ints

_PLACES = 5


@dataclass(frozen=True, kw_only=True)
class CycleNavigation(StateTracking):
    """Steps on, back or not at all on a circle of five places, and the place where they end."""

    name: ClassVar[str] = "cycle-navigation"
    symbols: ClassVar[str] = "01234" + "<.>"

    def question(self, random: np.random.Generator, size: int, length: int) -> tuple[Ints, Ints]:
        """See `StateTracking.question`."""
        steps_BT = random.integers(-1, 2, (size, length))
        place_B1 = steps_BT.sum(axis=1, keepdims=True) % _PLACES
        return steps_BT + _PLACES + 1, place_B1
