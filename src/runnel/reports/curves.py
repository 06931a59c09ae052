"""Curves over several seeds: brought to common places, then averaged."""

from collections.abc import Callable, Sequence

import numpy as np

from runnel.reports.chart import Line
from runnel.reports.results import Bin, Entry, Run

_PLACES = 25


def against(
    entry: Entry, name: str, slot: int, x: Callable[[tuple[int, float, float]], float]
) -> Line:
    """Bits per byte against x, from the latest start to the earliest end of the seeds' curves."""
    curves = [run.curve for run in entry.runs if len(run.curve) > 1 and run.status == "finished"]
    if not curves:
        # What a run that diverged had reached is worth seeing too.
        curves = [run.curve for run in entry.runs if len(run.curve) > 1][:1]
    if not curves:
        return Line(name, slot, [], [])
    sides = [([x(point) for point in curve], [point[2] for point in curve]) for curve in curves]
    start, stop = max(xs[0] for xs, _ in sides), min(xs[-1] for xs, _ in sides)
    same = all(xs == sides[0][0] for xs, _ in sides)
    grid = np.array(sides[0][0]) if same else np.linspace(start, stop, _PLACES)
    values = np.stack([np.interp(grid, xs, ys) for xs, ys in sides])
    return _line(name, slot, grid.tolist(), values)


def binned(entry: Entry, name: str, slot: int, of: Callable[[Run], Sequence[Bin]]) -> Line:
    """A mean over seeds for each range that all of them have, at the range's last place."""
    found = [{b.last: b.value for b in of(run)} for run in entry.finished if of(run)]
    if not found:
        return Line(name, slot, [], [])
    places = sorted(set.intersection(*(set(bins) for bins in found)))
    values = np.array([[bins[place] for place in places] for bins in found])
    return _line(name, slot, [float(place) for place in places], values)


def _line(name: str, slot: int, places: list[float], values: np.ndarray) -> Line:
    band = []
    if len(values) > 1:
        band = list(zip(places, values.min(0).tolist(), values.max(0).tolist(), strict=True))
    return Line(name, slot, list(zip(places, values.mean(0).tolist(), strict=True)), band)
