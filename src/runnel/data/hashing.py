"""Seeded hashes of integers (splitmix64, Steele et al. 2014): draws that need no stored state."""

import numpy as np
import numpy.typing as npt

UInt64 = npt.NDArray[np.uint64]

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def mix(values_N: UInt64) -> UInt64:
    """Scramble 64-bit integers, one to one."""
    # Arrays wrap around silently, as wanted here; numpy's scalars would warn.
    mixed_N = (values_N ^ (values_N >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed_N = (mixed_N ^ (mixed_N >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed_N ^ (mixed_N >> np.uint64(31))


def draw(key: int, index_N: UInt64) -> UInt64:
    """64 random bits for each index; they depend on the key and on that index only."""
    return mix((index_N + np.uint64(1)) * np.uint64(_GOLDEN) + np.uint64(key))


def drawn(key: int, index_N: UInt64, fraction: float) -> npt.NDArray[np.bool_]:
    """Whether each index is among those drawn: about that fraction of them, in [0, 1]."""
    return draw(key, index_N) < np.uint64(min(int(fraction * 2**64), 2**64 - 1))


def make_key(*parts: int) -> int:
    """One 64-bit key from several integers, their order included."""
    key = 0
    for part in parts:
        mixed_1 = mix(np.array([(key + part + _GOLDEN) & _MASK], dtype=np.uint64))
        key = int(mixed_1[0])
    return key
