"""runnel data prepare: tokenizes a corpus once, in shards that are mapped into memory."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from runnel.commands.source import add_field_flag, chosen_text
from runnel.commands.verb import Verb, natural, positive, print_json, print_table
from runnel.errors import InputError

if TYPE_CHECKING:
    from runnel.data.write_shards import Progress

_EVERY = 5.0
_MOST_JOBS = 4
"""more processes than these, by default, might take more than 1 GB"""


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    add = parser.add_argument
    add("action", metavar="prepare", help="the only action there is: prepare")
    add("source", metavar="SOURCE", help="corpus name, file, folder or hf:NAME[:FIELD]")
    add(
        "--out",
        required=True,
        metavar="DIR",
        help="the prepared dataset; the same command resumes it",
    )
    add(
        "--tokenizer",
        default="byte",
        metavar="NAME",
        help="byte, char, bpe:N (trained on the first 16 MB) or gpt2:DIR (default: byte)",
    )
    add_field_flag(parser, "text")
    add(
        "--separator",
        choices=("auto", "end-of-text", "blank-line", "none"),
        default="auto",
        help="what stands between documents; auto: <|endoftext|> where the first 4 MB have it",
    )
    add(
        "--held-out",
        type=positive(float),
        default=0.1,
        metavar="X",
        help="fraction held out for validation (default: 0.1)",
    )
    add(
        "--split",
        choices=("auto", "documents", "tail"),
        default="auto",
        help="hold out documents drawn at random, or the end of the text; auto: documents if there "
        "are 100 or more",
    )
    add("--split-seed", type=natural, default=0, metavar="N", help="seed of that draw (default: 0)")
    add(
        "--megabytes",
        type=positive(float),
        default=8.0,
        metavar="N",
        help="size of the corpus `stories` (default: 8)",
    )
    add(
        "--jobs",
        type=positive(int),
        metavar="N",
        help=f"processes (default: one a core, {_MOST_JOBS} at most)",
    )
    add("--quiet", action="store_true", help="print only the result")


def run(args: argparse.Namespace) -> None:
    """Prepare, with a line or a bar of progress, then say what is there."""
    if args.action != "prepare":
        raise InputError(f"expected runnel data prepare; got data {args.action!r}")
    import dataclasses
    import os
    from pathlib import Path

    from runnel.data import DataConfig
    from runnel.data.prepare import prepare

    config = DataConfig(
        source=os.path.abspath(args.source) if os.path.exists(args.source) else args.source,
        tokenizer=args.tokenizer,
        separator=args.separator,
        held_out=args.held_out,
        split=args.split,
        split_seed=args.split_seed,
        megabytes=args.megabytes,
    )
    config = chosen_text(config, None, args.field)
    cores = len(os.sched_getaffinity(0))
    shown: Any = _Silence() if args.quiet or args.json else _display()
    with shown:
        jobs = args.jobs or min(cores, _MOST_JOBS)
        found = prepare(config, Path(args.out).expanduser(), jobs=jobs, report=shown.report)
    if args.json:
        print_json(dataclasses.asdict(found))
        return
    print_table(
        [
            ("dataset", found.path),
            ("text", f"{found.bytes:,} bytes, {found.documents:,} documents"),
            ("held out", f"{found.held_out_documents:,} documents"),
            ("tokens", f"{found.tokens:,} of {found.vocab_size:,} kinds ({found.tokenizer})"),
            ("shards", f"{found.shards:,}"),
            ("time", f"{found.seconds:.1f} s, {found.bytes / 1e6 / found.seconds:,.1f} MB/s"),
            ("next", f"runnel train RECIPE --data {found.path}"),
        ]
    )


class _Silence:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def report(self, progress: Progress) -> None: ...


class _Lines(_Silence):
    """A plain line every few seconds, for logs."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def report(self, progress: Progress) -> None:
        """Print the line if it is time for one."""
        if time.perf_counter() - self._last >= _EVERY:
            self._last = time.perf_counter()
            print(_line(progress), file=sys.stderr, flush=True)


class _Bar(_Silence):
    """A bar on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("reading", total=None)

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def report(self, progress: Progress) -> None:
        """Move the bar."""
        total = None if progress.fraction is None else 1.0
        self._bar.update(
            self._task,
            description=_line(progress),
            completed=progress.fraction or 0.0,
            total=total,
        )


def _display() -> _Silence:
    return _Bar() if sys.stderr.isatty() else _Lines()


def _line(progress: Progress) -> str:
    new = progress.bytes - progress.resumed
    line = f"{progress.bytes / 1e6:,.0f} MB, {new / 1e6 / max(progress.seconds, 1e-9):,.1f} MB/s"
    if progress.fraction:
        left = progress.seconds * (1 - progress.fraction) / progress.fraction
        line += f", {progress.fraction:.0%}, {left:,.0f} s left"
    return line


VERB = Verb(
    "data",
    "prepares a corpus once, as tokens in shards that are mapped into memory",
    declare,
    run,
    "runnel data prepare books/ --tokenizer bpe:4096 --out data/books\n"
    "runnel train mingru-stories --data data/books",
)
