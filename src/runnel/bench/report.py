"""Contests between ours and its peers, and the rows that they give."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from runnel.bench.bounds import Bound
from runnel.bench.measure import CPU, Pace, in_turns, machine
from runnel.bench.memory import peak_bytes
from runnel.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One who does the work of a contest."""

    call: Callable[[], object]
    """does it once"""
    peer: str | None = None
    """who it is; none: ours"""
    dtype: str = "float32"
    """of inputs, or of weights"""
    work: float | None = None
    """bytes or floating-point operations that a unit needs at least; none: no bound is stated"""
    peak: Callable[[], int | None] | None = None
    """measures its peak memory in bytes, or does not; none: that of `call`"""
    units: int = 1
    """tokens, say, that one call does; the row is about one of them"""
    note: str | None = None
    """what a reader of the row has to know"""


Maker = Callable[[], Contestant]


class Report:
    """Rows of contests run one after the other, and the bounds measured beside them."""

    def __init__(
        self,
        pace: Pace,
        only: str | None = None,
        show: Callable[[str], object] = str,
        device: torch.device = CPU,
    ) -> None:
        """`device` is where makers make their tensors."""
        self.pace, self.only, self.device = pace, only, device
        self._show = show
        self.rows: list[dict[str, Any]] = []
        """what was measured so far"""
        self._rates: dict[str, list[float]] = {}

    def contest(
        self,
        name: str,
        shape: Mapping[str, int],
        makers: Mapping[str, Maker],
        *,
        bound: Callable[[], Bound] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Run one contest; the maker that comes first is ours, or what ratios are taken to.

        Each maker is named like its peer. One that asks for a missing extra becomes a row that
        says so.
        """
        title = f"{name} {' '.join(f'{k}={v}' for k, v in shape.items())}"
        if self.only is not None and self.only not in title:
            return
        self._show(title)
        contestants: dict[str, Contestant | str] = {}
        for peer, make in makers.items():
            try:
                contestants[peer] = self._made(make)
            except InputError as error:
                contestants[peer] = str(error)
        present = {k: c for k, c in contestants.items() if isinstance(c, Contestant)}
        calls: dict[str, Callable[[], object]] = {k: c.call for k, c in present.items()}
        with self.device:
            reference = bound() if bound else None
        if reference is not None:
            calls["bound"] = reference.call
        rounds, warmup, budget, least = pace or self.pace
        timings = in_turns(
            calls, rounds=rounds, warmup=warmup, budget=budget, least=least, device=self.device
        )
        rate = None
        if reference is not None:
            rate = reference.amount / timings["bound"].median
            self._rates.setdefault(reference.name, []).append(rate)
        first: float | None = None
        for peer, who in contestants.items():
            row: dict[str, Any] = {"name": name, "peer": peer, "shape": dict(shape)}
            if isinstance(who, str):
                row |= dict.fromkeys(
                    ("dtype", "seconds", "spread", "ratio_to_ours", "fraction_of_bound")
                )
                self.rows.append(row | {"peak_bytes": None, "note": who})
                continue
            median, low, high = (seconds / who.units for seconds in timings[peer])
            first = first or median
            fraction = None
            if rate is not None and who.work is not None:
                fraction = who.work / rate / median
            self.rows.append(
                row
                | {
                    "peer": who.peer,
                    "dtype": who.dtype,
                    "seconds": median,
                    "spread": [low, high],
                    "ratio_to_ours": median / first,
                    "fraction_of_bound": fraction,
                    "peak_bytes": who.peak() if who.peak else peak_bytes(who.call, self.device),
                    "note": who.note,
                }
            )

    def _made(self, make: Maker) -> Contestant:
        """A contestant; on a GPU one that has worked once, for kernels may fail when they run."""
        if self.device.type == "cpu":
            return make()
        try:
            with self.device:
                made = make()
            made.call()
        except InputError:
            raise
        except Exception as error:
            fault = str(error).strip().partition("\n")[0]
            raise InputError(f"left out; {type(error).__name__}: {fault}"[:200]) from error
        return made

    def result(self) -> dict[str, Any]:
        """The report in the form that `--json` prints."""
        rates = {name: statistics.median(values) for name, values in self._rates.items()}
        matmul = {
            name.removeprefix("matmul "): rate / 1e9
            for name, rate in rates.items()
            if name.startswith("matmul ")
        }
        bounds: dict[str, Any] = {
            "copy_gb_per_s": rates["copy"] / 1e9 if "copy" in rates else None,
            "read_gb_per_s": rates["read"] / 1e9 if "read" in rates else None,
            "matmul_gflop_per_s": matmul,
        }
        return {"machine": machine(self.device), "bounds": bounds, "rows": self.rows}
