"""The learning rate against the budget, as a pure function of the part of it that is spent."""

import math
from dataclasses import dataclass
from typing import Literal

from runnel.training.config import ScheduleConfig, TrainingConfig


def rate(progress: float, config: ScheduleConfig, steps: float = 0.0) -> float:
    """The factor of the peak learning rate when `progress` in [0, 1] of the budget is spent.

    Up in a straight line over the warm-up, level over `level`, then down, to `final` at the end or,
    inverse-sqrt, never below it. `steps` is how many steps that progress took, for a warm-up of
    so many.
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"progress must lie in [0, 1]; got {progress}")
    warmup = config.warmup
    if config.warmup_steps is not None:
        # Steps in the unit of progress, at what a step has cost so far.
        warmup = config.warmup_steps * progress / steps if steps else 0.0
    if progress < warmup:
        return progress / warmup
    full = warmup + config.level
    if config.shape == "constant" or progress <= full:
        return 1.0
    if config.shape == "inverse-sqrt":
        return max(config.final, math.sqrt(full / progress))
    part = min(1.0, (progress - full) / (1 - full))
    down = part if config.shape == "linear" else (1 - math.cos(math.pi * part)) / 2
    return 1 - (1 - config.final) * down


@dataclass(frozen=True)
class Spent:
    """What a run has used up so far."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Budget:
    """How long a run trains: so many steps, tokens, or minutes of training steps."""

    kind: Literal["steps", "tokens", "minutes"]
    total: float

    @classmethod
    def of(cls, config: TrainingConfig) -> "Budget":
        """The one budget that the configuration sets."""
        if config.steps is not None:
            return cls("steps", config.steps)
        if config.tokens is not None:
            return cls("tokens", config.tokens)
        assert config.minutes is not None, "the configuration admits exactly one budget"
        return cls("minutes", config.minutes)

    def used(self, spent: Spent) -> float:
        """How much is spent, in the budget's own unit."""
        if self.kind == "minutes":
            return spent.seconds / 60
        return spent.steps if self.kind == "steps" else spent.tokens

    def exhausted(self, spent: Spent) -> bool:
        """Whether no further step is to be taken."""
        return self.used(spent) >= self.total

    def progress(self, spent: Spent, step: Spent) -> float:
        """The part of the budget spent in the middle of the next step, which costs `step`.

        The middle, so that neither the first step of a warm-up nor the last one of a decay to zero
        is wasted. In [0, 1].
        """
        return min(1.0, (self.used(spent) + self.used(step) / 2) / self.total)

    def __str__(self) -> str:
        unit = self.kind[:-1] if self.total == 1 else self.kind
        return f"{self.total:,.10g} {unit}"
