"""runnel bench: speed beside measured bounds."""

from __future__ import annotations

import argparse

from runnel.commands.verb import Verb, print_json, print_table
from runnel.errors import InputError

KINDS = ("ops", "train", "decode", "prefill")


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("kind", metavar="KIND", help="decode; ops, train and prefill come later")
    parser.add_argument("--recipe", default="mingru-stories", metavar="RECIPE", help="whose model")


def run(args: argparse.Namespace) -> None:
    """Measure and print a table."""
    from runnel.configuration import suggest

    if args.kind not in KINDS:
        raise InputError(
            f"expected one of {', '.join(KINDS)}; got {args.kind!r}; {suggest(args.kind, KINDS)}"
        )
    if args.kind != "decode":
        raise InputError(f"expected bench decode; got {args.kind}, which is not there yet")
    from runnel.bench.decode import measure
    from runnel.recipes import build

    found = measure(build(args.recipe), args.recipe)
    if args.json:
        print_json(found)
        return
    machine, bounds = found["machine"], found["bounds"]
    print(f"{machine['processor']}, {machine['cores']} threads, torch {machine['torch']}")
    print(f"copy {bounds['copy_gb_per_s']:.1f} GB/s read and written")
    rows = [("one stream", "us/token", "quartiles", "against the first")]
    for row in found["rows"]:
        low, high = (1e6 * s for s in row["spread"])
        ratio = f"{row['ratio_to_ours']:.2f}"
        rows.append((row["name"], f"{1e6 * row['seconds']:.0f}", f"{low:.0f} to {high:.0f}", ratio))
    print_table(rows)


VERB = Verb("bench", "speed beside measured bounds", declare, run, "runnel bench decode")
