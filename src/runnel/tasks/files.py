"""Examples that come from files: a training set in an order of each epoch's own, and a test set."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runnel.data.hashing import make_key
from runnel.data.loader import Batch
from runnel.data.permutation import Permutation
from runnel.errors import InputError
from runnel.tasks.task import TrainableTask, padded

_TEST_ROWS = 16


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Sequences of tokens, each with the token of its class."""

    sequences: list[npt.NDArray[Any]]
    """in the smallest type that holds them, for there may be many"""
    labels: list[int]

    def batch(self, places: list[int]) -> Batch:
        """Some of them side by side."""
        return padded([self.sequences[i] for i in places], [self.labels[i] for i in places])


@dataclass(frozen=True, kw_only=True)
class FileTask(TrainableTask):
    """A task whose examples lie in files."""

    @abstractmethod
    def examples(self) -> tuple[Examples, Examples, str]:
        """Those to train on, those to judge by, and a hash of both."""

    @property
    def parted_by(self) -> str:
        """See `TrainableTask.parted_by`."""
        return ""

    def fingerprint(self) -> str:
        """See `TrainableTask.fingerprint`."""
        return self.examples()[2]

    def training_batch(self, seed: int, index: int, size: int) -> Batch:
        """See `TrainableTask.training_batch`; every epoch has its own order."""
        train = self.examples()[0]
        count = len(train.labels)
        epoch_N, place_N = np.divmod(np.arange(index * size, (index + 1) * size), count)
        places = [
            int(_order(count, seed, int(epoch))(np.array([place]))[0])
            for epoch, place in zip(epoch_N, place_N, strict=True)
        ]
        return train.batch(places)

    def test_batches(self) -> Iterator[tuple[str, Batch]]:
        """See `TrainableTask.test_batches`; in an order that mixes classes and lengths.

        What stands side by side is of one length, nearly: little is read that only fills rows.
        """
        test = self.examples()[1]
        count = len(test.labels)
        mixed_N = Permutation(count, make_key(0))(np.arange(count))
        length_N = np.array([len(sequence) for sequence in test.sequences])
        order_N = mixed_N[length_N[mixed_N].argsort(kind="stable")]
        batches = -(-count // _TEST_ROWS)
        for number in Permutation(batches, make_key(0))(np.arange(batches)).tolist():
            first = number * _TEST_ROWS
            yield "", test.batch(order_N[first : first + _TEST_ROWS].tolist())


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> Permutation:
    return Permutation(count, make_key(seed, epoch))


def existing_folder(task: str, source: str, wanted: str) -> Path:
    """The folder of that path; InputError says what it should hold."""
    path = Path(source).expanduser()
    if not path.is_dir():
        raise InputError(
            f"expected the folder of {wanted} for {task}; got {source!r}, which "
            f"{'is not a folder' if path.exists() else 'does not exist'}; name it with --data"
        )
    return path
