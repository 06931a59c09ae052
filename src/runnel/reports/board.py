"""What a person sees while a comparison runs: a board on a terminal, lines elsewhere, or nothing.

All of it goes to standard error, so that standard output is free for the table.
"""

import sys
import time
from abc import ABC, abstractmethod
from typing import Any, final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runnel.reports.results import Comparison, Run, spread
from runnel.training.progress import clock


@final
class Tally:
    """How far a comparison is, and how long the rest may take."""

    def __init__(self, found: Comparison, total: int, finished: int) -> None:
        self.found, self.total, self.finished = found, total, finished
        self.name, self.seed = "", 0
        self.done, self.measuring = 0.0, False
        self._left: float | None = None
        self._began = 0.0
        done = {(entry.name, run.seed) for entry in found.entries for run in entry.runs}
        self._waiting = [name for name, seed in found.jobs() if (name, seed) not in done]
        self._took: dict[str, float] = {}

    def start(self, name: str, seed: int) -> None:
        """A run begins."""
        self.name, self.seed, self.done, self._left = name, seed, 0.0, None
        self.measuring, self._began = False, time.monotonic()
        if name in self._waiting:
            self._waiting.remove(name)

    def tell(self, event: dict[str, Any]) -> None:
        """The run's process said something."""
        done, left = event.get("done"), event.get("left")
        if isinstance(done, float):
            self.done = done
        self._left = float(left) if isinstance(left, (int, float)) else self._left
        self.measuring = self.measuring or "measuring" in event

    def end(self, name: str, run: Run) -> None:
        """A run has a result."""
        self.found = self.found.with_run(name, run)
        self.finished += 1
        if run.status == "finished":
            self._took[name] = time.monotonic() - self._began

    @property
    def seconds_left(self) -> float | None:
        """From what runs have taken so far; none before there is anything to go by."""
        spent = time.monotonic() - self._began
        now = self._took.get(self.name)
        here = self._left if now is None else max(0.0, now - spent)
        if here is None:
            return None
        usual = sum(self._took.values()) / len(self._took) if self._took else spent + here
        return here + sum(self._took.get(name, usual) for name in self._waiting)


class Board(ABC):
    """Told of everything that happens in a comparison."""

    @abstractmethod
    def begin(self, found: Comparison, total: int, finished: int) -> None:
        """The comparison begins or goes on, with so many of its runs done."""

    @abstractmethod
    def start(self, name: str, seed: int) -> None:
        """A run begins."""

    @abstractmethod
    def tell(self, event: dict[str, Any]) -> None:
        """The run's process said something."""

    @abstractmethod
    def end(self, name: str, run: Run) -> None:
        """A run has a result."""

    @abstractmethod
    def close(self) -> None:
        """The comparison ends, for whatever reason."""


def choose_board(quiet: bool) -> Board:
    """The board on a terminal, lines elsewhere, nothing where it should be quiet."""
    if quiet:
        return Silence()
    return Display() if sys.stderr.isatty() else Lines()


@final
class Silence(Board):
    """Nothing at all."""

    def begin(self, found: Comparison, total: int, finished: int) -> None:
        """See `Board`."""

    def start(self, name: str, seed: int) -> None:
        """See `Board`."""

    def tell(self, event: dict[str, Any]) -> None:
        """See `Board`."""

    def end(self, name: str, run: Run) -> None:
        """See `Board`."""

    def close(self) -> None:
        """See `Board`."""


@final
class Lines(Board):
    """A line when a run begins and one when it ends."""

    def begin(self, found: Comparison, total: int, finished: int) -> None:
        """See `Board`."""
        self._tally = Tally(found, total, finished)
        if finished:
            _say(f"{finished} of {total} runs are there already")

    def start(self, name: str, seed: int) -> None:
        """See `Board`."""
        self._tally.start(name, seed)
        left = self._tally.seconds_left
        rest = f", about {clock(left)} left in all" if left is not None else ""
        _say(f"{self._tally.finished + 1} of {self._tally.total}: {name}, seed {seed}{rest}")

    def tell(self, event: dict[str, Any]) -> None:
        """See `Board`."""
        self._tally.tell(event)

    def end(self, name: str, run: Run) -> None:
        """See `Board`."""
        self._tally.end(name, run)
        _say(f"    {_outcome(run)}")

    def close(self) -> None:
        """See `Board`."""


@final
class Display(Board):
    """The recipes so far, the run under way and the time left, redrawn twice a second."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: Live | None = None

    def begin(self, found: Comparison, total: int, finished: int) -> None:
        """See `Board`."""
        self._tally = Tally(found, total, finished)
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=2,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )
        self._live.start()

    def start(self, name: str, seed: int) -> None:
        """See `Board`."""
        self._tally.start(name, seed)

    def tell(self, event: dict[str, Any]) -> None:
        """See `Board`."""
        self._tally.tell(event)

    def end(self, name: str, run: Run) -> None:
        """See `Board`."""
        self._tally.end(name, run)

    def close(self) -> None:
        """See `Board`."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _render(self) -> RenderableType:
        tally, width = self._tally, min(self._console.width, 80)
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=34)
        for justify in ("left", "right"):
            table.add_column(justify=justify, no_wrap=True)
        for entry in tally.found.entries:
            found = spread([r.bits_per_byte for r in entry.finished if r.bits_per_byte is not None])
            lost = [run.status for run in entry.runs if run.status != "finished"]
            here = entry.name == tally.name and tally.finished < tally.total
            state = "measuring" if tally.measuring else f"seed {tally.seed}, {tally.done:.0%}"
            table.add_row(
                Text(entry.name, style="bold" if here else ""),
                Text(state if here else lost[0] if lost else "", style="red" if lost else "dim"),
                f"{found.mean:.4f} bits/byte" if found else "",
            )
        bar = Table.grid()
        part = tally.finished + (tally.done if tally.finished < tally.total else 0)
        bar.add_row(ProgressBar(total=tally.total, completed=part, width=width - 1))
        number = min(tally.finished + 1, tally.total)
        left = f"run {number} of {tally.total}, about {clock(tally.seconds_left)} left"
        return Group(table, bar, Text(left, style="dim"))


def _outcome(run: Run) -> str:
    if run.status != "finished" or run.bits_per_byte is None:
        return f"{run.status}: {run.reason}"
    rate = f", {run.tokens_per_second:,.0f} tokens/s" if run.tokens_per_second else ""
    after = f" after {run.tokens:,} tokens" if run.tokens else ", not trained here"
    return f"{run.bits_per_byte:.4f} bits/byte{after}{rate}"


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
