"""Batches of windows from a stream, shuffled anew each epoch, at a position that can be saved."""

# B sequences of a batch, T tokens of a sequence, N tokens of the stream

from collections.abc import Iterator
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from runnel.data.hashing import make_key
from runnel.data.permutation import Permutation
from runnel.data.stream import TokenStream
from runnel.errors import InputError

IGNORED = -100
"""a target that does not count, as torch's cross-entropy has it"""
_OFFSET, _ORDER = 0, 1
_READ_AHEAD = 1024
_SLICE = 2**20


class Batch(NamedTuple):
    """Inputs, the token that follows each, and where a new document starts."""

    tokens_BT: npt.NDArray[np.int64]
    targets_BT: npt.NDArray[np.int64]
    reset_BT: npt.NDArray[np.bool_]
    """true where the input is an end token: nothing before it may be remembered"""


@final
class _Epoch:
    """One pass over the stream: where it starts and in which order it takes its windows."""

    def __init__(self, number: int, *, targets: int, length: int, seed: int) -> None:
        self.number = number
        # A short stream leaves less room for the offset: one window always fits.
        self._offset = make_key(seed, number, _OFFSET) % min(length, targets - length + 1)
        self._length = length
        self.windows = (targets - self._offset) // length
        self._order = Permutation(self.windows, make_key(seed, number, _ORDER))
        self._ahead = range(0)
        self._starts_N = np.zeros(0, dtype=np.int64)

    def starts(self, first: int, stop: int) -> npt.NDArray[np.int64]:
        """The first tokens of some windows, in the epoch's order."""
        # The order of many windows costs little more than that of a few, so it is read ahead.
        if first not in self._ahead or stop > self._ahead.stop:
            self._ahead = range(first, max(stop, min(first + _READ_AHEAD, self.windows)))
            self._starts_N = self._offset + self._order(np.array(self._ahead)) * self._length
        return self._starts_N[first - self._ahead.start : stop - self._ahead.start]


@final
class Loader:
    """Endless batches; an epoch cuts the stream into windows of `length` inputs, each read once.

    Every epoch starts at another place in the first `length` tokens and takes its windows in
    another order; both follow from the seed. A batch that an epoch cannot fill goes on with the
    next one. With `world` loaders, each takes its own part of every global batch. Without
    `resets` a window runs on over the starts of documents.
    """

    def __init__(
        self,
        stream: TokenStream,
        *,
        batch: int,
        length: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        resets: bool = True,
    ) -> None:
        if batch < 1 or length < 1:
            raise InputError(
                f"batch and length must be at least 1; got batch={batch}, length={length}"
            )
        if not 0 <= rank < world:
            raise ValueError(f"rank must lie in [0, world); got rank={rank}, world={world}")
        if length > len(stream) - 1:
            raise InputError(
                f"expected a length of at most {len(stream) - 1}, for the training text has "
                f"{len(stream)} tokens; got {length}; choose a shorter length or give more text"
            )
        self._stream = stream
        self._batch = batch
        self._length = length
        self._seed = seed
        self._rank = rank
        self._world = world
        self._resets = resets
        self._epoch = self._start(0)
        self._window = 0

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        for _ in self._take(self._rank * self._batch):
            pass
        starts_B = np.concatenate(
            [epoch.starts(first, stop) for epoch, first, stop in self._take(self._batch)]
        )
        for _ in self._take((self._world - self._rank - 1) * self._batch):
            pass
        windows_BT = self._stream.windows(starts_B, self._length + 1)
        return _make_batch(windows_BT, self._stream.end, self._resets)

    def position(self) -> dict[str, int]:
        """Where the next batch starts; the same whatever the rank, and for any batch size."""
        return {
            "epoch": self._epoch.number,
            "window": self._window,
            "seed": self._seed,
            "length": self._length,
            "tokens": len(self._stream),
        }

    def load_position(self, position: dict[str, Any]) -> None:
        """Go to a saved position; InputError unless it is one of this stream, length and seed."""
        own = self.position()
        if not isinstance(position, dict) or position.keys() != own.keys():
            raise InputError(
                f"expected a data position with {', '.join(own)}; got {str(position)[:80]!r}; "
                "resume from another checkpoint"
            )
        for name, value in position.items():
            if type(value) is not int or (
                name in ("seed", "length", "tokens") and value != own[name]
            ):
                raise InputError(
                    f"expected a data position with {name}={own[name]}; got {str(value)[:40]}; "
                    "resume with the data, length and seed that it was saved with"
                )
        number, window = position["epoch"], position["window"]
        epoch = self._start(number) if 0 <= number < 2**62 else None
        if epoch is None or not 0 <= window <= epoch.windows:
            raise InputError(
                f"expected a data position inside an epoch; got epoch={str(number)[:40]}, "
                f"window={str(window)[:40]}; resume from another checkpoint"
            )
        self._epoch, self._window = epoch, window

    def documents(self, position: dict[str, Any], batches: int) -> list[int]:
        """Which documents a batch reads: that after `batches` others from a position.

        They are counted from 1, in the order of the stream.
        """
        here = self.position()
        self.load_position(position)
        for _ in self._take((batches * self._world + self._rank) * self._batch):
            pass
        starts_B = np.concatenate(
            [epoch.starts(first, stop) for epoch, first, stop in self._take(self._batch)]
        )
        self.load_position(here)
        # A document begins after its end token, so its number is that of the end tokens so far.
        # In slices, because a stream that lies on disk can be read by them only.
        tokens_N, end = self._stream.tokens_N, self._stream.end
        pieces = range(0, len(tokens_N), _SLICE)
        ends_N = np.concatenate(
            [at + np.flatnonzero(tokens_N[at : at + _SLICE] == end) for at in pieces]
        )
        first_B, last_B = (
            np.searchsorted(ends_N, places_B, side="right")
            for places_B in (starts_B, starts_B + self._length - 1)
        )
        return sorted({n for a, b in zip(first_B, last_B, strict=True) for n in range(a, b + 1)})

    def _start(self, number: int) -> _Epoch:
        targets = len(self._stream) - 1
        return _Epoch(number, targets=targets, length=self._length, seed=self._seed)

    def _take(self, count: int) -> Iterator[tuple[_Epoch, int, int]]:
        """The next windows as runs inside an epoch; moves the position past them."""
        while count:
            if self._window == self._epoch.windows:
                self._epoch, self._window = self._start(self._epoch.number + 1), 0
            first = self._window
            self._window = min(self._epoch.windows, first + count)
            count -= self._window - first
            yield self._epoch, first, self._window


def sequential(stream: TokenStream, *, length: int) -> Iterator[Batch]:
    """The stream in order, one sequence of at most `length` after the other: every target once."""
    if length < 1:
        raise InputError(f"length must be at least 1; got {length}")
    for start in range(0, len(stream) - 1, length):
        yield _make_batch(stream.tokens_N[None, start : start + length + 1], stream.end)


def _make_batch(windows_BT: npt.NDArray[Any], end: int, resets: bool = True) -> Batch:
    tokens_BT = windows_BT[:, :-1].astype(np.int64, order="C")
    reset_BT = tokens_BT == end if resets else np.zeros(tokens_BT.shape, dtype=np.bool_)
    return Batch(tokens_BT, windows_BT[:, 1:].astype(np.int64, order="C"), reset_BT)
