"""The scans beside a copy of the same bytes and a log-space scan, in turns, for tuning kernels.

python benchmarks/ops_quick.py [op ...]   prints milliseconds (fastest, median), shares of bandwidth
"""

# B batch, T time, E inner width

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from runnel import ops

SHAPES = ((8, 512, 512), (2, 4096, 512))
# Tensors of (B, T, E) real numbers that must be read or written: forward, then with backward.
PASSES = {
    "linear": (3, 8),
    "mingru": (3, 9),
    "minlstm": (4, 12),
    "hgru": (3, 9),
    "hgru-rotated": (5, 15),
}


def log_space(gate_BTE: Tensor, candidate_BTE: Tensor) -> Tensor:
    """minGRU as public code evaluates it: a cumulative sum and a log-sum-exp over time."""
    log_decay_BTE = -torch.nn.functional.softplus(gate_BTE)
    log_g_BTE = torch.where(
        candidate_BTE >= 0,
        (candidate_BTE.relu() + 0.5).log(),
        -torch.nn.functional.softplus(-candidate_BTE),
    )
    decay_BTE = log_decay_BTE.cumsum(dim=1)
    log_input_BTE = log_g_BTE - torch.nn.functional.softplus(-gate_BTE)
    return (decay_BTE + (log_input_BTE - decay_BTE).logcumsumexp(dim=1)).exp()


def seconds(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Fastest and median time of each, all of them in turn so that drift meets all."""
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: (min(times), sorted(times)[len(times) // 2]) for name, times in taken.items()}


def workload(
    name: str, shape: tuple[int, int, int], dtype: torch.dtype
) -> dict[str, Callable[[], object]]:
    """An op's forward, and forward and backward."""
    x = [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3)]
    channels: tuple[Tensor | None, ...] = ()
    if name == "linear":
        x = [x[0].detach().sigmoid().requires_grad_(), x[1]]
    elif name != "minlstm":
        x = x[:2]
    if name == "hgru":
        channels = (torch.rand(shape[2]), None)
    elif name == "hgru-rotated":
        channels = (torch.rand(shape[2]), torch.rand(shape[2]))
        x[1] = torch.randn(shape, dtype=torch.complex64, requires_grad=True)
    scan = getattr(ops, f"{name.split('-')[0]}_scan")
    grad = torch.randn(shape, dtype=x[1].dtype)
    still = [value.detach() for value in x]
    return {
        "forward": lambda: scan(*still, *channels),
        "both": lambda: torch.autograd.grad(scan(*x, *channels)[0], x, grad),
    }


def main() -> None:
    """Prints a line for each op, shape and dtype."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ops", nargs="*", default=list(PASSES), help=", ".join(PASSES))
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for shape in SHAPES:
        for dtype in (torch.float32, torch.bfloat16):
            for name in arguments.ops:
                if name == "hgru-rotated" and dtype is torch.bfloat16:
                    continue
                calls = workload(name, shape, dtype)
                source = torch.randn(64 * 2**20 // 4)
                target = torch.empty_like(source)
                calls["copy"] = lambda target=target, source=source: target.copy_(source)
                if name == "mingru" and dtype is torch.float32:
                    x = [torch.randn(shape, requires_grad=True) for _ in range(2)]
                    grad = torch.randn(shape)
                    calls["log-space"] = lambda x=x, grad=grad: torch.autograd.grad(
                        log_space(*x), x, grad
                    )
                report(name, shape, dtype, seconds(calls, arguments.repeats))


def report(
    name: str,
    shape: tuple[int, int, int],
    dtype: torch.dtype,
    taken: dict[str, tuple[float, float]],
) -> None:
    """One line: times, and what share of the copy's bytes per second the op reaches."""
    bandwidth = [2 * 64 * 2**20 / t for t in taken["copy"]]
    size = shape[0] * shape[1] * shape[2] * dtype.itemsize
    line = f"{name:13}{shape!s:16}{str(dtype)[6:]:9}"
    for what, passes in zip(("forward", "both"), PASSES[name], strict=True):
        fast, middle = taken[what]
        share = [passes * size / t / b for t, b in zip((fast, middle), bandwidth, strict=True)]
        line += f" {what} {fast * 1e3:6.2f} {middle * 1e3:6.2f} ms, {share[0]:.2f} {share[1]:.2f}"
    line += f" of {bandwidth[0] / 1e9:.1f} {bandwidth[1] / 1e9:.1f} GB/s"
    if "log-space" in taken:
        line += f"; log-space {taken['log-space'][0] / taken['both'][0]:.0f} times slower"
    print(line, flush=True)


if __name__ == "__main__":
    main()
