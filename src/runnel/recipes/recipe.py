"""What every family of recipes uses: the entry of the registry, and stacks of matched sizes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from runnel.mixers import MIXERS
from runnel.models.size import count_parameters, match_size
from runnel.models.stack import BlockConfig, StackConfig
from runnel.training.config import Recipe

GPT2_VOCABULARY = 50_257
LEAN = BlockConfig(expansion=2)
"""a block whose feed-forward part is twice as wide as the stream"""


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


def matched_stack(
    mixer: str,
    dim: int,
    layers: int,
    fields: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> StackConfig:
    """A stack of one mixer, as wide as gives it the parameters of minGRU's at width `dim`.

    `fields` are those of mixers, by the mixer's name; `options` are the stack's own.
    """
    of_mixers = fields or {}
    minimal, wanted = (
        StackConfig(
            dim=dim,
            layers=layers,
            mixers=(MIXERS[name](dim=dim, **of_mixers.get(name, {})),),
            **options,
        )
        for name in ("mingru", mixer)
    )
    return match_size(wanted, count_parameters(minimal), count_parameters)
