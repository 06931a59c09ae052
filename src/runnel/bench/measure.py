"""Timing in turns: every contestant once a round, so that a drift of the machine hits all."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import torch

from runnel.training.card import processor

CPU = torch.device("cpu")


class Timing(NamedTuple):
    """Seconds of one call."""

    median: float
    low: float
    """a quarter of the calls took less"""
    high: float
    """a quarter of the calls took more"""


class Pace(NamedTuple):
    """How long to measure."""

    rounds: int = 15
    warmup: int = 3
    seconds: float = 20.0
    """of one contest, warm-up included; past them only the least rounds are made"""
    least: int = 3
    """rounds that are made however long they take, at least two"""


_TURN = 0.03  # seconds
_MOST_CALLS = 10
QUICK = Pace(rounds=3, warmup=1, seconds=2.0)


def in_turns(
    contestants: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 15,
    warmup: int = 3,
    budget: float = float("inf"),
    least: int = 3,
    device: torch.device = CPU,
) -> dict[str, Timing]:
    """Median and quartiles of each contestant's seconds, in turns for so many rounds.

    After `budget` seconds the warm-up ends, and the rounds at the `least`. Whoever takes longer
    than the budget in a first call is not called again. A GPU is asked by its events, between which
    lies what the call gave it to do.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    # The first call of a turn finds caches and memory as the contestant before left them: quick
    # ones call several times a turn, so that this does not decide their median.
    calls = dict.fromkeys(contestants, 1)
    slow: set[str] = set()
    begin = perf_counter()
    turn = 0
    while turn < warmup + rounds:
        for name, call in contestants.items():
            if name in slow:
                continue
            for _ in range(calls[name]):
                taken = _seconds(call, device)
                if turn >= warmup:
                    seconds[name].append(taken)
                elif turn == 0 and taken > budget:
                    slow.add(name)
                    seconds[name].append(taken)
            calls[name] = max(1, min(_MOST_CALLS, int(_TURN / max(taken, 1e-9))))
        turn += 1
        if perf_counter() - begin > budget:
            turn = max(turn, warmup)
            if turn >= warmup + least:
                break
    return {name: _timing(values) for name, values in seconds.items()}


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    if device.type != "cuda":
        start = perf_counter()
        call()
        return perf_counter() - start
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    before.record()
    call()
    after.record()
    after.synchronize()
    return before.elapsed_time(after) / 1e3


def machine(device: torch.device = CPU) -> dict[str, Any]:
    """What this machine is, as every report states it."""
    gpu = {"device": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    return gpu | {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d"),
    }


def _timing(values: list[float]) -> Timing:
    if len(values) == 1:
        return Timing(*values * 3)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Timing(median, low, high)
