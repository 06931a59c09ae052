"""Batches of a task, one after the other, at a position that can be saved."""

from collections.abc import Iterator
from typing import Any, final

from runnel.data.loader import Batch
from runnel.errors import InputError
from runnel.tasks.task import TrainableTask


@final
class TaskLoader:
    """Endless batches of a task; each is a pure function of the seed and its number.

    With `world` loaders, each takes its own batches.
    """

    def __init__(
        self, task: TrainableTask, *, batch: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        if not 0 <= rank < world:
            raise ValueError(f"rank must lie in [0, world); got rank={rank}, world={world}")
        self._task, self._size, self._seed = task, batch, seed
        self._rank, self._world = rank, world
        self._next = 0

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        index = self._next + self._rank
        self._next += self._world
        return self._task.training_batch(self._seed, index, self._size)

    def position(self) -> dict[str, int]:
        """Where the next batch is; the same whatever the rank."""
        return {"batch": self._next, "seed": self._seed, "size": self._size}

    def load_position(self, position: dict[str, Any]) -> None:
        """Go to a saved position; InputError unless it is one of this seed and size."""
        own = self.position()
        wanted = {**own, "batch": position.get("batch")} if isinstance(position, dict) else None
        number = position.get("batch") if isinstance(position, dict) else None
        if position != wanted or type(number) is not int or not 0 <= number < 2**62:
            raise InputError(
                f"expected a position of the task {self._task.name} such as {own}; got "
                f"{str(position)[:120]}; resume with the seed and batch that it was saved with"
            )
        self._next = number

    def documents(self, position: dict[str, Any], batches: int) -> list[int]:
        """The numbers of a batch's examples, counted from 1: that after `batches` others."""
        index = position["batch"] + batches * self._world + self._rank
        return [index * self._size + row + 1 for row in range(self._size)]
