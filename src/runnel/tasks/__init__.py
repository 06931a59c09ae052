"""Tasks: one file, one task; `TASKS` maps each name to its class, found by a walk of the folder."""

import sys

from runnel.configuration import registry
from runnel.tasks.task import Part, Read, Reading, Score, Task, TrainableTask

TASKS: dict[str, type[Task]] = registry(sys.modules[__name__], Task)
TRAINABLE: dict[str, type[TrainableTask]] = registry(sys.modules[__name__], TrainableTask)

__all__ = ["TASKS", "TRAINABLE", "Part", "Read", "Reading", "Score", "Task", "TrainableTask"]
