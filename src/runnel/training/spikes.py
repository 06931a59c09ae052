"""Losses that stand far above those before them."""

import math
from dataclasses import asdict, dataclass
from typing import Any

_DECAY = 0.98
_SETTLED = 50


@dataclass
class Spikes:
    """Running mean and variance of the losses; numbers only, so that it can be saved."""

    steps: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def limit(self, deviations: float) -> float:
        """The largest loss that is no spike; infinite for 0 deviations and in the first steps."""
        if not deviations or self.steps < _SETTLED:
            return math.inf
        return self.mean + deviations * math.sqrt(self.variance)

    def add(self, loss: float, limit: float) -> None:
        """Count a loss in, a spike as the limit: it moves the mean, so that a new level is learned.

        The mean over all steps at first, later the last fifty or so.
        """
        loss = min(loss, limit)
        self.steps += 1
        part = max(1 - _DECAY, 1 / self.steps)
        off = loss - self.mean
        self.mean += part * off
        self.variance = (1 - part) * (self.variance + part * off * off)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
