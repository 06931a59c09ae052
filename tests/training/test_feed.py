"""Batches that are fetched ahead are those that would have come, and positions are theirs."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from runnel.data.loader import Batch
from runnel.errors import DiskError
from runnel.training import Recipe
from runnel.training.feed import Ahead, Direct, Feed, Placed, as_tensors
from runnel.training.subject import Batches, open_subject

MakeRecipe = Callable[..., Recipe]


class _Slow:
    """Brings a batch in two parts, and takes note of them."""

    def __init__(self) -> None:
        self.loaded = self.taken = 0

    def load(self, batch: Batch) -> Batch:
        self.loaded += 1
        return batch

    def take(self, loaded: Batch) -> Placed:
        self.taken += 1
        return as_tensors(loaded)


def _loader(recipe: Recipe) -> Batches:
    return open_subject(recipe).loader(recipe.training, 3)


def _same(one: Placed, other: Placed) -> bool:
    pairs = zip(one, other, strict=True)
    return all(
        (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
        for a, b in pairs
    )


@pytest.mark.parametrize("seed", range(5))
def test_ahead_gives_what_comes_anyway(make_recipe: MakeRecipe, seed: int) -> None:
    recipe, dice = make_recipe(batch=3, length=40), random.Random(seed)
    one: Feed = Direct(_loader(recipe))
    other: Feed = Ahead(_loader(recipe), _Slow())
    marks = [one.position()]
    for _ in range(60):
        choice = dice.randrange(6)
        if choice == 0:
            mark = dice.choice(marks)
            for feed in (one, other):
                feed.load_position(mark)
        elif choice == 1:
            mark, batches = dice.choice(marks), dice.randrange(3)
            assert one.documents(mark, batches) == other.documents(mark, batches)
        elif choice == 2:
            assert one.position() == other.position()
            marks.append(one.position())
        else:
            assert _same(next(one), next(other))


def test_no_more_is_read_than_two_batches_ahead(make_recipe: MakeRecipe) -> None:
    carrier = _Slow()
    feed = Ahead(_loader(make_recipe()), carrier)
    for _ in range(5):
        next(feed)
    feed.documents(feed.position(), 0)
    assert (carrier.loaded, carrier.taken) == (7, 5)


def test_what_the_loader_raises_is_raised_for_its_batch(make_recipe: MakeRecipe) -> None:
    loader: Any = _loader(make_recipe())

    class Broken:
        def __init__(self) -> None:
            self.left = 3

        def __next__(self) -> Batch:
            self.left -= 1
            if self.left < 0:
                raise DiskError("the disk is gone")
            return next(loader)

        def position(self) -> dict[str, int]:
            return {"left": self.left}

    feed = Ahead(Broken(), _Slow())  # type: ignore[arg-type]
    for left in (3, 2, 1):
        assert feed.position() == {"left": left}
        next(feed)
    with pytest.raises(DiskError, match="the disk is gone"):
        next(feed)
