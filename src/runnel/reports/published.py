"""Figures that the sources publish, to stand beside ours in a marked column with their origin."""

import json
from functools import cache
from importlib import resources
from typing import NamedTuple


class Figure(NamedTuple):
    """A figure that somebody else measured, on other data or at another size."""

    system: str
    figure: str
    conditions: str
    origin: str


@cache
def _figures() -> dict[str, Figure]:
    text = resources.files(__package__).joinpath("published.json").read_text(encoding="utf-8")
    return {
        prefix: Figure(entry["system"], entry["figure"], entry["conditions"], entry["origin"])
        for entry in json.loads(text)["figures"]
        for prefix in entry["recipes"]
    }


def figure_of(recipe: str) -> Figure | None:
    """The published figure of the system that a recipe's name begins with, the longest match."""
    words = recipe.split("-")
    for length in range(len(words), 0, -1):
        figure = _figures().get("-".join(words[:length]))
        if figure is not None:
            return figure if figure.figure else None
    return None
