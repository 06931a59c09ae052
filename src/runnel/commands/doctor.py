"""runnel doctor: what this machine offers, which backend is used, and whether each one is right."""

from __future__ import annotations

import argparse
from typing import Any

from runnel.commands.verb import Verb, print_json, print_table


def declare(_parser: argparse.ArgumentParser) -> None:
    """No flags of its own."""


def run(args: argparse.Namespace) -> int:
    """Print the findings; exit 1 if a backend that is in use computes wrongly."""
    import warnings

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
    with warnings.catch_warnings():
        # What they say stands in the table below.
        warnings.simplefilter("ignore", RuntimeWarning)
        chosen = {d: {op: ops.backend_for(d, op) for op in selftest.OPS} for d in devices}
    tests += [selftest.one(b, op, d) for d in devices[1:] for op, b in chosen[d].items()]
    passed = all(test.passed for test in tests)
    found = {
        "runnel": runnel.__version__,
        "machine": machine(),
        "devices": {
            d: {
                "backend": chosen[d]["mingru_scan"],
                "precision": str(choose_precision("auto", torch.device(d))).removeprefix("torch."),
                "plain_torch": {
                    op: ops.shortcoming(d, op) for op, b in chosen[d].items() if b == "torch"
                },
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
    threads = "1 thread" if m["threads"] == 1 else f"{m['threads']} threads"
    rows = [
        ("runnel", f"{found['runnel']}, torch {m['torch']}, Python {m['python']}"),
        ("processor", f"{m['processor']}, {m['instructions']}, {threads}"),
        ("products", ", ".join(f"{name} {rate:.0f} GFLOP/s" for name, rate in rates.items())),
        ("native", f"C++ kernels: {found['native']}"),
    ]
    for device, chosen in found["devices"].items():
        rows.append((device, f"backend {chosen['backend']}, precision {chosen['precision']}"))
    print_table(rows)
    for device, chosen in found["devices"].items():
        slow: dict[str, list[str]] = {}
        for op, reason in chosen["plain_torch"].items():
            slow.setdefault(reason, []).append(op)
        for reason, ops in slow.items():
            print(f"{device} computes {', '.join(ops)} by plain torch, many times slower: {reason}")
    print("\nself-test: values and gradients in float32 against the float64 loop")
    print_table(
        [
            (t["backend"], t["op"], f"{t['error']:.1e}", "ok" if t["passed"] else "WRONG")
            for t in found["self_test"]
        ],
        indent="  ",
    )


VERB = Verb("doctor", "shows what this machine offers, and self-tests each backend", declare, run)
