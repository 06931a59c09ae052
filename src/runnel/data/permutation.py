"""A shuffle without a table: a Feistel network over Z_a x Z_b (Black and Rogaway 2002)."""

import math
from typing import final

import numpy as np
import numpy.typing as npt

from runnel.data.hashing import UInt64, draw, make_key

_ROUNDS = 6


@final
class Permutation:
    """A bijection of range(size), chosen by the key; any part of it is computed when asked for."""

    def __init__(self, size: int, key: int) -> None:
        if not 1 <= size < 2**62:
            raise ValueError(f"size must lie in [1, 2**62); got {size}")
        self.size = size
        # a * b is at least the size and hardly more, so that few indices have to walk on.
        self._a = np.uint64(math.isqrt(size - 1) + 1)
        self._b = np.uint64(-(-size // int(self._a)))
        self._keys = [make_key(key, i) for i in range(_ROUNDS)]

    def __call__(self, index_N: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Where each index goes."""
        # uint64 divides faster than int64, and the hash is over uint64.
        place_N = np.array(index_N, dtype=np.uint64)
        if place_N.size and int(place_N.max()) >= self.size:
            raise ValueError(f"indices must lie in [0, {self.size}); got {place_N.max()}")
        place_N = self._network(place_N)
        # Going round the cycle until inside keeps it one to one over range(size).
        outside_M = np.flatnonzero(place_N >= self.size)
        while outside_M.size:
            place_N[outside_M] = self._network(place_N[outside_M])
            outside_M = outside_M[place_N[outside_M] >= self.size]
        return place_N.astype(np.int64)

    def _network(self, place_N: UInt64) -> UInt64:
        right_N, left_N = np.divmod(place_N, self._a)
        for i, key in enumerate(self._keys):
            if i % 2 == 0:
                left_N = (left_N + draw(key, right_N) % self._a) % self._a
            else:
                right_N = (right_N + draw(key, left_N) % self._b) % self._b
        return right_N * self._a + left_N
