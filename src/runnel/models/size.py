"""The size of a model, and the width that gives it a wanted one."""

import dataclasses
from functools import cache
from typing import TypeVar

import torch

from runnel.models.model import ModelConfig

C = TypeVar("C", bound=ModelConfig)


@cache
def count_parameters(config: ModelConfig) -> int:
    """How many numbers the model learns, shared ones once; no memory is taken for them."""
    with torch.device("meta"):
        return sum(p.numel() for p in config.build().parameters())


def match_parameters(config: C, target: int) -> C:
    """The configuration at the even width whose number of parameters is nearest to `target`.

    Widths that the model refuses (attention's heads must divide it) are passed over.
    """
    low, high = 2, 2
    while _count(config, high) < target:
        low, high = high, 2 * high
    while high - low > 2:
        middle = (low + high) // 4 * 2
        low, high = (middle, high) if _count(config, middle) < target else (low, middle)
    near = [w for w in range(max(2, low - 16), high + 18, 2) if _at(config, w) is not None]
    best = min(near, key=lambda width: abs(_count(config, width) - target))
    return dataclasses.replace(config, dim=best)


def _at(config: ModelConfig, width: int) -> ModelConfig | None:
    try:
        return dataclasses.replace(config, dim=width)
    except ValueError:
        return None


def _count(config: ModelConfig, width: int) -> int:
    """The parameters at a width, or at the next one that the model takes."""
    while (there := _at(config, width)) is None:
        width += 2
    return count_parameters(there)
