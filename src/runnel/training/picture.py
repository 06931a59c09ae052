"""loss.svg: the training and validation loss of a run against the tokens that it has read."""

import io
import math
from collections.abc import Sequence
from typing import Any

INK, GRID = "#334155", "#e2e8f0"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "runnel",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": "#94a3b8",
}
"""what all pictures share, for matplotlib's `rc_context`"""
_TRAIN, _VALIDATION = "#9db4c8", "#c2410c"
_POINTS = 2000


def draw_loss(lines: Sequence[dict[str, Any]], *, title: str, bytes_per_token: float | None) -> str:
    """An SVG of the lines of metrics.jsonl.

    Bits per byte stand on the right-hand axis where the tokens stand for text.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    with rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.2))
        FigureCanvasSVG(figure)
        # Fixed margins: a layout engine would draw everything twice.
        axes = figure.add_axes((0.09, 0.12, 0.82, 0.78))
        placed = [line for line in lines if "tokens" in line]
        judged = [line for line in placed if "validation_loss" in line]
        trained = [line for line in placed if "loss" in line]
        trained = trained[:: 1 + len(trained) // _POINTS]
        axes.plot(*_curve(trained, "loss"), color=_TRAIN, linewidth=1.2, label="training")
        axes.plot(
            *_curve(judged, "validation_loss"),
            color=_VALIDATION,
            linewidth=1.6,
            marker="o",
            markersize=4,
            label="validation",
        )
        if judged:
            last = judged[-1]
            axes.annotate(
                f"{last['validation_loss']:.3f}",
                (last["tokens"], last["validation_loss"]),
                xytext=(0, 7),
                textcoords="offset points",
                ha="right",
                color=_VALIDATION,
            )
        _limit(axes, [*trained, *judged])
        axes.set_title(title, loc="left", color=INK, pad=10)
        axes.set_xlabel("tokens read")
        axes.set_ylabel("loss (nats/token)")
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines["top"].set_visible(False)
        if bytes_per_token is not None:
            _bits_on_the_right(axes, 1 / (math.log(2) * bytes_per_token))
        axes.legend(frameon=False)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
        return drawn.getvalue().decode()


def _bits_on_the_right(axes: Any, factor: float) -> None:
    def to_bits(nats: Any) -> Any:
        return nats * factor

    def to_nats(bits: Any) -> Any:
        return bits / factor

    right = axes.secondary_yaxis("right", (to_bits, to_nats))
    right.set_ylabel("bits per byte")


def _curve(lines: Sequence[dict[str, Any]], name: str) -> tuple[list[float], list[float]]:
    return [line["tokens"] for line in lines], [line[name] for line in lines]


def _limit(axes: Any, lines: Sequence[dict[str, Any]]) -> None:
    """Leave the steep beginning out where it would flatten all the rest."""
    values = [line[k] for line in lines for k in ("loss", "validation_loss") if k in line]
    if len(values) < 10:
        return
    values.sort()
    low, high = values[0], values[int(0.9 * (len(values) - 1))]
    span = max(high - low, 1e-3)
    axes.set_ylim(low - 0.08 * span, min(values[-1], high + 0.6 * span) + 0.02 * span)
