"""Timing in turns: every contestant once a round, so that a drift of the machine hits all."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch


class Timing(NamedTuple):
    """Seconds of one call."""

    median: float
    low: float
    """a quarter of the calls took less"""
    high: float
    """a quarter of the calls took more"""


def in_turns(
    contestants: Mapping[str, Callable[[], object]], *, rounds: int = 15, warmup: int = 3
) -> dict[str, Timing]:
    """Median and quartiles of each contestant's seconds, called in turns for so many rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(warmup + rounds):
        for name, call in contestants.items():
            start = time.perf_counter()
            call()
            if turn >= warmup:
                seconds[name].append(time.perf_counter() - start)
    return {name: _timing(values) for name, values in seconds.items()}


def machine() -> dict[str, Any]:
    """What this machine is, as every report states it."""
    return {
        "processor": processor(),
        "cores": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            names = [line.split(":", 1)[1].strip() for line in info if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def matmul_gflops(dtype: torch.dtype, size: int = 1024) -> float:
    """10^9 floating-point operations a second in a square product."""
    a, b = torch.randn(2, size, size).to(dtype)
    timing = in_turns({"product": lambda: a @ b}, rounds=7, warmup=2)["product"]
    return 2 * size**3 / timing.median / 1e9


def copy_gb_per_s(megabytes: int = 256) -> float:
    """10^9 bytes a second, read and written, in a large copy."""
    source = torch.randn(megabytes * 250_000)
    target = torch.empty_like(source)
    timing = in_turns({"copy": lambda: target.copy_(source)}, rounds=7, warmup=2)["copy"]
    return 2 * source.nbytes / timing.median / 1e9


def _timing(values: list[float]) -> Timing:
    low, median, high = statistics.quantiles(values, n=4)
    return Timing(median, low, high)
