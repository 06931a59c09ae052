"""The plan of a comparison: the same conditions for every recipe, kept in its directory."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runnel import files, strict_json
from runnel.configuration import from_plain, leaves, to_plain
from runnel.errors import InputError
from runnel.reports.results import FORMAT, Comparison
from runnel.training import Recipe

PLAN = "compare.json"
_POINTS = 8
_CURVE_TOKENS = 8_192
_JUDGE_TOKENS = 65_536
_SHARED = ("steps", "tokens", "minutes", "batch", "length", "accumulate", "precision", "seed")


def equalised(recipes: Mapping[str, Recipe], kept: Iterable[str] = ()) -> dict[str, Recipe]:
    """The recipes with the data, budget, batches and prompts of the first.

    Optimizer, rates and schedule stay each recipe's own. Curves get a few points, judged on the
    beginning of the validation text, and the end is judged on more of it, unless `kept` names the
    fields that say otherwise. At a small budget judging would take longer than training.
    """
    first = next(iter(recipes.values()))
    shared: dict[str, Any] = {name: getattr(first.training, name) for name in _SHARED}
    curve = {"evaluate_every": _every(first), "evaluate_tokens": _CURVE_TOKENS}
    curve["judge_tokens"] = _JUDGE_TOKENS
    curve |= {"log_every": first.training.log_every, "save_every": first.training.save_every}
    shared |= {name: value for name, value in curve.items() if name not in set(kept)}
    return {
        name: dataclasses.replace(
            recipe,
            data=first.data,
            prompts=first.prompts,
            training=dataclasses.replace(recipe.training, **shared),
        )
        for name, recipe in recipes.items()
    }


def batch_tokens(recipe: Recipe) -> int:
    """Tokens of one optimizer step."""
    training = recipe.training
    return training.batch * training.length * training.accumulate


def _every(recipe: Recipe) -> int | str:
    training = recipe.training
    if training.minutes is not None:
        return f"{60 * training.minutes / _POINTS:.6f}s"
    steps = training.steps or math.ceil((training.tokens or 0) / batch_tokens(recipe))
    return max(1, math.ceil(steps / _POINTS))


def read_plan(out: Path) -> Comparison | None:
    """The plan that a directory holds, if it holds one."""
    path = out / PLAN
    if not path.exists():
        return None
    plain = strict_json.read(path)
    if plain.pop("format", None) != FORMAT:
        raise InputError(f"{path}: expected a comparison of format {FORMAT}; choose another --out")
    return from_plain(Comparison, plain, PLAN)


def write_plan(out: Path, plan: Comparison) -> None:
    """Keep the plan; with it the directory holds a comparison."""
    files.write_durably(out / PLAN, strict_json.render({"format": FORMAT, **to_plain(plan)}))


def check_same(before: Comparison, plan: Comparison, out: Path) -> None:
    """InputError that names the first difference between the plan in `out` and this one."""
    old, new = _leaves(before), _leaves(plan)
    for path in [*new, *(path for path in old if path not in new)]:
        if old.get(path) != new.get(path):
            raise InputError(
                f"expected the options of the comparison in {out}, {path}={old.get(path)!r}; got "
                f"{new.get(path)!r}; use the same, or choose another --out and merge with --from"
            )


def _leaves(plan: Comparison) -> dict[str, Any]:
    plain = to_plain(plan)
    names = [entry["name"] for entry in plain["entries"]]
    plain["entries"] = {entry["name"]: entry for entry in plain["entries"]}
    for dated in ("made", "version"):
        del plain[dated]
    return {"recipes": names, **dict(leaves(plain))}
