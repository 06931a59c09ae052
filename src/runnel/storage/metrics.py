"""metrics.jsonl: one JSON object a line, appended while training, cut back when it resumes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runnel import files, strict_json
from runnel.errors import InputError

NAME = "metrics.jsonl"
_LONGEST_LINE = 2**20
_NUMBERS = (
    *("tokens", "seconds", "loss", "learning_rate", "gradient_norm", "tokens_per_second"),
    *("validation_loss", "validation_tokens", "bits_per_byte", "accuracy", "best_step"),
)
"""fields that are numbers where they are there, so that pictures and tables can count on it"""


class Metrics:
    """The metrics of one run directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line; it is in the file when this returns, on the disk at the next save."""
        if type(line.get("step")) is not int:
            raise ValueError(f"expected a whole number under step; got {line.get('step')!r}")
        files.append(self._path, strict_json.render_line(dict(line)))

    def read(self) -> list[dict[str, Any]]:
        """All lines; one that is still being written at the end is left out."""
        result = []
        for number, raw in enumerate(self._lines(), start=1):
            if not raw.endswith(b"\n"):
                break
            result.append(_parse(raw, f"{NAME}: line {number}"))
        return result

    def truncate_after(self, step: int) -> None:
        """Durably drop the lines of later steps, and broken ones that a crash left."""
        kept = bytearray()
        dropped = False
        for raw in self._lines():
            try:
                keep = raw.endswith(b"\n") and _parse(raw, NAME)["step"] <= step
            except InputError:
                keep = False
            if keep:
                kept += raw
            dropped = dropped or not keep
        if dropped:
            files.write_durably(self._path, bytes(kept))

    def flush(self) -> None:
        """Make every appended line durable."""
        files.flush(self._path)

    def _lines(self) -> Iterator[bytes]:
        try:
            if self._path.is_symlink():
                raise InputError(f"{NAME}: expected a file; got a link")
            with self._path.open("rb") as file:
                yield from iter(lambda: file.readline(_LONGEST_LINE), b"")
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"{NAME}: expected a file; got: {error.strerror}") from None


def _parse(raw: bytes, name: str) -> dict[str, Any]:
    line = strict_json.parse(raw, name)
    if type(line.get("step")) is not int:
        raise InputError(f"{name}: expected a whole number under step")
    for field in _NUMBERS:
        if field in line and type(line[field]) not in (int, float):
            raise InputError(f"{name}: expected a number under {field}")
    return line
