"""runnel compare: several recipes under one budget, and a report of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runnel.commands.verb import Verb, add_training_flags, positive, print_json, print_table
from runnel.errors import DivergedError, InputError

if TYPE_CHECKING:
    from runnel.reports.results import Comparison
    from runnel.training import Recipe


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    add = parser.add_argument
    add(
        "recipes",
        nargs="*",
        metavar="RECIPE",
        help="names of recipes (runnel list recipes); data, tokenizer, batches and prompts are "
        "taken from the first",
    )
    add_training_flags(parser, out="directory of the comparison and its report (required)")
    add("--seeds", type=positive(int), default=3, metavar="N", help="runs of each (default: 3)")
    add(
        "--match",
        choices=("parameters",),
        help="adjust widths until all have the same size, to 2 %%",
    )
    add(
        "--parameters",
        type=positive(int),
        metavar="N",
        help="the size to match, embedding and head not counted (default: the first recipe's)",
    )
    add(
        "--against",
        nargs="+",
        default=[],
        metavar="hf:NAME",
        help="Hugging Face models, or folders that hold one, to judge on the same text",
    )
    add(
        "--from",
        dest="parts",
        nargs="+",
        metavar="RESULTS",
        help="merge the results of earlier comparisons",
    )


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, write the report, print the table."""
    if args.out is None:
        raise InputError("expected --out DIR for the report; got none; name a directory")
    out = Path(args.out)
    interrupted = 0
    if args.parts:
        if args.recipes:
            raise InputError(
                f"expected --from alone; got the recipe {args.recipes[0]} as well; train it into "
                "an --out of its own, then merge"
            )
        if args.against:
            raise InputError(
                f"expected --from alone; got --against {args.against[0]} as well; give it to the "
                "comparison whose text it is to read"
            )
        comparisons = _merged([Path(part) for part in args.parts], out)
    else:
        comparisons, interrupted = _trained(args, out)
    if args.json:
        _print_json(out, comparisons)
    else:
        _print(out, comparisons)
    if interrupted:
        if not args.json:
            print("interrupted and saved; run the same command to resume")
        return 128 + interrupted
    _check_any(comparisons)
    return 0


def _merged(parts: list[Path], out: Path) -> list[Comparison]:
    from runnel import files
    from runnel.reports.plan import read_plan
    from runnel.reports.results import merge, read
    from runnel.reports.write import write_report

    merged = merge([read(part) for part in parts])
    if read_plan(out) is not None:
        raise InputError(f"expected an --out without a comparison; got {out}; choose another")
    with files.disk_errors(out.name):
        out.mkdir(parents=True, exist_ok=True)
    write_report(out, merged)
    return merged


def _trained(args: argparse.Namespace, out: Path) -> tuple[list[Comparison], int]:
    from runnel import files
    from runnel.lock import WriterLock
    from runnel.reports.board import choose_board
    from runnel.reports.plan import check_same, read_plan, write_plan
    from runnel.reports.runner import Interrupted, run_all
    from runnel.reports.write import write_report

    plan = _plan(args)
    before = read_plan(out)
    if before is not None:
        if args.resume == "never":
            raise InputError(f"expected an --out without a comparison; got {out}; choose another")
        check_same(before, plan, out)
        plan = before
    elif args.resume == "must":
        raise InputError(f"expected a comparison to resume in {out}; there is none")
    with files.disk_errors(out.name):
        out.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(out)
    lock.acquire()
    try:
        if before is None:
            write_plan(out, plan)
        board = choose_board(args.quiet or args.json)
        latest = [plan]

        def report(found: Comparison) -> None:
            latest[0] = found
            write_report(out, [found])

        try:
            report(run_all(out, plan, board, report))
        except Interrupted as signal:
            return latest, signal.number
        return latest, 0
    finally:
        lock.release()


def _plan(args: argparse.Namespace) -> Comparison:
    """Everything that can be refused is refused here, before anything is written."""
    import datetime

    import runnel
    from runnel.bench.measure import machine
    from runnel.configuration import to_plain
    from runnel.data import open_corpus
    from runnel.inference.against import check_against
    from runnel.models.size import count_parameters, count_without_embeddings
    from runnel.recipes import RECIPES
    from runnel.reports.guests import guest_entry
    from runnel.reports.plan import batch_tokens
    from runnel.reports.results import Comparison, Conditions, Entry
    from runnel.training.precision import choose_device
    from runnel.training.schedule import Budget

    recipes = _recipes(args)
    first = next(iter(recipes.values()))
    device = str(choose_device(args.device))
    corpus = open_corpus(first.data)
    recipes, matched = _sized(recipes, corpus.tokenizer.vocab_size, args)
    for name, recipe in recipes.items():
        _check(name, recipe, corpus)
    check_against(args.against)
    entries = tuple(
        Entry(
            name=name,
            source=RECIPES[name].source,
            recipe=to_plain(recipe),
            parameters=count_parameters(recipe.model),
            parameters_without_embeddings=count_without_embeddings(recipe.model),
        )
        for name, recipe in recipes.items()
    )
    entries += tuple(map(guest_entry, args.against))
    return Comparison(
        made=datetime.date.today().isoformat(),
        version=runnel.__version__,
        # A comparison may go on tomorrow, but not on another machine.
        machine={name: value for name, value in machine().items() if name != "date"},
        device=device,
        conditions=Conditions(
            data=corpus.name,
            description=f"{corpus.description}; {corpus.bytes / 1e6:,.2f} MB",
            data_sha256=corpus.sha256,
            tokenizer=f"{corpus.tokenizer.name}, {corpus.tokenizer.vocab_size:,} tokens",
            budget=str(Budget.of(first.training)),
            batch_tokens=batch_tokens(first),
            length=first.training.length,
            matched=matched,
        ),
        seeds=tuple(range(first.training.seed, first.training.seed + args.seeds)),
        entries=entries,
    )


def _recipes(args: argparse.Namespace) -> dict[str, Recipe]:
    from runnel.commands.train import chosen_recipe
    from runnel.reports.plan import equalised

    if not args.recipes:
        raise InputError("expected recipes to compare; got none; see runnel list recipes")
    if not (args.steps or args.tokens or args.minutes):
        raise InputError(
            "expected a budget for each recipe; got none; give --minutes, --tokens or --steps"
        )
    recipes: dict[str, Recipe] = {}
    for name in args.recipes:
        if name in recipes:
            raise InputError(f"expected each recipe once; got {name} twice")
        recipes[name] = chosen_recipe(name, args)
        if recipes[name].task is not None:
            raise InputError(
                f"expected recipes that read a text; got {name}, which trains on a task; "
                "compare its runs with runnel evaluate --task"
            )
    return equalised(recipes, [text.partition("=")[0].split(".")[-1] for text in args.set])


def _sized(
    recipes: dict[str, Recipe], vocab_size: int, args: argparse.Namespace
) -> tuple[dict[str, Recipe], str]:
    """The recipes with the corpus's vocabulary, and of one size where that is wanted."""
    import dataclasses

    from runnel.models.size import count_without_embeddings, match_size

    if args.parameters and not args.match:
        raise InputError("expected --match parameters beside --parameters; got it alone")
    models: dict[str, Any] = {}
    for name, recipe in recipes.items():
        try:
            models[name] = dataclasses.replace(recipe.model, vocab_size=vocab_size)
        except ValueError as error:
            raise InputError(f"{name}: {error}") from None
    matched = "as each recipe has them, not matched"
    if args.match:
        target = args.parameters or count_without_embeddings(next(iter(models.values())))
        for name, model in models.items():
            try:
                models[name] = match_size(model, target)
            except ValueError as error:
                raise InputError(f"{name} cannot be matched: {error}") from None
        sizes = [count_without_embeddings(model) for model in models.values()]
        matched = (
            f"widths adjusted to {target:,} parameters without embedding and head; reached "
            f"{min(sizes):,} to {max(sizes):,}"
        )
    return {n: dataclasses.replace(r, model=models[n]) for n, r in recipes.items()}, matched


def _check(name: str, recipe: Recipe, corpus: Any) -> None:
    """What training would refuse after minutes of other recipes' work."""
    from runnel.data import Loader
    from runnel.models.size import count_parameters

    training = recipe.training
    Loader(corpus.train, batch=training.batch, length=training.length, seed=0)
    try:
        count_parameters(recipe.model)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None


def _print(out: Path, comparisons: list[Comparison]) -> None:
    import textwrap

    from runnel.reports.table import terminal_rows
    from runnel.reports.words import headline

    for comparison in comparisons:
        conditions = comparison.conditions
        seeds = "1 seed" if len(comparison.seeds) == 1 else f"{len(comparison.seeds)} seeds"
        print(f"{conditions.data}, {conditions.budget} each, {seeds}")
        rows = terminal_rows(comparison)
        _print_aligned(rows)
        print(textwrap.fill(headline(comparison), 79))
    print(f"report: {out / 'report.html'}")


def _print_aligned(rows: list[tuple[str, ...]]) -> None:
    whole = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(len(row[i]) for row in whole) for i in range(len(rows[0]))]
    widths[0] = max(len(row[0]) for row in rows)
    for row in rows:
        if len(row) < len(widths):
            print_table([row])
            continue
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:2], widths[:2], strict=True)]
        cells += [f"{cell:>{width}}" for cell, width in zip(row[2:], widths[2:], strict=True)]
        print("  ".join(cells))


def _print_json(out: Path, comparisons: list[Comparison]) -> None:
    import json

    from runnel.reports.results import render

    print_json({**json.loads(render(comparisons)), "out": str(out)})


def _check_any(comparisons: list[Comparison]) -> None:
    """With nothing finished there is an error to report, not a table."""
    runs = [run for c in comparisons for entry in c.entries for run in entry.runs]
    if runs and not any(run.status == "finished" for run in runs):
        line = f"expected a recipe that finishes; got none; the first: {runs[0].reason}"
        raise DivergedError(line) if runs[0].status == "diverged" else InputError(line)


VERB = Verb(
    "compare",
    "trains several recipes under one budget and writes a report",
    declare,
    run,
    "runnel compare mingru-stories gru-stories --minutes 2 --seeds 3 --out runs/compared\n"
    "runnel compare gpt2-1m mingru-1m --tokens 200000 --against hf:roneneldan/TinyStories-1M "
    "--out runs/guests\n"
    "runnel compare --from runs/a runs/b --out runs/both",
)
