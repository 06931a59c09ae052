"""Stop strings in streamed text: found across pieces, never shown."""

from collections.abc import Iterable

from runnel.errors import InputError


def as_stops(stop: str | Iterable[str]) -> tuple[str, ...]:
    """One stop string or several, checked."""
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    if not all(isinstance(s, str) and s for s in stops):
        raise InputError(f"expected stop strings that are not empty; got {stops!r}")
    return stops


class StopFilter:
    """Passes text on until a stop string is complete; holds back what may yet become one.

    The stop string that is complete first wins, of several complete at once the longest; so the
    text that comes out does not depend on how it was cut into pieces.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self.stops = stops
        self.found = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """The text that may be shown now; nothing more once a stop string was found."""
        if self.found:
            return ""
        if not self.stops:
            return piece
        text = self._held + piece
        places = [(at + len(s), at) for s in self.stops if (at := text.find(s)) >= 0]
        if places:
            self.found = True
            self._held = ""
            return text[: min(places)[1]]
        held = max(_overlap(text, s) for s in self.stops)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def finish(self) -> str:
        """What was held back and did not become a stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many of the last characters of `text` begin `stop` without completing it."""
    return next(n for n in range(min(len(text), len(stop) - 1), -1, -1) if text.endswith(stop[:n]))
