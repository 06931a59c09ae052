"""The loop, optimizers and schedules."""

from runnel.training.config import (
    Interval,
    OptimizerConfig,
    Recipe,
    ScheduleConfig,
    TrainingConfig,
)
from runnel.training.loop import Result, train
from runnel.training.progress import Progress

__all__ = [
    "Interval",
    "OptimizerConfig",
    "Progress",
    "Recipe",
    "Result",
    "ScheduleConfig",
    "TrainingConfig",
    "train",
]
