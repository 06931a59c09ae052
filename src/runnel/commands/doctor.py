"""runnel doctor: what this machine offers, which backend is used, and whether each one is right."""

from __future__ import annotations

import argparse
from typing import Any

from runnel.commands.verb import Verb, print_json, print_table


def declare(_parser: argparse.ArgumentParser) -> None:
    """No flags of its own."""


def run(args: argparse.Namespace) -> int:
    """Print the findings; exit 1 if a backend that is in use computes wrongly."""
    import torch

    import runnel
    from runnel import ops
    from runnel.bench.bounds import multiplying
    from runnel.bench.measure import machine
    from runnel.ops import selftest
    from runnel.training.precision import choose_precision

    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    native: Any = ops.BACKENDS["native"]
    tests = [
        o
        for b in ("torch", "native")
        if b == "torch" or native.available()
        for o in selftest.run(b)
    ]
    tests += [o for d in devices[1:] for o in selftest.run(ops.backend_for(d), d)]
    passed = all(test.passed for test in tests)
    found = {
        "runnel": runnel.__version__,
        "machine": machine(),
        "devices": {
            d: {
                "backend": ops.backend_for(d),
                "precision": str(choose_precision("auto", torch.device(d))).removeprefix("torch."),
            }
            for d in devices
        },
        "native": native.unavailable_reason() or "built and loaded",
        "matmul_gflop_per_s": {
            str(t).removeprefix("torch."): multiplying(t).rate() / 1e9
            for t in (torch.float32, torch.bfloat16)
        },
        "self_test": [
            {"backend": t.backend, "op": t.op, "error": t.error, "passed": t.passed} for t in tests
        ],
        "passed": passed,
    }
    if args.json:
        print_json(found)
    else:
        _print(found)
    return 0 if passed else 1


def _print(found: dict[str, Any]) -> None:
    m = found["machine"]
    rates = found["matmul_gflop_per_s"]
    rows = [
        ("runnel", f"{found['runnel']}, torch {m['torch']}, Python {m['python']}"),
        ("processor", f"{m['processor']}, {m['instructions']}, {m['threads']} threads"),
        ("products", ", ".join(f"{name} {rate:.0f} GFLOP/s" for name, rate in rates.items())),
        ("native", f"C++ kernels: {found['native']}"),
    ]
    for device, chosen in found["devices"].items():
        rows.append((device, f"backend {chosen['backend']}, precision {chosen['precision']}"))
    print_table(rows)
    print("\nself-test: values and gradients in float32 against the float64 loop")
    print_table(
        [
            (t["backend"], t["op"], f"{t['error']:.1e}", "ok" if t["passed"] else "WRONG")
            for t in found["self_test"]
        ],
        indent="  ",
    )


VERB = Verb("doctor", "what this machine offers, and a self-test of each backend", declare, run)
