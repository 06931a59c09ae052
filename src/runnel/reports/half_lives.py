"""The picture of `runnel inspect`: how long the channels of each layer remember."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from runnel.training.picture import GRID, INK, STYLE

_BAND, _MIDDLE, _POINT = "#c9d8e6", "#7c9cb8", "#c2410c"


def draw_half_lives(layers: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """An SVG with a row for each layer that has `half_lives`, quantiles in steps of 5 %.

    Thin bar: 5 to 95 % of the channels; thick bar: the middle half; point: the median.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    rows = [layer for layer in layers if layer["half_lives"] is not None]
    with rc_context(STYLE):
        height = 1.35 + 0.36 * max(1, len(rows))
        figure = Figure(figsize=(7.2, height))
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.2, 0.62 / height, 0.76, 1 - 1.1 / height))
        for place, layer in enumerate(rows):
            q = layer["half_lives"]
            axes.plot([q[1], q[19]], [place] * 2, color=_BAND, linewidth=7, solid_capstyle="butt")
            axes.plot([q[5], q[15]], [place] * 2, color=_MIDDLE, linewidth=7, solid_capstyle="butt")
            axes.plot([q[10]], [place], "o", color=_POINT, markersize=5)
            axes.annotate(
                words(q[10]),
                (q[10], place),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=_POINT,
            )
        axes.set_yticks(range(len(rows)), [_label(layer) for layer in rows])
        axes.set_ylim(max(1, len(rows)) - 0.4, -0.75)
        axes.set_xscale("log")
        # Within one decade there are hardly any ticks but the minor ones.
        ends = [x for layer in rows for x in (layer["half_lives"][1], layer["half_lives"][19])]
        named = FuncFormatter(lambda tokens, _: words(tokens))
        axes.xaxis.set_major_formatter(named)
        narrow = bool(ends) and max(ends) < 10 * min(ends)
        axes.xaxis.set_minor_formatter(named if narrow else NullFormatter())
        axes.grid(axis="x", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.set_xlabel(
            "half-life on the text (tokens): median, middle half, 5 to 95 % of channels"
        )
        axes.set_title(title, loc="left", fontsize=10, color=INK)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
        return drawn.getvalue().decode()


def words(tokens: float) -> str:
    """A number of tokens in at most four signs or so: 0.43, 7.1, 693, 21k."""
    if tokens >= 1e6:
        return "1M+"
    if tokens >= 1e4:
        return f"{tokens / 1000:.0f}k"
    return f"{tokens:.2g}" if tokens < 10 else f"{tokens:.0f}"


def _label(layer: Mapping[str, Any]) -> str:
    numbers = [part for part in str(layer["name"]).split(".") if part.isdigit()]
    return f"{'.'.join(numbers) or layer['name']}  {layer['mixer']}"
