"""Chance: the one place where a story's choices are made, so that they can be repeated and weighed."""

import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar, final

T = TypeVar("T")


class Chooser(ABC):
    """Makes every choice of a story out of `below`; a test derives one that adds up ln(n)."""

    @abstractmethod
    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1, each equally likely."""

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, each equally likely."""
        return options[self.below(len(options))]

    def favor(self, options: Sequence[T], one_in: int = 2) -> T:
        """Return one of the options, the earlier the likelier: each is taken one time in `one_in`.

        A teller has ways of saying things that he likes best; a small model learns those first.
        """
        for option in options[:-1]:
            if self.below(one_in) == 0:
                return option
        return options[-1]

    def chance(self, numerator: int, denominator: int) -> bool:
        """Return True in `numerator` of `denominator` cases."""
        return self.below(denominator) < numerator

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in a random order, each order equally likely."""
        rest = list(options)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]


@final
class Dice(Chooser):
    """The chooser of one story: its seed and its index fix every choice, on any platform.

    Only `random.Random(int).random()` is used, whose sequence Python guarantees.
    """

    def __init__(self, seed: int, index: int) -> None:
        digest = hashlib.blake2b(f"stories {seed} {index}".encode(), digest_size=16).digest()
        self._random = random.Random(int.from_bytes(digest, "big")).random

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1, each equally likely."""
        return int(self._random() * n)
