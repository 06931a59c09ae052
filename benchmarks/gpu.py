"""The parts of `benchmarks/gpu.sh`: self-test, kernels, training, decoding, layers.

What is measured is `runnel bench`'s, at the shapes that a GPU is for. One part that fails hides no
other; what no time is left for is said.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from runnel import ops, recipes
from runnel.bench import decode, train
from runnel.bench import ops as scans
from runnel.bench.bounds import copying
from runnel.bench.measure import Pace, in_turns
from runnel.bench.report import Report
from runnel.ops import _triton, _triton_shapes, selftest
from runnel.ops._triton_shapes import Shape, Shapes

Row = dict[str, Any]
ENOUGH = 480.0
"""seconds after which no part begins"""
PACE = Pace(rounds=11, warmup=2, seconds=6.0)
SWEEP = {"full": (16, 4096, 2048), "few": (1, 65_536, 512)}
TRAINED = {"mingru-18m": (64, 512), "hgrn-150m": (8, 2048)}
"""recipes and their batches (sequences, tokens each), halved until they fit"""


class Run:
    """A device, the report that grows, and how tiny all is to be."""

    def __init__(self, tiny: bool) -> None:
        self.tiny = tiny
        self.device = torch.device("cpu" if tiny else "cuda")
        pace = Pace(rounds=2, warmup=1, seconds=0.1, least=2) if tiny else PACE
        self.report = Report(pace, device=self.device)
        self.sweep: list[Row] = []
        self.self_test: list[Row] = []

    def shape(self, B: int, T: int, E: int) -> tuple[int, int, int]:
        """These sizes, or tiny ones."""
        return (1, 24, 8) if self.tiny else (B, T, E)

    def found(self) -> Row:
        """Everything so far."""
        result = self.report.result()
        result["machine"] |= {"triton": _version()}
        return result | {"self_test": self.self_test, "shapes": self.sweep}


def _version() -> str:
    try:
        import triton
    except ImportError:
        return "none"
    return str(triton.__version__)


def check(run: Run) -> None:
    """Every op of the backend in use against the float64 loop; interpreted, one op in small."""
    if run.tiny:
        tests = [selftest.one("triton", "mingru_scan", "cpu", (2, 37, 5))]
    else:
        kind = run.device.type
        tests = [selftest.one(ops.backend_for(kind, op), op, kind) for op in selftest.OPS]
    run.self_test += [
        {"backend": o.backend, "op": o.op, "error": o.error, "passed": o.passed} for o in tests
    ]


def shapes(run: Run) -> None:
    """Each candidate by minGRU's scan; the best that computes the same is taken from here on."""
    best = {row: getattr(_triton_shapes.CHOSEN, row) for row in SWEEP}
    for row, sizes in SWEEP.items():
        B, T, E = run.shape(*sizes)
        inputs = [torch.randn(B, T, E, device=run.device) for _ in range(2)]
        if not run.tiny:
            inputs = [x.bfloat16() for x in inputs]
        leaves = [x.requires_grad_() for x in inputs]
        with run.device:
            bound = copying(1 if run.tiny else None)
        rate = bound.amount / in_turns({"": bound.call}, device=run.device)[""].median
        wanted: list[Tensor] | None = None
        fastest = float("inf")
        for shape in _triton_shapes.CANDIDATES[row][: 3 if run.tiny else None]:
            told: Row = {"row": row, "sizes": (B, T, E), "shape": str(shape)}
            run.sweep.append(told)
            try:
                _take(dict.fromkeys(SWEEP, shape))
                found = _both(leaves)
                wanted = wanted or found
                off = max((a - b).abs().max().item() for a, b in zip(found, wanted, strict=True))
                calls: dict[str, Callable[[], object]] = {
                    "forward": partial(_forward, leaves),
                    "both": partial(_both, leaves),
                }
                rounds = 2 if run.tiny else 7
                times = in_turns(calls, rounds=rounds, warmup=1, device=run.device)
            except Exception as error:
                told["failed"] = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
                continue
            array = inputs[0].nbytes
            for part, passes in (("forward", 3), ("both", 9)):
                told[part] = times[part].median
                told[f"{part}_of_copy"] = passes * array / times[part].median / rate
            told["off"] = off
            if off > 0.1:
                told["failed"] = f"other numbers than the first's, by {off:.1e}"
            elif times["both"].median < fastest:
                fastest, best[row] = times["both"].median, shape
    _take(best)
    run.sweep.append({"best": {row: str(shape) for row, shape in best.items()}})


def _take(rows: dict[str, Shape]) -> None:
    _triton_shapes.CHOSEN = Shapes(rows["full"], rows["few"], _triton_shapes.CHOSEN.wide)


def _forward(inputs: list[Tensor]) -> object:
    with torch.no_grad():
        return _triton.mingru_scan(*inputs)


def _both(inputs: list[Tensor]) -> list[Tensor]:
    states, _ = _triton.mingru_scan(*inputs)
    return [states.detach(), *torch.autograd.grad(states, inputs, torch.ones_like(states))]


def kernels(run: Run) -> None:
    """Every scan beside a copy and, where they are installed, beside peers."""
    for sizes in scans.GPU_SHAPES:
        scans.scans(run.report, run.shape(*sizes), (torch.bfloat16,))


def layers(run: Run) -> None:
    """A layer beside cuDNN's GRU and LSTM and beside a loop over GRU cells."""
    for sizes in scans.GPU_LAYERS:
        scans.layer(run.report, run.shape(*sizes), torch.bfloat16)


def training(run: Run, name: str) -> None:
    """Whole steps, compiled and not; with half the batch while memory does not reach."""
    batch, length = (1, 8) if run.tiny else TRAINED[name]
    config = recipes.build(name, **({"dim": 16, "layers": 1} if run.tiny else {})).config
    while batch:
        before = len(run.report.rows)
        train.measure_ours(
            run.report, config, name, batch=batch, length=length, dtype=torch.bfloat16
        )
        rows = run.report.rows[before:]
        if any(row["seconds"] for row in rows) or "OutOfMemory" not in str(rows):
            return
        torch.cuda.empty_cache()
        batch //= 2


def decoding(run: Run) -> None:
    """One stream and 64, by recorded steps and by plain ones."""
    small = {"dim": 16, "layers": 1} if run.tiny else {}
    model = recipes.build("mingru-18m", **small).to(run.device)
    decode.measure_streams(run.report, model, "mingru-18m", (2,) if run.tiny else decode.STREAMS)


def main() -> int:
    """Run the parts in turn; one that fails is told of and the others go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--try", dest="tiny", action="store_true", help="in tiny, on a CPU")
    args = parser.parse_args()
    if not args.tiny and not torch.cuda.is_available():
        print("error: expected a GPU; torch finds none; add --try to try the script on a CPU")
        return 2
    torch.manual_seed(0)
    run = Run(args.tiny)
    parts: dict[str, Callable[[], None]] = {
        "self-test": partial(check, run),
        "shapes": partial(shapes, run),
        "kernels": partial(kernels, run),
        "training mingru-18m": partial(training, run, "mingru-18m"),
        "decoding": partial(decoding, run),
        "layers": partial(layers, run),
        "training hgrn-150m": partial(training, run, "hgrn-150m"),
    }
    faults: Row = {}
    took: Row = {}
    signal.signal(signal.SIGTERM, _out_of_time)
    begin = time.perf_counter()
    for name, part in parts.items():
        start = time.perf_counter()
        if start - begin > ENOUGH:
            faults[name] = "left out: no time was left for it"
            continue
        try:
            part()
        except Exception as error:
            faults[name] = f"{type(error).__name__}: {error}".partition("\n")[0]
        took[name] = {"seconds": round(time.perf_counter() - start, 1)}
        if not args.tiny:
            took[name]["memory_bytes"] = torch.cuda.max_memory_allocated()
            torch.cuda.empty_cache()
        print(f"{name}: {took[name]}", file=sys.stderr, flush=True)
        result = run.found() | {"failed": faults, "parts": took}
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    _print(run.found(), faults)
    tests = run.self_test
    return 0 if tests and all(test["passed"] for test in tests) else 1


def _out_of_time(number: int, frame: object) -> None:
    raise TimeoutError("the script's time was over")


def _print(found: Row, faults: Row) -> None:
    told, limits = found["machine"], found["bounds"]
    device = told.get("device", "cpu, interpreted")
    print(f"{device}, torch {told['torch']}, Triton {told['triton']}, {told['date']}")
    copy = limits["copy_gb_per_s"] or 0.0
    products = {name: f"{rate / 1e3:.1f}" for name, rate in limits["matmul_gflop_per_s"].items()}
    print(f"copy {copy:.0f} GB/s, products in TFLOP/s {products}")
    for test in found["self_test"]:
        print(f"{test['op']:<28}{test['error']:.1e} {'ok' if test['passed'] else 'WRONG'}")
    for row in found["shapes"]:
        if "best" in row:
            print(f"best: {row['best']}")
            continue
        label = f"{row['row']} {row['shape']}"
        line = row.get("failed", "")
        if "both" in row:
            line = (
                f"{row['forward'] * 1e3:.3f} ms {row['forward_of_copy']:.2f}, "
                f"both {row['both'] * 1e3:.3f} ms {row['both_of_copy']:.2f} {line}"
            )
        print(f"{label:<52}{line}")
    for row in found["rows"]:
        sizes = " ".join(f"{k}={v}" for k, v in row["shape"].items() if k != "parameters")
        print(f"{row['name']}, {row['peer'] or 'runnel'}, {sizes}: {_figures(row)}")
    for name, fault in faults.items():
        print(f"{name}: {fault}")


def _figures(row: Row) -> str:
    if row["seconds"] is None:
        return str(row["note"])
    words = [f"{row['seconds'] * 1e3:.3f} ms"]
    if row["fraction_of_bound"] is not None:
        words.append(f"{row['fraction_of_bound']:.2f} of bound")
    if row["ratio_to_ours"] != 1:
        words.append(f"{row['ratio_to_ours']:.2f} x the first")
    tokens = row["shape"]["B"] * row["shape"].get("T", 1)
    if "step" in row["name"] or "streams" in row["name"]:
        words.append(f"{tokens / row['seconds']:,.0f} tokens/s")
    if row["peak_bytes"] is not None:
        words.append(f"peak {row['peak_bytes'] / 1e9:.2f} GB")
    return ", ".join([*words, *([row["note"]] if row["note"] else [])])


if __name__ == "__main__":
    sys.exit(main())
