"""ListOps: the value of nested lists of operations (Nangia and Bowman 2018), at LRA's settings."""

from dataclasses import dataclass
from random import Random
from statistics import median
from typing import ClassVar

import numpy as np

from runnel.data.loader import Batch
from runnel.errors import InputError
from runnel.tasks.task import GeneratedTask, padded

_MIN, _MAX, _MEDIAN, _SUM = "nxms"
_CLOSE = "]"
_LIST = 0.25  # how often an argument is a list itself
_TRIES = 10_000  # at the usual settings every few draws are of a wanted length


@dataclass(frozen=True, kw_only=True)
class ListOps(GeneratedTask):
    """Nested minimum n, maximum x, median m and sum modulo ten s of digits: n35s47]] is 1."""

    name: ClassVar[str] = "listops"
    source: ClassVar[str] = "Tay et al. 2020 (Long Range Arena), arXiv 2011.04006"

    shortest: int = 500
    """symbols of the shortest expression: digits, operators and closing brackets"""
    length: int = 2000
    """symbols of the longest expression"""
    depth: int = 10
    """lists inside each other, at most"""
    arguments: int = 10
    """arguments of an operator, at most; at least 2"""
    tests: int = 2000

    def __post_init__(self) -> None:
        fullest = sum(self.arguments**level for level in range(min(self.depth, 12)))
        if not (self.arguments >= 2 and 4 <= self.shortest <= self.length):
            raise InputError(
                "listops wants arguments of at least 2 and 4 <= shortest <= length; got "
                f"arguments={self.arguments}, shortest={self.shortest}, length={self.length}; "
                "task.shortest goes with a smaller length"
            )
        if self.shortest > fullest:
            raise InputError(
                f"listops wants expressions that depth={self.depth} and "
                f"arguments={self.arguments} allow; got shortest={self.shortest}; lower it"
            )

    @property
    def alphabet(self) -> str:
        """Digits, operators and the closing bracket."""
        return "0123456789" + _MIN + _MAX + _MEDIAN + _SUM + _CLOSE

    def longest(self) -> int:
        """See `TrainableTask.longest`."""
        return 1 + self.length

    def test_lengths(self) -> tuple[int, ...]:
        """See `GeneratedTask.test_lengths`."""
        return (self.length,)

    def draw(self, random: np.random.Generator, size: int, length: int | None = None) -> Batch:
        """See `GeneratedTask.draw`; lengths vary up to the longest."""
        # Trees are grown symbol by symbol, where Python's own generator is much faster.
        generator = Random(int(random.integers(2**63)))
        grown = [self._expression(generator) for _ in range(size)]
        tokenizer = self.tokenizer()
        texts = [tokenizer.encode(text) for text, _ in grown]
        return padded(texts, [1 + value for _, value in grown])

    def _expression(self, generator: Random) -> tuple[str, int]:
        for _ in range(_TRIES):
            symbols: list[str] = []
            value = self._grow(generator, 1, symbols)
            if self.shortest <= len(symbols) <= self.length:
                return "".join(symbols), value
        raise InputError(
            f"listops wants lengths that expressions often have; got none of {self.shortest} to "
            f"{self.length} symbols in {_TRIES:,} draws; set task.shortest and task.length further "
            "apart, or task.depth and task.arguments higher"
        )

    def _grow(self, generator: Random, level: int, symbols: list[str]) -> int:
        """Append a list to the symbols; its value. One that is too long already is cut off."""
        operator = generator.choice((_MIN, _MAX, _MEDIAN, _SUM))
        symbols.append(operator)
        values = []
        for _ in range(generator.randint(2, self.arguments)):
            if level < self.depth and len(symbols) <= self.length and generator.random() < _LIST:
                values.append(self._grow(generator, level + 1, symbols))
            else:
                values.append(generator.randrange(10))
                symbols.append(str(values[-1]))
        symbols.append(_CLOSE)
        return evaluated(operator, values)


def evaluated(operator: str, values: list[int]) -> int:
    """What an operator makes of its arguments; a median between two digits is rounded down."""
    match operator:
        case "n":
            return min(values)
        case "x":
            return max(values)
        case "m":
            return int(median(values))
    return sum(values) % 10
