"""The live display of a run on a terminal: where it stands, and what the model last wrote."""

from typing import Any, final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runnel.training.progress import TITLES, Progress, clock, seconds_left
from runnel.training.schedule import Budget, Spent

_SAMPLE_LINES = 8


@final
class Display(Progress):
    """A few lines at the foot of the terminal, redrawn four times a second."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._heading, self._sample, self._measure = "", "", "bits_per_byte"
        self._budget: Budget | None = None
        self._spent = Spent()
        self._line: dict[str, Any] = {}
        self._judged: dict[str, Any] = {}
        self._evaluating = False

    def start(self, heading: str, budget: Budget, measure: str) -> None:
        """See `Progress`."""
        self._heading, self._budget, self._measure = heading, budget, measure
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def step(self, spent: Spent) -> None:
        """See `Progress`."""
        self._spent, self._evaluating = spent, False

    def evaluating(self) -> None:
        """See `Progress`."""
        self._evaluating = True

    def line(self, line: dict[str, Any]) -> None:
        """See `Progress`."""
        if "loss" in line:
            self._line = line
        if "validation_loss" in line:
            self._judged = line

    def sample(self, text: str) -> None:
        """See `Progress`."""
        self._sample = text

    def note(self, text: str) -> None:
        """See `Progress`."""
        self._console.print(escape(text), highlight=False)

    def stop(self) -> None:
        """See `Progress`."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _render(self) -> RenderableType:
        assert self._budget is not None
        spent, width = self._spent, min(self._console.width, 100)
        left = clock(seconds_left(self._budget, spent))
        table = Table.grid(padding=(0, 3))
        for _ in range(4):
            table.add_column(justify="left")
        table.add_row(
            *(Text(name, style="dim") for name in ("loss", "validation", TITLES[self._measure], ""))
        )
        table.add_row(
            _figure(self._line, "loss", "bold"),
            _figure(self._judged, "validation_loss", "bold green"),
            _figure(self._judged, self._measure, "bold green"),
            Text(
                f"{self._line.get('tokens_per_second', 0):,.0f} tokens/s, step {spent.steps:,}, "
                + ("evaluating" if self._evaluating else f"{left} left")
            ),
        )
        # In a grid, because a bar by itself does not end its line.
        bar = Table.grid()
        bar.add_row(
            ProgressBar(
                total=self._budget.total, completed=self._budget.used(spent), width=width - 1
            )
        )
        parts: list[RenderableType] = [
            Text(self._heading, style="bold", no_wrap=True, overflow="ellipsis"),
            bar,
            table,
        ]
        if self._sample:
            lines = Text(self._sample, style="italic").wrap(self._console, width)[:_SAMPLE_LINES]
            parts += [Text("the model writes", style="dim"), *lines]
        return Group(*parts)


def _figure(line: dict[str, Any], name: str, style: str) -> Text:
    return Text(f"{line[name]:.4f}", style=style) if name in line else Text("-")
