"""What every family of recipes uses: the entry of the registry, and stacks of matched sizes."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from runnel.mixers import MIXERS
from runnel.models.size import count_parameters, match_parameters
from runnel.models.stack import StackConfig
from runnel.training.config import Recipe


class NamedRecipe(NamedTuple):
    """A recipe's maker, what it is for, and where it comes from."""

    make: Callable[[], Recipe]
    purpose: str
    source: str


def named(source: str, *makers: Callable[[], Recipe]) -> dict[str, NamedRecipe]:
    """Entries named like their functions, with hyphens, whose first lines say what they are for."""
    return {
        make.__name__.replace("_", "-"): NamedRecipe(make, first_line(make), source)
        for make in makers
    }


def first_line(documented: Callable[..., Any]) -> str:
    """The first line of a function's docstring."""
    return (documented.__doc__ or "").partition("\n")[0]


def matched_stack(mixer: str, dim: int, layers: int, **options: Any) -> StackConfig:
    """A stack of one mixer, as wide as gives it the parameters of minGRU's at width `dim`."""
    stacks = [
        StackConfig(dim=dim, layers=layers, mixers=(MIXERS[name](dim=dim),), **options)
        for name in ("mingru", mixer)
    ]
    return match_parameters(stacks[1], count_parameters(stacks[0]))


def with_options(stack: StackConfig, options: Mapping[str, Mapping[str, Any]]) -> StackConfig:
    """The stack with fields of its mixers replaced, by the mixer's name."""
    mixers = tuple(dataclasses.replace(m, **options.get(m.name, {})) for m in stack.mixers)
    return dataclasses.replace(stack, mixers=mixers)
