"""runnel bench: speed and memory beside peers and beside measured bounds."""

from __future__ import annotations

import argparse
import itertools
import sys
from typing import TYPE_CHECKING, Any

from runnel.commands.verb import Verb, positive, print_json
from runnel.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from runnel.bench.report import Report

_SHORT = {"float32": "fp32", "bfloat16": "bf16"}
KINDS = ("ops", "train", "decode", "prefill")


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    add = parser.add_argument
    add("kind", metavar="KIND", help="what to measure: " + ", ".join(KINDS))
    add(
        "--recipe", default="mingru-18m", metavar="RECIPE", help="whose model (default: mingru-18m)"
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="set any field of the recipe, such as model.dim=192",
    )
    add("--only", metavar="TEXT", help="only the contests whose title contains this text")
    add("--quick", action="store_true", help="fewer rounds, shapes and lengths")
    add(
        "--plot", metavar="FILE", help="ops: draw time and memory against length (.svg, .png, .pdf)"
    )
    add(
        "--batch",
        type=positive(int),
        default=8,
        metavar="N",
        help="train: sequences in a batch (8)",
    )
    add(
        "--length",
        type=positive(int),
        default=512,
        metavar="N",
        help="train: tokens in a sequence (512)",
    )
    add("--device", default="auto", metavar="auto|cpu|cuda", help="where to measure")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="train: format of matrix products",
    )


def run(args: argparse.Namespace) -> None:
    """Measure, then print a table or JSON."""
    from runnel.configuration import suggest

    if args.kind not in KINDS:
        raise InputError(
            f"expected one of {', '.join(KINDS)}; got {args.kind!r}; {suggest(args.kind, KINDS)}"
        )
    if args.plot and args.kind != "ops":
        raise InputError(f"expected --plot with ops; got it with {args.kind}; leave it out")
    picture = _picture(args.plot) if args.plot else None
    from runnel.bench import lengths
    from runnel.bench.measure import QUICK, Pace
    from runnel.bench.report import Report
    from runnel.training.precision import choose_device

    device = choose_device(args.device)
    if args.plot and (args.only or "") not in lengths.NAME:
        raise InputError(
            f"expected --only with a part of {lengths.NAME!r} beside --plot, which draws that; got "
            f"{args.only!r}; leave one of them out"
        )
    if args.plot and device.type != "cpu":
        raise InputError(f"expected --plot with --device cpu; got {device}; leave one of them out")
    show = _progress if sys.stderr.isatty() else _silent
    report = Report(QUICK if args.quick else Pace(), args.only, show, device)
    _measure(report, args)
    found = report.result()
    if not found["rows"]:
        raise InputError(f"expected a part of a contest's title for --only; got {args.only!r}")
    if picture is not None:
        lengths.draw(found["rows"], picture)
    if args.json:
        print_json(found)
    else:
        _print(found)


def _measure(report: Report, args: argparse.Namespace) -> None:
    from runnel.allocator import keep_freed_memory
    from runnel.bench import decode, diverging, gru_memory, lengths, ops, prefill, train
    from runnel.configuration import override
    from runnel.recipes import recipe

    # As training does; it serves peers and bounds alike, for it holds for the whole process.
    keep_freed_memory()
    if args.kind == "ops" and report.device.type == "cuda":
        ops.measure_on_gpu(report, ops.GPU_SHAPES[:1] if args.quick else ops.GPU_SHAPES)
        return
    if args.kind == "ops":
        ops.measure(report, ops.SHAPES[:1] if args.quick else ops.SHAPES)
        if args.plot:
            lengths.measure(report, lengths.LENGTHS[:3] if args.quick else lengths.LENGTHS)
        return
    model = override(recipe(args.recipe), args.set).model.build().to(report.device)
    if args.kind == "decode":
        positions = decode.POSITIONS[:3] if args.quick else decode.POSITIONS
        decode.measure(report, model, args.recipe, positions)
        if report.device.type == "cuda":
            decode.measure_streams(report, model, args.recipe)
    elif args.kind == "prefill":
        prompts = prefill.LENGTHS[:1] if args.quick else prefill.LENGTHS
        prefill.measure(report, model, args.recipe, prompts)
    else:
        from runnel.models.diverging import DivergingConfig
        from runnel.training.precision import choose_precision

        dtype = choose_precision(args.precision, report.device)
        train.measure(
            report, model.config, args.recipe, batch=args.batch, length=args.length, dtype=dtype
        )
        if args.only or not args.quick:
            gru_memory.measure(report, dtype)
            growing, whole = (recipe(name).model for name in ("diverging-11m", "gpt2-15m"))
            assert isinstance(growing, DivergingConfig)
            diverging.measure(report, growing, whole, "runnel GPT-2, 12 blocks", dtype)


def _picture(file: str) -> Path:
    from pathlib import Path

    path = Path(file)
    if path.suffix not in (".svg", ".png", ".pdf") or not path.parent.is_dir():
        raise InputError(f"expected a .svg, .png or .pdf in a directory that exists; got {file}")
    return path


def _progress(title: str) -> None:
    sys.stderr.write(f"{title}\n")


def _silent(title: str) -> None:
    pass


def _print(found: dict[str, Any]) -> None:
    machine, bounds = found["machine"], found["bounds"]
    if "device" in machine:
        print(machine["device"])
    print(f"{machine['processor']}, {machine['instructions']}, {machine['threads']} threads")
    print(f"torch {machine['torch']}, Python {machine['python']}, {machine['date']}")
    rates = [
        f"{name[:4]} {bounds[name]:.1f} GB/s"
        for name in ("copy_gb_per_s", "read_gb_per_s")
        if bounds[name]
    ]
    rates += [f"{d} products {x:.0f} GFLOP/s" for d, x in bounds["matmul_gflop_per_s"].items()]
    print("measured bounds: " + ", ".join(rates))
    for (name, shape), rows in itertools.groupby(
        found["rows"],
        lambda row: (row["name"], " ".join(f"{k} {v:,}" for k, v in row["shape"].items())),
    ):
        print(f"\n{name}; {shape}")
        print(f"  {'':26}{'median':>10}  {'quartiles':>15}{'ratio':>8}{'bound':>7}{'peak':>10}")
        contest = list(rows)
        mixed = len({row["dtype"] for row in contest} - {None}) > 1
        for row in contest:
            _print_row(row, f" {_SHORT.get(row['dtype'], '')}" if mixed else "")


def _print_row(row: dict[str, Any], dtype: str) -> None:
    who = (row["peer"] or "runnel") + dtype
    if row["seconds"] is None:
        print(f"  {who:26}{row['note'].split('; ')[-1]}")
        return
    unit, scale = next(
        (u, s)
        for u, s in (("s", 1.0), ("ms", 1e3), ("us", 1e6))
        if row["seconds"] * s >= 1 or u == "us"
    )
    low, high = (x * scale for x in row["spread"])
    bound = "" if row["fraction_of_bound"] is None else f"{row['fraction_of_bound']:.2f}"
    peak = "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:.1f} MB"
    print(
        f"  {who:26}"
        f"{row['seconds'] * scale:>7.4g} {unit:<2}  {f'{low:.4g} to {high:.4g}':>15}"
        f"{row['ratio_to_ours']:>8.2f}{bound:>7}{peak:>10}"
    )
    if row["note"]:
        print(f"    {row['note']}")


VERB = Verb(
    "bench",
    "measures speed and memory beside other libraries and beside what the machine can do",
    declare,
    run,
    "runnel bench decode\nrunnel bench ops --only mingru_scan --quick\nrunnel bench train --json",
)
