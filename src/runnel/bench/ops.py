"""The scans and a whole layer, beside peers and beside a copy of the bytes they must move."""

# B batch, T time, D model width, E inner width

from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, partial
from itertools import cycle
from typing import Any

import torch
from torch import Tensor, nn

from runnel import ops
from runnel.bench import peers
from runnel.bench.bounds import copying, multiplying
from runnel.bench.report import Contestant, Maker, Report
from runnel.mixers.mingru import MinGRUConfig

WIDTH = 512
SHAPES = ((8, 512), (2, 4096))
LONG = (1, 1_000_000, 64)
DTYPES = (torch.float32, torch.bfloat16)
# Arrays of (B, T, E) real numbers that have to be read or written: forward, then with backward.
PASSES = {
    "linear_scan": (3, 8),
    "mingru_scan": (3, 9),
    "minlstm_scan": (4, 12),
    "hgru_scan": (3, 9),
    "hgru_scan, complex": (5, 15),
}
DIRECTIONS = ("forward", "forward+backward")
Scan = Callable[..., Tensor]
# Calls go round so many bytes of inputs. Those of one call may stay in the caches until the next,
# as in training they do not, and bytes that do not move say nothing beside a copy of memory.
_AROUND = 1 << 27


def measure(report: Report, shapes: tuple[tuple[int, int], ...] = SHAPES) -> None:
    """All contests: each scan, each dtype, each shape; the layer; one stream over many threads."""
    for batch, time in shapes:
        for name in PASSES:
            for direction in range(2):
                for dtype in DTYPES:
                    if not (name.endswith("complex") and dtype is torch.bfloat16):
                        _scan(report, name, direction, (batch, time, WIDTH), dtype)
        for dtype in DTYPES:
            _layer(report, (batch, time, WIDTH), dtype)
    _threads(report, LONG)


def _scan(
    report: Report, name: str, direction: int, shape: tuple[int, int, int], dtype: torch.dtype
) -> None:
    work = PASSES[name][direction] * shape[0] * shape[1] * shape[2] * dtype.itemsize
    public = {"runnel": _public(name, shape[2])}
    if name == "mingru_scan" and dtype is torch.float32:
        public |= {
            "log-space scan": peers.log_space_scan,
            "minGRU-pytorch": peers.min_gru_scan,
            "associative_scan": peers.associative_scan,
        }

    def of(peer: str, scan: Scan) -> Contestant:
        return Contestant(
            call=_call(scan, _rounds(name, shape, dtype), direction),
            peer=None if peer == "runnel" else peer,
            dtype=_named(dtype),
            work=work,
        )

    makers: dict[str, Maker] = {peer: partial(of, peer, scan) for peer, scan in public.items()}
    title = f"{name} {DIRECTIONS[direction]}, {_named(dtype)}"
    report.contest(title, _sizes(shape, "E"), makers, bound=copying)


def _public(name: str, width: int) -> Scan:
    """The public op as a function of the arrays over time; its states alone."""
    scan = getattr(ops, name.split(",")[0])
    channels: tuple[Tensor | None, ...] = ()
    if name.startswith("hgru"):
        theta_E = torch.rand(width) if name.endswith("complex") else None
        channels = (torch.rand(width), theta_E)
    return lambda *inputs: scan(*inputs, *channels)[0]


def _inputs(name: str, shape: tuple[int, int, int], dtype: torch.dtype) -> list[Tensor]:
    x = [torch.randn(shape).to(dtype) for _ in range(3 if name == "minlstm_scan" else 2)]
    if name == "linear_scan":
        x[0] = x[0].sigmoid()
    if name.endswith("complex"):
        x[1] = torch.randn(shape, dtype=torch.complex64)
    return x


def _rounds(name: str, shape: tuple[int, int, int], dtype: torch.dtype) -> list[list[Tensor]]:
    first = _inputs(name, shape, dtype)
    others = _AROUND // sum(x.nbytes for x in first)
    return [first, *([x.clone() for x in first] for _ in range(others))]


def _call(scan: Scan, rounds: list[list[Tensor]], direction: int) -> Callable[[], object]:
    if direction == 0:
        forward = cycle(rounds)

        # Inference, so that nobody keeps what only a backward pass needs.
        def read() -> Tensor:
            with torch.no_grad():
                return scan(*next(forward))

        return read
    both = cycle(
        ([x.requires_grad_() for x in inputs], torch.randn_like(inputs[-1])) for inputs in rounds
    )

    def differentiate() -> object:
        leaves, grad = next(both)
        return torch.autograd.grad(scan(*leaves), leaves, grad)

    return differentiate


def _layer(report: Report, shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    batch, time, width = shape
    work = 3 * 2 * batch * time * width * 2 * width

    def of(module: Any, peer: str | None, inside: torch.dtype, cast: bool) -> Contestant:
        x_BTD = torch.randn(shape).to(torch.float32 if cast else inside).requires_grad_()
        grad = torch.randn(shape).to(inside)
        weights = list(module.parameters())

        def call() -> object:
            autocast = torch.autocast("cpu", dtype=inside) if cast else nullcontext()
            with autocast:
                y = module(x_BTD)
            y = y[0] if isinstance(y, tuple) else y
            return torch.autograd.grad(y, [x_BTD, *weights], grad.to(y.dtype))

        # A recurrence's own products have other sizes: only ours and minGRU's share this bound.
        bounded = peer is None or peer == "minGRU-pytorch"
        return Contestant(
            call=call, peer=peer, dtype=_named(inside), work=work if bounded else None
        )

    def torchs(kind: type[nn.Module], peer: str, inside: torch.dtype) -> Contestant:
        return of(kind(width, width, batch_first=True).to(inside), peer, inside, False)

    cast = dtype is not torch.float32
    makers: dict[str, Maker] = {
        "runnel": lambda: of(MinGRUConfig(dim=width, project=False).build(), None, dtype, cast),
        "minGRU-pytorch": lambda: of(peers.min_gru_layer(width), "minGRU-pytorch", dtype, cast),
    }
    for inside in dict.fromkeys((torch.float32, dtype)):
        for kind in (nn.GRU, nn.LSTM):
            peer = f"torch nn.{kind.__name__}"
            makers[f"{peer} {inside}"] = partial(torchs, kind, peer, inside)
    title = f"mingru layer forward+backward, {_named(dtype)}"
    report.contest(title, _sizes(shape, "D"), makers, bound=partial(multiplying, dtype))


def _threads(report: Report, shape: tuple[int, int, int]) -> None:
    """Where batch and width cannot fill the cores, time is divided."""
    threads = torch.get_num_threads()
    inputs = cache(lambda: [torch.randn(shape) for _ in range(2)])

    def with_threads(count: int) -> Callable[[], object]:
        def call() -> object:
            torch.set_num_threads(count)
            try:
                with torch.no_grad():
                    return ops.mingru_scan(*inputs())
            finally:
                torch.set_num_threads(threads)

        return call

    work = 3 * 4 * shape[0] * shape[1] * shape[2]
    makers: dict[str, Maker] = {
        "runnel": lambda: Contestant(call=with_threads(threads), work=work),
        "one thread": lambda: Contestant(call=with_threads(1), peer="one thread", work=work),
    }
    report.contest("mingru_scan forward, one stream", _sizes(shape, "E"), makers, bound=copying)


def _sizes(shape: tuple[int, int, int], width: str) -> dict[str, int]:
    return {"B": shape[0], "T": shape[1], width: shape[2]}


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
