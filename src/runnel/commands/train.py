"""runnel train: from a recipe to a run directory."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from runnel.commands.source import chosen_text, task_fields
from runnel.commands.verb import Verb, add_training_flags, print_json

if TYPE_CHECKING:
    from runnel.training import Recipe, Result


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("recipe", metavar="RECIPE", help="the recipe's name (runnel list recipes)")
    add_training_flags(parser)


def chosen_recipe(name: str, args: argparse.Namespace) -> Recipe:
    """The recipe of that name with the flags and then the --set fields put into it."""
    import dataclasses

    from runnel import recipes
    from runnel.configuration import override

    recipe = recipes.recipe(name)
    flags = ("steps", "tokens", "minutes", "batch", "length", "seed", "precision")
    given = {flag: getattr(args, flag) for flag in flags if getattr(args, flag) is not None}
    data, task, assignments = recipe.data, recipe.task, args.set
    if task is not None:
        fields = task_fields(task, args.data, args.field, given.pop("length", None))
        assignments = [f"task.{name}={value}" for name, value in fields.items()] + assignments
    else:
        data = chosen_text(data, args.data, args.field)
    recipe = recipes.with_training(dataclasses.replace(recipe, data=data), **given)
    return override(recipe, assignments)


def run(args: argparse.Namespace) -> int:
    """Train, then say where the run is and how good it became."""
    import dataclasses

    from runnel.training import train

    recipe = chosen_recipe(args.recipe, args)
    out = args.out or f"runs/{args.recipe}"
    result = train(
        recipe, out, resume=args.resume, device=args.device, quiet=args.quiet or args.json
    )
    if args.json:
        plain = dataclasses.asdict(result) | {"path": str(result.path)}
        print_json(plain)
    else:
        _report(result)
    return 128 + result.interrupted_by if result.interrupted_by else 0


def _report(result: Result) -> None:
    if result.interrupted_by:
        print(f"interrupted after {result.steps} steps and saved; run the same command to resume")
        return
    spent = f"after {result.tokens:,} tokens in {result.seconds:.0f} s"
    if result.accuracy is not None:
        print(f"{result.accuracy:.2%} of the answers right, {spent}")
    elif result.validation_loss is not None and result.bits_per_byte is not None:
        print(
            f"validation loss {result.validation_loss:.4f} nats/token, "
            f"{result.bits_per_byte:.4f} bits/byte, {spent}"
        )
    print(f"run: {result.path}")
    verb = "generate" if result.accuracy is None else "evaluate"
    print(f"next: runnel {verb} {result.path}")


VERB = Verb(
    "train",
    "trains a recipe into a run directory",
    declare,
    run,
    "runnel train mingru-stories --minutes 2\n"
    "runnel train mingru-shakespeare --data input.txt --out runs/first --set model.dim=96",
)
