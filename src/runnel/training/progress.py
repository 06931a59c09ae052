"""What a person sees of a run while it trains: a live display, plain lines, or nothing.

All of it goes to standard error, so that standard output is free for results.
"""

import sys
from abc import ABC, abstractmethod
from typing import Any, final

from runnel.training.schedule import Budget, Spent

TITLES = {"bits_per_byte": "bits/byte", "accuracy": "accuracy"}
"""what people read over the measure of an evaluation"""


class Progress(ABC):
    """Told of everything that happens in a run; `step` must cost next to nothing."""

    @abstractmethod
    def start(self, heading: str, budget: Budget, measure: str) -> None:
        """The run begins; `heading` says in a line what is trained on what.

        `measure` is what evaluations measure beside the loss: bits_per_byte or accuracy.
        """

    @abstractmethod
    def step(self, spent: Spent) -> None:
        """A step is done."""

    @abstractmethod
    def evaluating(self) -> None:
        """No step is taken until the weights are judged."""

    @abstractmethod
    def line(self, line: dict[str, Any]) -> None:
        """A line of metrics was written."""

    @abstractmethod
    def sample(self, text: str) -> None:
        """The model wrote a text."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Something that the person should know."""

    @abstractmethod
    def stop(self) -> None:
        """The run ends, for whatever reason."""


def choose_progress(quiet: bool) -> Progress:
    """The display on a terminal, lines elsewhere, nothing where it should be quiet."""
    if quiet:
        return Silence()
    if sys.stderr.isatty():
        from runnel.training.display import Display

        return Display()
    return Lines()


def seconds_left(budget: Budget, spent: Spent) -> float | None:
    """How many seconds of training are left at the pace so far; None before there is one."""
    if budget.kind == "minutes":
        return max(0.0, 60 * budget.total - spent.seconds)
    used = budget.used(spent)
    return spent.seconds * max(0.0, budget.total - used) / used if used else None


def clock(seconds: float | None) -> str:
    """1:05 or 2:01:05; a dash for what is not known."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@final
class Silence(Progress):
    """Nothing at all."""

    def start(self, heading: str, budget: Budget, measure: str) -> None:
        """See `Progress`."""

    def step(self, spent: Spent) -> None:
        """See `Progress`."""

    def evaluating(self) -> None:
        """See `Progress`."""

    def line(self, line: dict[str, Any]) -> None:
        """See `Progress`."""

    def sample(self, text: str) -> None:
        """See `Progress`."""

    def note(self, text: str) -> None:
        """See `Progress`."""

    def stop(self) -> None:
        """See `Progress`."""


@final
class Lines(Progress):
    """One aligned line for each line of metrics."""

    def __init__(self) -> None:
        self._budget: Budget | None = None
        self._measure = "bits_per_byte"
        self._headed = False

    def start(self, heading: str, budget: Budget, measure: str) -> None:
        """See `Progress`."""
        self._budget, self._measure = budget, measure
        self.note(heading)

    def step(self, spent: Spent) -> None:
        """See `Progress`."""

    def evaluating(self) -> None:
        """See `Progress`."""

    def line(self, line: dict[str, Any]) -> None:
        """See `Progress`."""
        if not self._headed:
            self._headed = True
            self.note(
                f"{'step':>8} {'tokens':>14} {'loss':>8} {'validation':>10} "
                f"{TITLES[self._measure]:>9} {'tokens/s':>10} {'left':>8}"
            )
        assert self._budget is not None
        spent = Spent(line["step"], line["tokens"], line["seconds"])
        self.note(
            f"{line['step']:>8,} {line['tokens']:>14,} {_number(line, 'loss', 4):>8} "
            f"{_number(line, 'validation_loss', 4):>10} {_number(line, self._measure, 4):>9} "
            f"{_number(line, 'tokens_per_second', 0):>10} "
            f"{clock(seconds_left(self._budget, spent)):>8}"
        )

    def sample(self, text: str) -> None:
        """See `Progress`."""

    def note(self, text: str) -> None:
        """See `Progress`."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def stop(self) -> None:
        """See `Progress`."""


def _number(line: dict[str, Any], name: str, digits: int) -> str:
    return f"{line[name]:,.{digits}f}" if name in line else ""
