"""How the C library treats memory that a step frees: it stays with the process.

A step frees all that it allocated, and the next one wants the same again, as a shard wants the
memory of the shard before it. By default large blocks go back to the system and return as pages
that it must first fill with zeros: 0.9 us each of 4 KB on a virtual machine, a twentieth of a
training step and a fifth of preparing bytes (docs/LOG.md, 2026-11-27 and 28).
"""

import ctypes
import sys

# glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """From now on this process keeps what it frees, for the next step; whether that can be said.

    Only glibc is asked; elsewhere nothing changes. What the process holds at its peak stays the
    same, what it holds afterwards does not fall.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # No mapping of their own for large blocks, and no cutting of the heap's end.
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))
