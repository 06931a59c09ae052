"""What a verb is, and the flags that several verbs share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from runnel.commands.source import add_field_flag


class Verb(NamedTuple):
    """One word after `runnel`: what it does, its flags, its work."""

    name: str
    summary: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]
    """returns the exit code where it is not 0"""
    examples: str = ""


def positive(kind: type[int] | type[float]) -> Callable[[str], Any]:
    """A parser of flags that want a number above zero."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = kind(0)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"expected a number above 0; got {text!r}")
        return value

    return parse


def natural(text: str) -> int:
    """A parser of flags that want a whole number from zero."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0; got {text!r}")
    return int(text)


def add_training_flags(
    parser: argparse.ArgumentParser, out: str = "the run directory (default: runs/RECIPE)"
) -> None:
    """The flags of all verbs that train; `out` says what --out is."""
    add = parser.add_argument
    add(
        "--data",
        metavar="SOURCE",
        help="what to train on: corpus name, path (.txt, .jsonl, .parquet, directory) or hf:NAME",
    )
    add_field_flag(parser, "the recipe's")
    add("--out", metavar="DIR", help=out)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=positive(int), metavar="N", help="budget in steps")
    budget.add_argument("--tokens", type=positive(int), metavar="N", help="budget in tokens")
    budget.add_argument(
        "--minutes",
        type=positive(float),
        metavar="M",
        help="budget in minutes of training (evaluating and saving not counted)",
    )
    add("--batch", type=positive(int), metavar="N", help="sequences in a batch")
    add("--length", type=positive(int), metavar="N", help="tokens in a sequence")
    add("--seed", type=natural, metavar="N", help="seed of weights, data order and dropout")
    add("--device", default="auto", metavar="auto|cpu|cuda", help="where to compute")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        help="format of matrix products; auto: the one this machine multiplies faster",
    )
    add(
        "--resume",
        choices=("auto", "never", "must"),
        default="auto",
        help="resume what --out holds: auto, if it holds anything; never; must, or fail",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="set any field of the recipe, such as model.dim=128 (runnel list fields RECIPE)",
    )
    add("--quiet", action="store_true", help="print only the result")


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def print_table(rows: Sequence[tuple[str, ...]], *, indent: str = "") -> None:
    """Columns aligned by their widest cell, the last one folded at the terminal's width."""
    import shutil
    import textwrap

    if not rows:
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    start = len(indent) + sum(widths) + 2 * len(widths)
    room = max(20, shutil.get_terminal_size((80, 24)).columns - start)
    for row in rows:
        lead = indent + "".join(
            f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False)
        )
        # Names are not broken at their hyphens: they are there to be copied.
        folded = textwrap.wrap(row[-1], room, break_on_hyphens=False)
        lines = folded if sys.stdout.isatty() else [row[-1]]
        for i, line in enumerate(lines or [""]):
            print(((lead if i == 0 else " " * start) + line).rstrip())
