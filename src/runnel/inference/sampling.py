"""Sampling: from logits to the next token, by temperature, top-k and top-p."""

# B batch, V vocabulary

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runnel.errors import DivergedError, InputError

_COLDEST = 1e-30  # colder, and the division below would overflow


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is drawn: temperature first, then top-k, then top-p of what is left."""

    temperature: float = 0.8
    """divides the logits; 0: always the likeliest token"""
    top_k: int | None = None
    """only the k likeliest tokens; of equals, those with the lower number; none: all"""
    top_p: float | None = None
    """only the likeliest tokens that together reach this probability; none: all"""
    forbidden: tuple[int, ...] = ()
    """tokens that are never drawn"""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise InputError(
                f"temperature must be 0 (the likeliest token) or more; got {self.temperature}"
            )
        if self.top_k is not None and (self.top_k != int(self.top_k) or self.top_k < 1):
            raise InputError(f"top_k must be a whole number from 1, or none; got {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError(f"top_p must lie above 0 and at most at 1, or none; got {self.top_p}")


def pick(logits_BV: Tensor, sampling: Sampling, generator: np.random.Generator) -> Tensor:
    """Draw token_B (int64, on the logits' device), one uniform number of `generator` for each row.

    A logit of -inf is a token that cannot come. Raises DivergedError when a row holds NaN or +inf
    or nothing but -inf, InputError when every token is forbidden. Drawn on the CPU in float64: the
    same seed gives the same tokens on every device that computes the same logits.
    """
    scores_BV = logits_BV.detach().to("cpu", torch.float64).numpy()
    if sampling.forbidden:
        scores_BV = _without(scores_BV, sampling.forbidden)
    if sampling.temperature == 0:
        drawn = [_greedy(row) for row in scores_BV]
    else:
        uniform_B = generator.random(len(scores_BV)).tolist()
        drawn = [_draw(row, sampling, u) for row, u in zip(scores_BV, uniform_B, strict=True)]
    return torch.tensor(drawn, dtype=torch.int64, device=logits_BV.device)


def _without(scores_BV: NDArray[np.float64], forbidden: tuple[int, ...]) -> NDArray[np.float64]:
    size = scores_BV.shape[-1]
    for token in forbidden:
        if not 0 <= token < size:
            raise InputError(f"a forbidden token must lie in [0, {size}); got {token}")
    if len(set(forbidden)) == size:
        raise InputError(f"all {size} tokens are forbidden; leave at least one")
    scores_BV = scores_BV.copy()
    # NaN stays where it is, so that it is found.
    scores_BV[:, forbidden] = np.where(np.isnan(scores_BV[:, forbidden]), np.nan, -np.inf)
    return scores_BV


def _best(scores_V: NDArray[np.float64]) -> float:
    """The highest score; a maximum passes NaN on, so it shows all that can be wrong with a row."""
    best = float(scores_V.max())
    if not math.isfinite(best):
        raise DivergedError(
            f"expected logits with a finite maximum; got {best}; the weights have diverged: use an "
            "earlier checkpoint"
        )
    return best


def _greedy(scores_V: NDArray[np.float64]) -> int:
    _best(scores_V)
    return int(scores_V.argmax())


def _draw(scores_V: NDArray[np.float64], sampling: Sampling, uniform: float) -> int:
    temperature = max(sampling.temperature, _COLDEST)
    weights_V = np.exp((scores_V - _best(scores_V)) / temperature)
    kept = None
    if sampling.top_k is not None and sampling.top_k < len(weights_V):
        kept = _top_k(scores_V, int(sampling.top_k))
        weights_V = weights_V[kept]
    if sampling.top_p is not None and sampling.top_p < 1:
        nucleus = _top_p(weights_V, sampling.top_p)
        kept = nucleus if kept is None else kept[nucleus]
        weights_V = weights_V[nucleus]
    cumulative_V = weights_V.cumsum()
    # The first entry above the drawn mass: never one of weight zero, since it adds nothing.
    index = int(cumulative_V.searchsorted(uniform * cumulative_V[-1], side="right"))
    return index if kept is None else int(kept[index])


def _top_k(scores_V: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    """The k likeliest, in the order of their numbers, without sorting the whole vocabulary."""
    least = np.partition(scores_V, len(scores_V) - k)[len(scores_V) - k]
    above = np.flatnonzero(scores_V > least)
    equal = np.flatnonzero(scores_V == least)[: k - len(above)]
    return np.sort(np.concatenate([above, equal]))


def _top_p(weights_V: NDArray[np.float64], p: float) -> NDArray[np.intp]:
    """The fewest, likeliest first, whose weights reach the part p of the sum."""
    total = weights_V.sum()
    # Everything lighter than this weighs less than 1 - p together, so none of it is needed: sorting
    # what remains is many times cheaper than sorting a vocabulary of 50,000.
    heavy = np.flatnonzero(weights_V >= (1 - p) * total / len(weights_V))
    order = heavy[np.argsort(-weights_V[heavy], kind="stable")]
    count = int(weights_V[order].cumsum().searchsorted(p * total)) + 1
    return order[:count]
