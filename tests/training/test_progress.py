"""What a person sees: aligned lines when piped, a display of 80 columns, nothing when quiet."""

import io
from typing import Any

import pytest
from rich.console import Console

from runnel.training.display import Display
from runnel.training.progress import (
    Lines,
    Progress,
    Silence,
    choose_progress,
    clock,
    seconds_left,
)
from runnel.training.schedule import Budget, Spent

_LINE: dict[str, Any] = {
    "step": 100,
    "tokens": 409600,
    "seconds": 10.0,
    "loss": 1.23456,
    "learning_rate": 0.004,
    "gradient_norm": 0.5,
    "tokens_per_second": 40960.4,
}
_JUDGED = _LINE | {"validation_loss": 1.5, "bits_per_byte": 2.1640}


def _tell(progress: Progress) -> None:
    progress.start(
        "stack, 100,000 parameters, on stories " + 60 * "x", Budget("steps", 1000), "bits_per_byte"
    )
    progress.step(Spent(100, 409600, 10.0))
    progress.line(_LINE)
    progress.line(_JUDGED)
    progress.sample("Once [upon] a time\nthere was a crow. " + 30 * "It sang. ")
    progress.note("a note with [brackets]")


def test_piped_lines_are_aligned(capfd: pytest.CaptureFixture[str]) -> None:
    _tell(Lines())
    out, err = capfd.readouterr()
    assert out == ""
    _, head, plain, judged, note = err.splitlines()
    assert len(head) == len(plain) == len(judged) <= 80
    assert plain.split() == ["100", "409,600", "1.2346", "40,960", "1:30"]
    assert judged.split() == ["100", "409,600", "1.2346", "1.5000", "2.1640", "40,960", "1:30"]
    assert plain.index("1.2346") + 6 == head.index("loss") + 4
    assert note == "a note with [brackets]"


def test_the_display_shows_everything_in_80_columns() -> None:
    written = io.StringIO()
    display = Display(Console(file=written, force_terminal=True, width=80, height=30))
    _tell(display)
    display.stop()
    plain = Console(file=io.StringIO(), width=80, no_color=True)
    with plain.capture() as capture:
        plain.print(display._render())
    shown = capture.get()
    assert all(len(line) <= 80 for line in shown.splitlines())
    for part in ("1.2346", "1.5000", "2.1640", "40,960 tokens/s", "1:30 left", "[upon] a time"):
        assert part in shown
    assert len(shown.splitlines()) <= 14
    display.evaluating()
    with plain.capture() as capture:
        plain.print(display._render())
    assert "step 100, evaluating" in capture.get()
    head = next(i for i, line in enumerate(shown.splitlines()) if line.startswith("loss"))
    assert shown.splitlines()[head + 1].startswith("1.2346")
    assert "a note with [brackets]" in written.getvalue()


def test_silence_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    _tell(Silence())
    assert capfd.readouterr() == ("", "")


def test_the_choice_depends_on_quiet_and_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose_progress(True), Silence)
    for terminal, kind in ((True, Display), (False, Lines)):
        monkeypatch.setattr("sys.stderr.isatty", lambda terminal=terminal: terminal)
        assert isinstance(choose_progress(False), kind)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "-"), (0.2, "0:00"), (65, "1:05"), (7265, "2:01:05")]
)
def test_clock(seconds: float | None, shown: str) -> None:
    assert clock(seconds) == shown


def test_time_left_is_that_of_the_budget_or_of_the_pace() -> None:
    assert seconds_left(Budget("minutes", 1), Spent(5, 5, 45.0)) == 15
    assert seconds_left(Budget("steps", 100), Spent(20, 5, 10.0)) == 40
    assert seconds_left(Budget("tokens", 100), Spent(20, 100, 10.0)) == 0
    assert seconds_left(Budget("steps", 100), Spent()) is None
