"""Batches where they are computed with: at once on a CPU, fetched ahead for a GPU."""

# B sequences of a batch, T tokens of a sequence

from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, Protocol, final

import torch
from torch import Tensor

from runnel.data.loader import Batch
from runnel.training.subject import Batches

_AHEAD = 2
"""batches that are ready or under way while another is computed with"""


class Placed(NamedTuple):
    """A batch on its device."""

    tokens_BT: Tensor
    targets_BT: Tensor
    reset_BT: Tensor | None
    """none where no document starts: the batch needs no masks"""


class Feed(ABC):
    """A loader's batches on a device; its position is that of the batch that comes next."""

    @abstractmethod
    def __next__(self) -> Placed:
        """The next batch."""

    @abstractmethod
    def position(self) -> dict[str, Any]:
        """Where the next batch is."""

    @abstractmethod
    def load_position(self, position: dict[str, Any]) -> None:
        """Go to a saved position."""

    @abstractmethod
    def documents(self, position: dict[str, Any], batches: int) -> list[int]:
        """See `Batches.documents`."""


class Carrier(Protocol):
    """Brings a batch to a device in two parts, each in a thread of its own."""

    def load(self, batch: Batch) -> Any:
        """Begin to bring it there."""

    def take(self, loaded: Any) -> Placed:
        """It is there for whatever the calling thread does next."""


def feed(loader: Batches, device: torch.device) -> Feed:
    """The batches of a loader on a device."""
    return Ahead(loader, ToGPU(device)) if device.type == "cuda" else Direct(loader)


@final
class Direct(Feed):
    """Each batch when it is asked for: memory is shared, nothing has to be brought anywhere."""

    def __init__(self, loader: Batches) -> None:
        self._loader = loader

    def __next__(self) -> Placed:
        return as_tensors(next(self._loader))

    def position(self) -> dict[str, Any]:
        """See `Feed.position`."""
        return self._loader.position()

    def load_position(self, position: dict[str, Any]) -> None:
        """See `Feed.load_position`."""
        self._loader.load_position(position)

    def documents(self, position: dict[str, Any], batches: int) -> list[int]:
        """See `Batches.documents`."""
        return self._loader.documents(position, batches)


class _Ready(NamedTuple):
    position: dict[str, Any]
    loaded: Any


@final
class Ahead(Feed):
    """A thread of its own reads and brings the next batches; the loader belongs to it.

    What the loader raises is raised where its batch is asked for.
    """

    def __init__(self, loader: Batches, carrier: Carrier) -> None:
        self._loader, self._carrier = loader, carrier
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="runnel-feed")
        self._jobs: deque[Future[_Ready]] = deque()

    def __next__(self) -> Placed:
        ready = self._first()
        self._jobs.popleft()
        self._fill()
        return self._carrier.take(ready.loaded)

    def position(self) -> dict[str, Any]:
        """See `Feed.position`."""
        return self._first().position

    def load_position(self, position: dict[str, Any]) -> None:
        """See `Feed.load_position`."""
        wait(self._jobs)
        self._jobs.clear()
        self._loader.load_position(position)

    def documents(self, position: dict[str, Any], batches: int) -> list[int]:
        """See `Batches.documents`."""
        wait(self._jobs)
        return self._loader.documents(position, batches)

    def _first(self) -> _Ready:
        self._fill()
        return self._jobs[0].result()

    def _fill(self) -> None:
        while len(self._jobs) < _AHEAD:
            self._jobs.append(self._thread.submit(self._prepare))

    def _prepare(self) -> _Ready:
        position = self._loader.position()
        return _Ready(position, self._carrier.load(next(self._loader)))


@final
class ToGPU:
    """Through pinned memory and a stream of its own, so that copies and kernels overlap."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)

    def load(self, batch: Batch) -> tuple[Placed, torch.cuda.Event]:
        """See `Carrier.load`."""
        with torch.cuda.stream(self._stream):
            there = [
                None if x is None else x.pin_memory().to(self._device, non_blocking=True)
                for x in as_tensors(batch)
            ]
            event = torch.cuda.Event()
            event.record(self._stream)
        tokens_BT, targets_BT, reset_BT = there
        assert tokens_BT is not None
        assert targets_BT is not None
        return Placed(tokens_BT, targets_BT, reset_BT), event

    def take(self, loaded: tuple[Placed, torch.cuda.Event]) -> Placed:
        """See `Carrier.take`."""
        placed, event = loaded
        stream = torch.cuda.current_stream(self._device)
        # The stream waits, not the caller.
        stream.wait_event(event)
        for x in placed:
            if x is not None:
                # Their memory belongs to the other stream, which must not use it again too early.
                x.record_stream(stream)
        return placed


def as_tensors(batch: Batch) -> Placed:
    """A batch in the memory of its arrays."""
    return Placed(
        torch.from_numpy(batch.tokens_BT),
        torch.from_numpy(batch.targets_BT),
        torch.from_numpy(batch.reset_BT) if batch.reset_BT.any() else None,
    )
