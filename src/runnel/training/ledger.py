"""What a run has measured since its last line of metrics, and the lines themselves."""

from dataclasses import asdict, dataclass
from typing import Any

from runnel.training.config import Interval
from runnel.training.schedule import Spent
from runnel.training.trainer import Step


def due(every: Interval, before: Spent, after: Spent) -> bool:
    """Whether a step that led from `before` to `after` passed a mark of the interval."""
    if every.steps is not None:
        return after.steps // every.steps > before.steps // every.steps
    if every.seconds is not None:
        return int(after.seconds / every.seconds) > int(before.seconds / every.seconds)
    return False


@dataclass
class Ledger:
    """Sums over the steps since the last line; numbers only, so that it can be saved."""

    steps: int = 0
    loss: float = 0.0
    gradient_norm: float = 0.0
    learning_rate: float = 0.0
    spikes: int = 0
    skipped: int = 0
    tokens_before: int = 0
    seconds_before: float = 0.0
    stage: int = 0
    """of a growing model, as the last line told"""

    def add(self, step: Step) -> None:
        """Count one optimizer step in."""
        self.steps += 1
        self.loss += step.loss
        self.gradient_norm += step.gradient_norm
        self.learning_rate = step.learning_rate
        self.spikes += step.spike
        self.skipped += step.skipped

    def line(self, spent: Spent) -> dict[str, Any]:
        """A line of metrics: means over the steps since the last one, where the ledger restarts."""
        steps = max(1, self.steps)
        seconds = spent.seconds - self.seconds_before
        line = {
            "step": spent.steps,
            "tokens": spent.tokens,
            "seconds": round(spent.seconds, 3),
            "loss": self.loss / steps,
            "learning_rate": self.learning_rate,
            "gradient_norm": self.gradient_norm / steps,
            "tokens_per_second": round((spent.tokens - self.tokens_before) / max(seconds, 1e-9), 1),
        }
        line |= {n: k for n, k in (("spikes", self.spikes), ("skipped", self.skipped)) if k}
        self.steps, self.loss, self.gradient_norm = 0, 0.0, 0.0
        self.spikes, self.skipped = 0, 0
        self.tokens_before, self.seconds_before = spent.tokens, spent.seconds
        return line

    def plain(self) -> dict[str, Any]:
        """The ledger as JSON."""
        return asdict(self)
