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

LENGTHS = (256, 1024, 4096, 16_384, 65_536)
NAME = "one layer by length, forward+backward"
_WIDTH = 128
_PACE = Pace(rounds=7, warmup=1, seconds=4.0, least=2)
_LONGEST = 30.0  # seconds of one call


def measure(report: Report, lengths: tuple[int, ...] = LENGTHS) -> None:
    """minGRU, torch's nn.GRU and nn.LSTM, attention, one sequence.

    Who would take longer than half a minute at a length, by its time at the last one, is left out.
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

    return Contestant(call=call, peer=None if peer == "runnel" else peer)


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    """Time and peak memory against length, a line for each contestant, as a picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    measured = [row for row in rows if row["name"] == NAME and row["seconds"] is not None]
    quantities = (("seconds", "seconds", 1.0), ("peak_bytes", "peak memory (MB)", 1e-6))
    for axis, (key, label, scale) in zip(axes, quantities, strict=True):
        for peer in dict.fromkeys(row["peer"] for row in measured):
            mine = [row for row in measured if row["peer"] == peer]
            lengths = [row["shape"]["T"] for row in mine]
            style = {"linewidth": 2.5, "color": "black"} if peer is None else {"linewidth": 1.2}
            axis.plot(
                lengths,
                [scale * row[key] for row in mine],
                marker="o",
                markersize=4,
                label=peer or "runnel minGRU",
                **style,
            )
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        ticks = sorted({row["shape"]["T"] for row in measured})
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.set_xlabel("tokens T")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False, fontsize="small")
    figure.suptitle(f"One layer, forward and backward: batch 1, width {_WIDTH}, float32")
    figure.savefig(file)
    plt.close(figure)
