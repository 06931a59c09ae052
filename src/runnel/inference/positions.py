"""How the loss falls with the position in the context: fixed windows, every position apart."""

# B windows side by side, T positions of a window

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runnel.data.loader import Batch
from runnel.data.tokenizers import Tokenizer
from runnel.errors import InputError
from runnel.inference.answers import answer
from runnel.models.model import Model

_ROWS = 16


@dataclass(frozen=True, kw_only=True)
class PositionLoss:
    """The mean loss of the targets that stand at some positions."""

    first: int
    """tokens that the model had read since its state was fresh, at least"""
    last: int
    """the same, at most"""
    loss: float
    """nats per token"""
    tokens: int
    """targets counted"""
    bytes: int
    """bytes of text that these targets stand for"""


def loss_by_position(
    model: Model[Any],
    tokens_N: NDArray[Any],
    tokenizer: Tokenizer,
    *,
    length: int,
    limit: int = 1_000_000,
) -> list[PositionLoss]:
    """The loss in windows of `length` inputs that follow each other, each from a fresh state.

    A position counts the tokens read since the window or, where one starts inside it, the document
    began: 1 for the first. Positions are put together in ranges that double: 1, 2, 3-4, 5-8. At
    most `limit` tokens are read. InputError where the text does not fill a window.
    """
    count = min(len(tokens_N) - 1, limit) // length
    if length < 1 or count < 1:
        raise InputError(
            f"expected a text of at least {length + 1} tokens and a limit of at least {length}; "
            f"got {len(tokens_N)} and {limit}; give more text or shorter windows"
        )
    nats_T = np.zeros(length)
    counts_T, bytes_T = (np.zeros(length, dtype=np.int64) for _ in range(2))
    for first in range(0, count, _ROWS):
        starts = range(first * length, min(first + _ROWS, count) * length, length)
        pieces_BT = np.stack([tokens_N[at : at + length + 1] for at in starts]).astype(np.int64)
        reset_BT = pieces_BT[:, :-1] == tokenizer.end
        batch = Batch(pieces_BT[:, :-1].copy(), pieces_BT[:, 1:].copy(), reset_BT)
        age_BT = _age(reset_BT)
        np.add.at(nats_T, age_BT, answer(model, batch)[0])
        np.add.at(counts_T, age_BT, 1)
        np.add.at(bytes_T, age_BT, tokenizer.token_bytes_V[batch.targets_BT])
    return [
        PositionLoss(
            first=low + 1,
            last=high,
            loss=float(nats / n),
            tokens=int(n),
            bytes=int(bytes_T[low:high].sum()),
        )
        for low, high in _doubling(length)
        if (n := counts_T[low:high].sum()) and np.isfinite(nats := nats_T[low:high].sum())
    ]


def _age(reset_BT: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many positions lie between each one and the last reset or the window's beginning."""
    place_T = np.arange(reset_BT.shape[1])
    return place_T - np.maximum.accumulate(np.where(reset_BT, place_T, 0), axis=1)


def _doubling(length: int) -> list[tuple[int, int]]:
    edges = [0, *(2**i for i in range(length.bit_length()) if 2**i < length), length]
    return list(pairwise(edges))
