"""How the GPU's scans are cut: kinds of program and their sizes, chosen in this place alone.

`benchmarks/gpu.py` measures the candidates on the GPU that it runs on and names the best; taking it
over is a change of `CHOSEN`.
"""

# B batch, T time, E inner width

import os
from typing import NamedTuple


class Shape(NamedTuple):
    """A kind of program, what it works on at once, and how many there should be."""

    walks: bool
    """position after position in registers (`_triton_walk`); otherwise tiles (`_triton_kernels`)"""
    positions: int
    """walking: how many are read ahead; otherwise of a tile"""
    channels: int
    """of a program; tiles have half of them where numbers are wide"""
    warps: int
    """of a program"""
    programs: int = 8
    """for each multiprocessor: time is cut where channels alone make fewer"""
    shortest: int = 512
    """positions; time is not cut into shorter runs"""
    positions_back: int | None = None
    """in the backward pass; none: the same"""
    stages: int = 4
    """tiles whose loads are under way at once"""

    def at_once(self, *, backward: bool, sequences: int) -> int:
        """Positions read ahead, or of a tile; a third sequence would spill out of the registers."""
        positions = self.positions_back if backward and self.positions_back else self.positions
        return max(1, positions // 2) if self.walks and sequences == 3 else positions

    def __str__(self) -> str:
        back = self.positions_back or self.positions
        return (
            f"{'walk' if self.walks else 'tiles'} {self.positions}/{back} x {self.channels}, "
            f"{self.warps} warps, {self.programs} programs"
        )


class Shapes(NamedTuple):
    """A shape for inputs whose channels fill the device, and one for those whose do not."""

    full: Shape
    few: Shape
    wide: Shape
    """tiles, for complex numbers"""


MEASURED = Shape(False, 1, 128, 2)
"""the best of 22 tiles on an H100 (docs/LOG.md, 2026-11-27)"""
# To the interpreter every tile costs as much, whatever its size.
INTERPRETED = Shape(False, 32, 64, 2, shortest=128)
_INTERPRETS = os.environ.get("TRITON_INTERPRET") == "1"
CHOSEN = Shapes(*3 * [INTERPRETED if _INTERPRETS else MEASURED])
"""what the ops take"""
CHAINED = (4, 8) if _INTERPRETS else (32, 32)
"""runs and channels whose summaries are chained at once, where time is cut"""

CANDIDATES = {
    "full": (
        MEASURED,
        Shape(False, 1, 128, 2, programs=1),
        Shape(True, 8, 64, 1, programs=3, positions_back=4),
        Shape(True, 16, 64, 1, programs=3, positions_back=8),
        Shape(True, 16, 32, 1, programs=3, positions_back=8),
        Shape(True, 8, 32, 1, programs=3, positions_back=4),
        Shape(True, 8, 64, 2, programs=3, positions_back=4),
    ),
    "few": (
        MEASURED,
        Shape(True, 8, 64, 1, programs=8, positions_back=4),
        Shape(True, 8, 64, 1, programs=16, shortest=256, positions_back=4),
        Shape(True, 16, 64, 1, programs=6, positions_back=8),
        Shape(True, 8, 32, 1, programs=16, positions_back=4),
        Shape(True, 8, 32, 1, programs=32, shortest=256, positions_back=4),
    ),
}
"""what is tried on a GPU: instructions and registers of each were counted, their times were not"""


def shape_for(channels: int, processors: int, *, wide: bool) -> Shape:
    """The shape for so many channels of all the batch (B x E) on so many multiprocessors."""
    if wide:
        return CHOSEN.wide
    # A warp for each of a multiprocessor's four schedulers.
    return CHOSEN.full if channels >= 128 * processors else CHOSEN.few
