"""Charts as inline SVG: lines with their names at their ends, colours from the page's style."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

Point = tuple[float, float]

WIDTH, HEIGHT = 460, 300
_LEFT, _TOP, _BOTTOM = 50, 12, 40
_LABEL = 14  # height of a name
_CHARACTERS, _CHARACTER = 18, 7.8  # of a name beside the plot, and the width of one on a phone


class Line(NamedTuple):
    """One recipe's curve: means over seeds, and the lowest and highest where there are several."""

    name: str
    slot: int
    """which colour, dash and mark"""
    points: list[Point]
    band: list[tuple[float, float, float]]
    """x, lowest, highest; empty for a single seed"""


class Axis(NamedTuple):
    """A scale from values to places."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value, which may lie outside of the scale."""
        low, high, value = (
            (math.log(v) if self.log else v) for v in (self.low, self.high, max(value, 1e-12))
        )
        part = (value - low) / (high - low) if high > low else 0.5
        return self.start + part * (self.stop - self.start)


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x: str,
    y: str,
    show_x: Callable[[float], str],
    log: bool = False,
    most: float | None = None,
) -> str:
    """A chart of curves; what lies above the steep beginning of most of them is cut off."""
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    xs = [point[0] for line in lines for point in line.points]
    right = _right_edge(lines)
    low, high = _limits(lines) if most is None else (0.0, most)
    across = Axis(min(xs), max(xs), _LEFT, right, log)
    up = Axis(low, high, HEIGHT - _BOTTOM, _TOP)
    clip = "clip-" + "-".join(title.split())
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<clipPath id="{clip}"><rect x="{_LEFT}" y="{_TOP - 4}" '
        f'width="{right - _LEFT + 4}" '
        f'height="{HEIGHT - _BOTTOM - _TOP + 8}"/></clipPath>',
    ]
    for value in ticks(low, high):
        at = f"{up(value):.1f}"
        parts.append(f'<path class="grid" d="M{_LEFT} {at}H{right}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{at}" dy=".35em">{value:g}</text>')
    marks = log_ticks(min(xs), max(xs)) if log else ticks(min(xs), max(xs), 5)
    for value in marks:
        at = f"{across(value):.1f}"
        parts.append(f'<path class="grid" d="M{at} {HEIGHT - _BOTTOM}v5"/>')
        parts.append(
            f'<text class="tick below" x="{at}" y="{HEIGHT - _BOTTOM + 17}">{show_x(value)}</text>'
        )
    middle = (_LEFT + right) / 2
    parts.append(f'<text class="axis below" x="{middle}" y="{HEIGHT - 5}">{escape(x)}</text>')
    parts.append(
        f'<text class="axis below" transform="translate(11 {(HEIGHT - _BOTTOM + _TOP) / 2})'
        f' rotate(-90)">{escape(y)}</text>'
    )
    parts.append(f'<g clip-path="url(#{clip})">')
    parts += [_drawn(line, across, up) for line in lines]
    parts.append("</g>")
    parts += _names(lines, across, up, right)
    return "".join([*parts, "</svg>"])


def dot_chart(rows: Sequence[tuple[str, int, list[float]]], *, title: str, x: str) -> str:
    """One row for each recipe: a dot for each seed, a bar for their mean, the mean in figures."""
    rows = [row for row in rows if row[2]]
    if not rows:
        return ""
    left, right, row_height = 152, 62, 24
    bottom = 14 + row_height * len(rows)
    values = [value for _, _, found in rows for value in found]
    pad = 0.06 * (max(values) - min(values)) or 0.01
    across = Axis(min(values) - pad, max(values) + pad, left, WIDTH - right)
    parts = [f'<svg viewBox="0 0 {WIDTH} {bottom + 40}" role="img" aria-label="{escape(title)}">']
    for value in ticks(across.low, across.high, 4):
        at = f"{across(value):.1f}"
        parts.append(f'<path class="grid" d="M{at} 6V{bottom}"/>')
        parts.append(f'<text class="tick below" x="{at}" y="{bottom + 16}">{value:g}</text>')
    for i, (name, slot, found) in enumerate(rows):
        y = 14 + row_height * i + row_height / 2 - 6
        mean = sum(found) / len(found)
        parts.append(f'<path class="rule" d="M{left} {y:.1f}H{WIDTH - right}"/>')
        parts.append(
            f'<text class="name end" x="{left - 8}" y="{y:.1f}" dy=".35em">'
            f"{_short(name, 18)}</text>"
        )
        parts += [
            f'<circle class="dot c{slot % COLOURS}" cx="{across(v):.1f}" cy="{y:.1f}" r="4"/>'
            for v in found
        ]
        parts.append(f'<path class="mean" d="M{across(mean):.1f} {y - 8:.1f}v16"/>')
        parts.append(
            f'<text class="name" x="{WIDTH - right + 8}" y="{y:.1f}" dy=".35em">{mean:.3f}</text>'
        )
    middle = (left + WIDTH - right) / 2
    parts.append(f'<text class="axis below" x="{middle}" y="{bottom + 34}">{escape(x)}</text>')
    return "".join([*parts, "</svg>"])


COLOURS = 7


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers in a range, about so many of them."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of two in a range, every one, second or third of them."""
    first, last = math.ceil(math.log2(low) - 1e-9), math.floor(math.log2(high) + 1e-9)
    step = max(1, math.ceil((last - first) / 6))
    return [2.0**k for k in range(first, last + 1, step)]


def _limits(lines: Sequence[Line]) -> tuple[float, float]:
    values = sorted(point[1] for line in lines for point in line.points)
    ends = [line.points[-1][1] for line in lines]
    low = min(values[0], *(b[1] for line in lines for b in line.band), values[0])
    high = max(values[int(0.8 * (len(values) - 1))], max(ends))
    pad = 0.06 * max(high - low, 0.02)
    return low - pad, high + pad


def _drawn(line: Line, across: Axis, up: Axis) -> str:
    """The band, the curve, and a mark at each point."""
    style = f"c{line.slot % COLOURS} d{line.slot // COLOURS % 3}"
    parts = []
    if line.band:
        upper = [f"{across(x):.1f} {up(top):.1f}" for x, _, top in line.band]
        lower = [f"{across(x):.1f} {up(bottom):.1f}" for x, bottom, _ in reversed(line.band)]
        parts.append(f'<path class="band {style}" d="M{"L".join([*upper, *lower])}Z"/>')
    path = "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in line.points)
    parts.append(
        f'<path class="line {style}" d="M{path}"><title>{escape(line.name)}</title></path>'
    )
    marks = "".join(_mark(line.slot, across(x), up(y)) for x, y in line.points[:: _every(line)])
    parts.append(f'<path class="mark {style}" d="{marks}"/>')
    return "".join(parts)


def _every(line: Line) -> int:
    return max(1, len(line.points) // 8)


def _mark(slot: int, x: float, y: float) -> str:
    """A square, a diamond, a triangle or a cross, so that colour is not all there is."""
    shapes = ("m-2.5-2.5h5v5h-5z", "m0-3.5 3.5 3.5-3.5 3.5-3.5-3.5z", "m0-3.5 3.2 6h-6.4z")
    return f"M{x:.1f} {y:.1f}{shapes[slot % len(shapes)]}"


def _right_edge(lines: Sequence[Line]) -> int:
    """Where the plot ends and the names begin: as far right as the longest of them admits."""
    longest = max(min(len(line.name), _CHARACTERS) for line in lines)
    return WIDTH - 22 - math.ceil(_CHARACTER * max(longest, 6))


def _names(lines: Sequence[Line], across: Axis, up: Axis, x: int) -> list[str]:
    """Each curve's name at its end, moved apart where they would cover each other."""
    order = sorted(lines, key=lambda line: up(line.points[-1][1]))
    wanted = [min(max(up(line.points[-1][1]), _TOP), HEIGHT - _BOTTOM) for line in order]
    places = spread_out(wanted, _TOP, HEIGHT - _BOTTOM + 6, _LABEL)
    parts = []
    for line, want, at in zip(order, wanted, places, strict=True):
        style = f"c{line.slot % COLOURS} d{line.slot // COLOURS % 3}"
        start = across(line.points[-1][0])
        parts.append(
            f'<path class="lead {style}" d="M{start:.1f} {want:.1f}L{x + 10} {at:.1f}h5"/>'
            f'<text class="name" x="{x + 19}" y="{at:.1f}" dy=".35em">'
            f"{_short(line.name, _CHARACTERS)}</text>"
        )
    return parts


def spread_out(wanted: Sequence[float], low: float, high: float, gap: float) -> list[float]:
    """Rising places near the wanted ones (rising too), `gap` apart where there is room for it."""
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(1, len(wanted) - 1))
    places: list[float] = []
    for want in wanted:
        places.append(max(want, places[-1] + gap) if places else max(want, low))
    limit = high
    for i in range(len(places) - 1, -1, -1):
        places[i] = min(places[i], limit)
        limit = places[i] - gap
    return places


def _short(name: str, characters: int) -> str:
    return escape(name if len(name) <= characters else name[: characters - 1] + "…")
