"""runnel list: recipes, mixers, tasks, corpora, or the fields of a recipe."""

from __future__ import annotations

import argparse
from typing import Any

from runnel.commands.verb import Verb, print_json, print_table
from runnel.errors import InputError

KINDS = ("recipes", "mixers", "tasks", "corpora")


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument(
        "kind",
        nargs="?",
        metavar="KIND",
        help=", ".join(KINDS) + " or fields (default: all but fields)",
    )
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="whose fields to list")


def run(args: argparse.Namespace) -> None:
    """List what exists, a line each with its source."""
    if args.kind == "fields":
        _list_fields(args)
        return
    if args.kind is not None and args.kind not in KINDS:
        from runnel.configuration import suggest

        raise InputError(
            f"expected one of {', '.join(KINDS)}, fields RECIPE; got {args.kind!r}; "
            + suggest(args.kind, (*KINDS, "fields"))
        )
    if args.recipe is not None:
        raise InputError(f"expected nothing after {args.kind}; got {args.recipe!r}")
    kinds = KINDS if args.kind is None else (args.kind,)
    found = {kind: _entries(kind) for kind in kinds}
    if args.json:
        print_json(found)
        return
    for i, (kind, entries) in enumerate(found.items()):
        if len(found) > 1:
            print(("\n" if i else "") + kind)
        rows = [_row(entry) for entry in entries]
        if kind == "corpora":
            rows.insert(0, ("name", "field", "splits", "what it is; where it comes from"))
        print_table(rows or [("none yet", "")], indent="  " if len(found) > 1 else "")


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    columns = (entry["field"] or "none", ", ".join(entry["splits"])) if "splits" in entry else ()
    said = "; ".join(filter(None, (entry["about"], entry["source"])))
    return (entry["name"], *columns, said)


def _entries(kind: str) -> list[dict[str, Any]]:
    if kind == "recipes":
        from runnel.recipes import RECIPES

        return [_entry(n, r.purpose, r.source) for n, r in RECIPES.items()]
    if kind == "mixers":
        from runnel.mixers import MIXERS

        return [_entry(n, "", c.source) for n, c in MIXERS.items()]
    if kind == "corpora":
        from runnel.data import CORPORA

        return [
            _entry(n, c.description, c.source) | {"field": c.field, "splits": list(c.splits)}
            for n, c in CORPORA.items()
        ]
    if kind == "tasks":
        from runnel.tasks import TASKS

        return [_entry(n, _first_line(t), t.source) for n, t in TASKS.items()]
    return []


def _first_line(documented: type) -> str:
    return (documented.__doc__ or "").partition("\n")[0]


def _entry(name: str, about: str, source: str) -> dict[str, Any]:
    return {"name": name, "about": about.rstrip("."), "source": source.rstrip(".")}


def _list_fields(args: argparse.Namespace) -> None:
    if args.recipe is None:
        raise InputError(
            "expected a recipe after fields; got none; try runnel list fields mingru-stories"
        )
    from runnel.configuration import fields, look_up
    from runnel.recipes import RECIPES

    found = list(fields(look_up("recipe", args.recipe, RECIPES).make()))
    if args.json:
        print_json(
            {
                "fields": [
                    {"name": f.path, "value": f.value, "type": f.kind, "meaning": f.meaning}
                    for f in found
                ]
            }
        )
        return
    print_table([(f"{f.path}={_shown(f.value)}", f.meaning) for f in found])


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


VERB = Verb(
    "list",
    "lists what exists, one line each with its source",
    declare,
    run,
    "runnel list recipes\nrunnel list fields mingru-stories",
)
