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
from runnel.errors import InputError
from runnel.mixers.mingru import MinGRUConfig
from runnel.training.precision import fast_bfloat16

SHAPES = ((8, 512, 512), (2, 4096, 512))
GPU_SHAPES = ((16, 4096, 2048), (1, 65_536, 512))
"""channels that fill a GPU, and so few that time is cut"""
GPU_LAYERS = ((16, 512, 512), (16, 4096, 512))
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
Shape = tuple[int, int, int]
Scan = Callable[..., Tensor]
# Calls go round so many bytes of inputs. Those of one call may stay in the caches until the next,
# as in training they do not, and bytes that do not move say nothing beside a copy of memory.
_AROUND = {"cpu": 1 << 27, "cuda": 1 << 28}


def measure(report: Report, shapes: tuple[Shape, ...] = SHAPES) -> None:
    """All contests: each scan, each dtype, each shape; the layer; one stream over many threads."""
    for shape in shapes:
        scans(report, shape, DTYPES)
        for dtype in DTYPES:
            layer(report, shape, dtype)
    _threads(report, LONG)


def measure_on_gpu(report: Report, shapes: tuple[Shape, ...] = GPU_SHAPES) -> None:
    """The same on a GPU, in bfloat16, and of complex numbers; the layer beside GRUs."""
    for shape in shapes:
        scans(report, shape, (torch.bfloat16,))
    for shape in GPU_LAYERS:
        layer(report, shape, torch.bfloat16)


def scans(report: Report, shape: Shape, dtypes: tuple[torch.dtype, ...]) -> None:
    """Every scan forward, and forward and backward; complex ones in float32."""
    for name in PASSES:
        wanted = (torch.float32,) if name.endswith("complex") else dtypes
        for direction in range(2):
            for dtype in wanted:
                _scan(report, name, direction, shape, dtype)


def _scan(report: Report, name: str, direction: int, shape: Shape, dtype: torch.dtype) -> None:
    work = PASSES[name][direction] * shape[0] * shape[1] * shape[2] * dtype.itemsize
    ours = _public(name, shape[2], report.device)
    public: dict[str, Callable[[], Scan]] = {"runnel": lambda: ours}
    if name == "mingru_scan" and dtype is torch.float32:
        public |= {
            "log-space scan": lambda: peers.log_space_scan,
            "minGRU-pytorch": lambda: peers.min_gru_scan,
            "associative_scan": lambda: peers.associative_scan,
        }
    on_gpu = report.device.type == "cuda"
    if name == "linear_scan" and on_gpu:
        public |= {"fla chunk_hgrn": peers.fla_scan, "accelerated-scan": peers.accelerated_scan}
    if name == "mingru_scan" and on_gpu:
        public |= {"fla chunk_hgrn, gates by torch": peers.fla_mingru}

    def of(peer: str, make: Callable[[], Scan]) -> Contestant:
        scan, rounds = make(), _rounds(name, shape, dtype, _AROUND[report.device.type])
        if peer == "accelerated-scan":
            rounds = [[x.mT.contiguous() for x in inputs] for inputs in rounds]
        return Contestant(
            call=_call(scan, rounds, direction),
            peer=None if peer == "runnel" else peer,
            dtype=_named(dtype),
            work=work,
        )

    makers: dict[str, Maker] = {peer: partial(of, peer, make) for peer, make in public.items()}
    title = f"{name} {DIRECTIONS[direction]}, {_named(dtype)}"
    report.contest(title, _sizes(shape, "E"), makers, bound=copying)


def _public(name: str, width: int, device: torch.device) -> Scan:
    """The public op as a function of the arrays over time; its states alone."""
    scan = getattr(ops, name.split(",")[0])
    if not name.startswith("hgru"):
        return lambda *inputs: scan(*inputs)[0]
    lower_E, angle_E = torch.rand(2, width, device=device)
    theta_E = angle_E if name.endswith("complex") else None
    return lambda *inputs: scan(*inputs, lower_E, theta_E)[0]


def _inputs(name: str, shape: Shape, dtype: torch.dtype) -> list[Tensor]:
    x = [torch.randn(shape).to(dtype) for _ in range(3 if name == "minlstm_scan" else 2)]
    if name == "linear_scan":
        x[0] = x[0].sigmoid()
    if name.endswith("complex"):
        x[1] = torch.randn(shape, dtype=torch.complex64)
    return x


def _rounds(name: str, shape: Shape, dtype: torch.dtype, around: int) -> list[list[Tensor]]:
    first = _inputs(name, shape, dtype)
    others = around // sum(x.nbytes for x in first)
    return [first, *([x.clone() for x in first] for _ in range(others))]


def _call(scan: Scan, rounds: list[list[Tensor]], direction: int) -> Callable[[], object]:
    if direction == 0:
        forward = cycle(rounds)

        # Inference, so that nobody keeps what only a backward pass needs.
        def read() -> Tensor:
            with torch.no_grad():
                return scan(*next(forward))

        return read
    # Made beforehand: a cycle of what makes them would make them while the clock runs.
    leaves_and_grads = [
        ([x.requires_grad_() for x in inputs], torch.randn_like(inputs[-1])) for inputs in rounds
    ]
    both = cycle(leaves_and_grads)

    def differentiate() -> object:
        leaves, grad = next(both)
        return torch.autograd.grad(scan(*leaves), leaves, grad)

    return differentiate


def layer(report: Report, shape: Shape, dtype: torch.dtype) -> None:
    """A layer with its products, forward and backward, beside the recurrences that it replaces.

    Left out in bfloat16 where a CPU emulates its products: minutes that would say nothing.
    """
    batch, time, width = shape
    title, sizes = f"mingru layer forward+backward, {_named(dtype)}", _sizes(shape, "D")
    if dtype is torch.bfloat16 and not fast_bfloat16(report.device):
        report.contest(title, sizes, {"runnel": _without_products})
        return
    work = 3 * 2 * batch * time * width * 2 * width

    def of(module: Any, peer: str | None, inside: torch.dtype, cast: bool) -> Contestant:
        x_BTD = torch.randn(shape).to(torch.float32 if cast else inside).requires_grad_()
        grad = torch.randn(shape).to(inside)
        weights = list(module.parameters())

        def call() -> object:
            kind = report.device.type
            autocast = torch.autocast(kind, dtype=inside) if cast else nullcontext()
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
    if report.device.type == "cuda":
        loop = partial(peers.GRUCells, width)
        makers["loop over torch's GRUCell"] = lambda: of(
            loop().to(dtype), "loop over torch's GRUCell", dtype, False
        )
    report.contest(title, sizes, makers, bound=partial(multiplying, dtype))


def _without_products() -> Contestant:
    raise InputError("left out: products in bfloat16 would be emulated here")


def _threads(report: Report, shape: Shape) -> None:
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


def _sizes(shape: Shape, width: str) -> dict[str, int]:
    return {"B": shape[0], "T": shape[1], width: shape[2]}


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
