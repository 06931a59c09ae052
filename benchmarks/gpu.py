"""The parts of `benchmarks/gpu.sh`: bounds, self-test, kernels, peers, training, decoding."""

# B batch, T time, E inner width

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runnel import ops
from runnel.ops import _triton, selftest

Row = dict[str, Any]


class Machine:
    """A device, and how to time on it."""

    def __init__(self, tiny: bool) -> None:
        self.tiny = tiny
        self.device = torch.device("cpu" if tiny else "cuda")

    def seconds(self, call: Callable[[], object], rounds: int = 20) -> float:
        """The median of repeated calls, after three to warm up."""
        times = []
        for turn in range(4 if self.tiny else rounds + 3):
            self.wait()
            start = time.perf_counter()
            call()
            self.wait()
            if turn >= 3:
                times.append(time.perf_counter() - start)
        return sorted(times)[len(times) // 2]

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if not self.tiny:
            torch.cuda.synchronize()

    def random(self, *shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(*shape, device=self.device, dtype=dtype)

    def peak_bytes(self) -> int | None:
        """The most memory that tensors took since the last call."""
        if self.tiny:
            return None
        peak = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return peak


def bounds(m: Machine) -> Row:
    """Bytes a second of a copy (read and written), operations a second of a product."""
    x = m.random(1 << (16 if m.tiny else 30))
    y = torch.empty_like(x)
    side = 64 if m.tiny else 8192
    a, b = m.random(side, side), m.random(side, side)
    return {
        "copy_gb_per_s": 2 * x.nbytes / m.seconds(lambda: y.copy_(x)) / 1e9,
        "matmul_gflop_per_s": {"bfloat16": 2 * side**3 / m.seconds(lambda: a @ b) / 1e9},
    }


def self_test(m: Machine) -> list[Row]:
    """Every op of the backend in use against the float64 loop; the interpreter does one op."""
    if m.tiny:
        fault = _triton.fault("cpu")
        return [{"backend": "triton", "op": "mingru_scan", "error": 0.0, "passed": not fault}]
    backend = ops.backend_for(m.device)
    return [
        {"backend": o.backend, "op": o.op, "error": o.error, "passed": o.passed}
        for o in selftest.run(backend, m.device.type)
    ]


def _scan(name: str, m: Machine, B: int, T: int, E: int) -> tuple[list[Tensor], Callable[..., Any]]:
    inputs = [m.random(B, T, E).requires_grad_() for _ in range(3 if name == "minlstm" else 2)]
    backend: Any = ops.BACKENDS["triton"] if m.tiny else ops
    if name == "hgru":
        lower = torch.rand(E, device=m.device)
        return inputs, lambda *x: backend.hgru_scan(*x, lower, None)
    return inputs, getattr(backend, f"{name}_scan")


def _forward_and_backward(m: Machine, inputs: list[Tensor], run: Callable[..., Any]) -> Row:
    weight = torch.ones_like(inputs[0])

    def forward() -> None:
        with torch.no_grad():
            run(*inputs)

    def both() -> None:
        torch.autograd.grad(run(*inputs)[0], inputs, weight)

    return {"forward": m.seconds(forward), "both": m.seconds(both)}


def kernels(m: Machine, copy: float) -> list[Row]:
    """Each scan beside the bytes that it must move at the copy's speed."""
    shapes = [(1, 40, 8)] if m.tiny else [(16, 4096, 2048), (1, 65_536, 512)]
    rows = []
    for shape in shapes:
        for name in ("mingru", "minlstm", "hgru"):
            inputs, run = _scan(name, m, *shape)
            found = _forward_and_backward(m, inputs, run)
            array, n = inputs[0].nbytes, len(inputs)
            # Forward reads n and writes one; backward reads n, the states and their gradient
            # and writes n.
            moved = {"forward": (n + 1) * array, "both": (3 * n + 3) * array}
            rows += [
                {
                    "name": f"{name} {part}",
                    "shape": shape,
                    "dtype": "bfloat16",
                    "seconds": found[part],
                    "fraction_of_bound": moved[part] / found[part] / 1e9 / copy,
                    "peak_bytes": m.peak_bytes(),
                }
                for part in ("forward", "both")
            ]
    return rows


def peers(m: Machine) -> list[Row]:
    """The same recurrence by others, and cuDNN's GRU, as ratios to our time."""
    rows = []
    B, E = (1, 8) if m.tiny else (16, 512)
    for T in (16,) if m.tiny else (512, 4096):
        inputs, run = _scan("mingru", m, B, T, E)
        ours = _forward_and_backward(m, inputs, run)["both"]
        others: dict[str, Callable[[], float]] = {"nn.GRU": lambda T=T: _gru(m, B, T, E)}
        if find_spec("fla") and not m.tiny:
            others["fla chunk_hgrn"] = lambda T=T: _fla(m, B, T, E)
        if find_spec("accelerated_scan") and not m.tiny:
            others["accelerated-scan warp"] = lambda T=T: _accelerated(m, B, T, E)
        for peer, measure in others.items():
            row: Row = {"name": "mingru both", "peer": peer, "shape": (B, T, E)}
            try:
                seconds = measure()
                row |= {"seconds": seconds, "ratio_to_ours": seconds / ours}
            except Exception as error:
                row["failed"] = str(error).partition("\n")[0]
            rows.append(row)
    return rows


def _gru(m: Machine, B: int, T: int, E: int) -> float:
    gru = nn.GRU(E, E, batch_first=True, device=m.device, dtype=torch.bfloat16)
    return _forward_and_backward(m, [m.random(B, T, E).requires_grad_()], gru)["both"]


def _fla(m: Machine, B: int, T: int, E: int) -> float:
    from fla.ops.hgrn import chunk_hgrn

    inputs = [m.random(B, T, E).requires_grad_() for _ in range(2)]
    return _forward_and_backward(m, inputs, lambda x, g: chunk_hgrn(x, g.sigmoid().log()))["both"]


def _accelerated(m: Machine, B: int, T: int, E: int) -> float:
    from accelerated_scan.warp import scan

    inputs = [m.random(B, E, T).requires_grad_() for _ in range(2)]
    return _forward_and_backward(m, inputs, lambda a, x: (scan(a.sigmoid(), x),))["both"]


TRAINED = {"mingru-18m": (64, 512), "hgrn-150m": (8, 2048)}
"""recipes and their batches (sequences, tokens each)"""


def training(m: Machine, matmul: float, name: str) -> list[Row]:
    """Whole steps in bfloat16, compiled: tokens a second, memory, share of the products' bound."""
    from runnel.recipes import build

    B, T = TRAINED[name]
    small = {"dim": 16, "layers": 2} if m.tiny else {}
    model = build(name, **small).to(m.device).train()
    V = model.config.vocab_size
    B, T = (1, 8) if m.tiny else (B, T)
    tokens = torch.randint(0, V, (B, T + 1), device=m.device)
    optimizer = torch.optim.AdamW(model.parameters(), fused=not m.tiny)
    compiled = model if m.tiny else torch.compile(model)

    def step(compiled: Any = compiled, tokens: Tensor = tokens, optimizer: Any = optimizer) -> None:
        with torch.autocast(m.device.type, torch.bfloat16):
            logits = compiled(tokens[:, :-1])[0]
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    start = time.perf_counter()
    step()
    m.wait()
    first = time.perf_counter() - start
    m.peak_bytes()
    seconds = m.seconds(step, rounds=10)
    flops = 6 * sum(p.numel() for p in model.parameters()) * B * T
    return [
        {
            "name": f"train {name}",
            "shape": (B, T),
            "seconds": seconds,
            "tokens_per_second": B * T / seconds,
            "first_step_seconds": first,
            "fraction_of_bound": flops / seconds / 1e9 / matmul,
            "peak_bytes": m.peak_bytes(),
        }
    ]


def decoding(m: Machine) -> list[Row]:
    """64 streams of the 18 M model, one CUDA graph a step."""
    from runnel.recipes import build

    streams = 2 if m.tiny else 64
    model = build("mingru-18m", **({"dim": 16, "layers": 2} if m.tiny else {}))
    model = model.to(m.device, torch.bfloat16)
    token = torch.zeros(streams, dtype=torch.int64, device=m.device)
    with torch.no_grad():
        state = model.init_state(streams)
        if m.tiny:
            seconds = m.seconds(lambda: model.step(token, state))
        else:
            side = torch.cuda.Stream()
            with torch.cuda.stream(side):
                for _ in range(3):
                    model.step(token, state)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                logits, after = model.step(token, state)
                token.copy_(logits.argmax(-1))
                _copy_state(state, after)
            seconds = m.seconds(graph.replay, rounds=200)
    return [
        {
            "name": "decode mingru-18m",
            "shape": (streams,),
            "seconds": seconds,
            "tokens_per_second": streams / seconds,
        }
    ]


def _copy_state(into: Any, source: Any) -> None:
    if isinstance(into, Tensor):
        into.copy_(source)
        return
    for a, b in zip(into, source, strict=True):
        _copy_state(a, b)


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
    m = Machine(args.tiny)
    name = "cpu, interpreted" if args.tiny else torch.cuda.get_device_name()
    result: Row = {"machine": {"device": name, "torch": torch.__version__}, "rows": []}
    result["bounds"] = bounds(m)
    copy = result["bounds"]["copy_gb_per_s"]
    matmul = result["bounds"]["matmul_gflop_per_s"]["bfloat16"]
    result["self_test"] = self_test(m)
    parts: list[tuple[str, Callable[[], list[Row]]]] = [
        ("kernels", lambda: kernels(m, copy)),
        ("peers", lambda: peers(m)),
        *((f"train {name}", partial(training, m, matmul, name)) for name in TRAINED),
        ("decoding", lambda: decoding(m)),
    ]
    for part, run in parts:
        try:
            result["rows"] += run()
        except Exception as error:
            result["rows"].append({"name": part, "failed": f"{type(error).__name__}: {error}"})
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    _print(result)
    return 0 if all(test["passed"] for test in result["self_test"]) else 1


def _print(result: Row) -> None:
    limits = result["bounds"]
    print(f"{result['machine']['device']}, torch {result['machine']['torch']}")
    print(
        f"copy {limits['copy_gb_per_s']:.0f} GB/s, "
        f"products {limits['matmul_gflop_per_s']['bfloat16'] / 1e3:.1f} TFLOP/s in bfloat16"
    )
    for test in result["self_test"]:
        print(f"{test['op']:<28}{test['error']:.1e} {'ok' if test['passed'] else 'WRONG'}")
    for row in result["rows"]:
        label = f"{row['name']} {row.get('peer', '')} {row.get('shape', '')}"
        if "failed" in row:
            print(f"{label:<50}failed: {row['failed'][:60]}")
            continue
        told = [f"{row['seconds'] * 1e3:.2f} ms"]
        if "fraction_of_bound" in row:
            told.append(f"{row['fraction_of_bound']:.2f} of bound")
        if "ratio_to_ours" in row:
            told.append(f"{row['ratio_to_ours']:.1f} x ours")
        if "tokens_per_second" in row:
            told.append(f"{row['tokens_per_second']:,.0f} tokens/s")
        print(f"{label:<50}{', '.join(told)}")


if __name__ == "__main__":
    sys.exit(main())
