"""Time and memory of one layer against the length of its sequence, and a picture of them."""

# B batch, T time, D model width

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runnel.bench import peers
from runnel.bench.measure import Pace
from runnel.bench.report import Contestant, Maker, Report
from runnel.errors import InputError
from runnel.mixers.mingru import MinGRUConfig
from runnel.training.picture import GRID, INK, STYLE

LENGTHS = (256, 1024, 4096, 16_384, 65_536)
NAME = "one layer by length, forward+backward"
_WIDTH = 128
_PACE = Pace(rounds=7, warmup=1, seconds=4.0, least=2)
_LONGEST = 90.0  # seconds of one call
_PROFILED = 16_384  # steps of a recurrence that is a dozen operations each


def measure(report: Report, lengths: tuple[int, ...] = LENGTHS) -> None:
    """minGRU, torch's nn.GRU and nn.LSTM, attention, one sequence.

    Who would take longer than a minute and a half at a length, by its time at the last one, is
    left out; who takes longer than the pace's seconds is called once.
    """
    modules: dict[str, nn.Module] = {
        "runnel": MinGRUConfig(dim=_WIDTH).build(),
        "torch nn.GRU": nn.GRU(_WIDTH, _WIDTH, batch_first=True),
        "torch nn.LSTM": nn.LSTM(_WIDTH, _WIDTH, batch_first=True),
        "attention": peers.SelfAttention(_WIDTH, 4),
    }
    expected = dict.fromkeys(modules, 0.0)
    before = lengths[0]
    for length in lengths:
        growth = length / before
        for peer in expected:
            expected[peer] *= growth**2 if peer == "attention" else growth
        makers: dict[str, Maker] = {
            peer: partial(_contestant, peer, module, length, expected[peer])
            for peer, module in modules.items()
        }
        report.contest(NAME, {"B": 1, "T": length, "D": _WIDTH}, makers, pace=_PACE)
        for row in report.rows[-len(modules) :]:
            if row["seconds"] is not None:
                expected[row["peer"] or "runnel"] = row["seconds"]
        before = length


def _contestant(peer: str, module: nn.Module, length: int, expected: float) -> Contestant:
    if expected > _LONGEST:
        raise InputError(f"left out: about {expected:.0f} s a call")
    x_BTD = torch.randn(1, length, _WIDTH, requires_grad=True)
    leaves = [x_BTD, *module.parameters()]

    def call() -> object:
        found = module(x_BTD)
        y_BTD: Tensor = found[0] if isinstance(found, tuple) else found
        return torch.autograd.grad(y_BTD.sum(), leaves)

    if peer == "torch nn.GRU" and length > _PROFILED:
        note = "peak not measured: what the profiler keeps of so many steps takes 20 GB"
        return Contestant(call=call, peer=peer, peak=lambda: None, note=note)
    return Contestant(call=call, peer=None if peer == "runnel" else peer)


# The four in the order of the legend: colours that people with colour-blindness can tell apart.
_STYLES: dict[str | None, dict[str, Any]] = {
    None: {"color": "#c2410c", "linewidth": 2.6, "marker": "o", "zorder": 3},
    "torch nn.LSTM": {"color": "#0f766e", "linewidth": 1.6, "marker": "s"},
    "torch nn.GRU": {"color": "#7c3aed", "linewidth": 1.6, "marker": "^"},
    "attention": {"color": "#64748b", "linewidth": 1.6, "marker": "D"},
}
_SECONDS = {1e-4: "0.1 ms", 1e-3: "1 ms", 1e-2: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s"}
_BYTES = {1e5: "0.1 MB", 1e6: "1 MB", 1e7: "10 MB", 1e8: "100 MB", 1e9: "1 GB", 1e10: "10 GB"}


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    """Time and peak memory against length, a line for each contestant, as a picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    measured = [row for row in rows if row["name"] == NAME and row["seconds"] is not None]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
        quantities = (("seconds", "time", _SECONDS), ("peak_bytes", "peak memory", _BYTES))
        for axis, (key, title, marks) in zip(axes, quantities, strict=True):
            _lines(axis, measured, key)
            values = [row[key] for row in measured if row[key] is not None]
            shown = [(at, s) for at, s in marks.items() if min(values) / 3 <= at <= 3 * max(values)]
            axis.set_yticks([at for at, _ in shown], [text for _, text in shown])
            axis.set_title(title, loc="left", color=INK)
        axes[0].legend(frameon=False, loc="upper left")
        figure.suptitle(
            f"One layer forward and backward: one sequence, width {_WIDTH}, float32",
            x=0.01,
            ha="left",
        )
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None, dpi=160)
        plt.close(figure)


def _lines(axis: Any, measured: list[dict[str, Any]], key: str) -> None:
    present = {row["peer"] for row in measured}
    for peer in (peer for peer in _STYLES if peer in present):
        mine = sorted(
            (row for row in measured if row["peer"] == peer and row[key] is not None),
            key=lambda row: row["shape"]["T"],
        )
        axis.plot(
            [row["shape"]["T"] for row in mine],
            [row[key] for row in mine],
            markersize=4.5,
            label=peer or "runnel minGRU",
            **_STYLES[peer],
        )
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.minorticks_off()
    ticks = sorted({row["shape"]["T"] for row in measured})
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.set_xlabel("tokens T")
    axis.grid(color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
