"""The size of a model, and the width that gives it a wanted one."""

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import torch

from runnel.models.model import ModelConfig, countable

C = TypeVar("C", bound=ModelConfig)
Count = Callable[[Any], int]

TOLERANCE = 0.02
"""how far from the wanted size a matched model may be (fraction)"""


@cache
def count_parameters(config: ModelConfig) -> int:
    """How many numbers the model learns, shared ones once; no memory is taken for them."""
    with torch.device("meta"), countable():
        return sum(p.numel() for p in config.build().parameters())


def count_without_embeddings(config: ModelConfig) -> int:
    """The parameters without those that grow with the vocabulary: the embedding and the head.

    Found by doubling the vocabulary, so that no model needs to say which of its parts they are.
    """
    double = dataclasses.replace(config, vocab_size=2 * config.vocab_size)
    return 2 * count_parameters(config) - count_parameters(double)


def match_parameters(config: C, target: int, count: Count = count_parameters) -> C:
    """The configuration at the even width whose number of parameters is nearest to `target`.

    Widths that the model refuses (attention's heads must divide it) are passed over.
    """
    low, high = 2, max(4, config.dim // 2 * 2)
    while _count(config, high, count) < target:
        low, high = high, 2 * high
    while high - low > 2:
        # Most weights grow with the square of the width, so that roots lie on a straight line.
        at_low, at_high, wanted = (
            math.sqrt(n) for n in (_count(config, low, count), _count(config, high, count), target)
        )
        part = (wanted - at_low) / max(at_high - at_low, 1e-9)
        middle = min(high - 2, max(low + 2, low + round((high - low) * part / 2) * 2))
        low, high = (middle, high) if _count(config, middle, count) < target else (low, middle)
    near = [width for width in (low, _taken(config, high)) if _at(config, width) is not None]
    best = min(near, key=lambda width: abs(_count(config, width, count) - target))
    return dataclasses.replace(config, dim=best)


def match_size(config: C, target: int, count: Count = count_without_embeddings) -> C:
    """The configuration with `target` parameters, as `count` counts them, to within 2 %.

    By its width; where that comes in too large steps (small models, heads), by the inner width of
    its feed-forward parts as well. ValueError says how near it came.
    """
    matched = match_parameters(config, target, count)
    for found in (matched, _with_inner_width(matched, target, count)):
        if abs(count(found) - target) <= TOLERANCE * target:
            return found
    raise ValueError(
        f"expected a width that gives {target:,} parameters; the nearest, {matched.dim}, gives "
        f"{count(matched):,}; choose another size"
    )


def _with_inner_width(config: C, target: int, count: Count) -> C:
    """The configuration with another `block.expansion`, or the same where there is none."""
    block: Any = getattr(config, "block", None)
    if getattr(block, "expansion", None) is None:
        return config

    def at(expansion: float) -> C:
        part: dict[str, Any] = {"block": dataclasses.replace(block, expansion=expansion)}
        return dataclasses.replace(config, **part)

    here, twice = (count(at(k * block.expansion)) for k in (1, 2))
    # The count grows in proportion to the expansion, so that one straight line leads to the target.
    wanted = block.expansion * (1 + (target - here) / (twice - here))
    return at(wanted) if 0.25 * block.expansion <= wanted <= 4 * block.expansion else config


def _at(config: ModelConfig, width: int) -> ModelConfig | None:
    try:
        return dataclasses.replace(config, dim=width)
    except ValueError:
        return None


def _count(config: ModelConfig, width: int, count: Count) -> int:
    """The parameters at a width, or at the next one that the model takes."""
    return count(dataclasses.replace(config, dim=_taken(config, width)))


def _taken(config: ModelConfig, width: int) -> int:
    """The width, or the next one that the model takes."""
    while _at(config, width) is None:
        width += 2
    return width
