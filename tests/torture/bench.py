"""What every part of the torture works with: a folder, a size, dice, and a list of what failed."""

import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Bench:
    """Where a part counts what it tried and writes down what did not hold."""

    folder: Path
    """empty at first, and the part's own"""
    seed: int = 0
    full: bool = False
    share: tuple[int, int] = (0, 1)
    """of the trials of `resume`, every n-th from the k-th, so that several cores can divide them"""
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    """measured numbers that are no counts"""
    say: Callable[[str], None] = lambda line: None

    def dice(self, *purpose: object) -> random.Random:
        """Random numbers that follow from the seed and from what they are for."""
        return random.Random(f"{self.seed}/{purpose}")

    def size(self, quick: int, full: int) -> int:
        """One of the two."""
        return full if self.full else quick

    def check(self, holds: bool, what: str) -> bool:
        """Write down what does not hold."""
        if not holds:
            self.failures.append(what)
            self.say(f"FAILED {what}")
        return holds

    @contextmanager
    def trial(self, what: str) -> Iterator[None]:
        """One trial: it counts, and an exception in it is a failure of it and of nothing else."""
        self.counts["trials"] += 1
        try:
            yield
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error}"[:400]
            self.check(False, f"{what}: {reason} ({Path(place.filename).name}:{place.lineno})")
        if self.counts["trials"] % 50 == 0:
            self.say(f"{self.counts['trials']} trials, {len(self.failures)} failures")

    def largest(self, name: str, number: float) -> None:
        """Keep the largest number of that name."""
        self.figures[name] = max(number, self.figures.get(name, number))


@dataclass(frozen=True)
class Part:
    """One row of the table in docs/reliability.md."""

    name: str
    promise: str
    run: Callable[[Bench], None]
