"""The shuffle without a table: one to one at every size, and really shuffled."""

import math

import numpy as np
import pytest

from runnel.data.hashing import draw, make_key, mix
from runnel.data.permutation import Permutation


@pytest.mark.parametrize("key", [0, 1, 2**63 + 5])
def test_it_is_a_bijection_at_every_size(key: int) -> None:
    for size in [*range(1, 301), 1023, 1024, 1025, 10_007]:
        places_N = Permutation(size, key)(np.arange(size))
        assert np.array_equal(np.sort(places_N), np.arange(size)), size


def test_a_part_equals_the_whole() -> None:
    permutation = Permutation(997, 3)
    whole_N = permutation(np.arange(997))
    for part in ([5], range(400, 450), [996, 0, 3, 3], []):
        assert np.array_equal(permutation(np.array(part, dtype=int)), whole_N[list(part)])


def test_the_largest_sizes_work() -> None:
    size = 2**62 - 1
    places_N = Permutation(size, 9)(np.array([0, 1, size - 1]))
    assert len(set(places_N.tolist())) == 3
    assert places_N.min() >= 0
    assert places_N.max() < size


@pytest.mark.parametrize("size", [50, 1000, 4096])
def test_neighbours_are_parted_and_keys_differ(size: int) -> None:
    places_KN = np.array([Permutation(size, key)(np.arange(size)) for key in range(100)])
    # Each figure is that of uniformly random permutations, within five standard deviations.
    fixed = (places_KN == np.arange(size)).sum(axis=1)
    assert abs(fixed.mean() - 1) < 5 / 10
    agree = (places_KN[1:] == places_KN[:-1]).sum(axis=1)
    assert abs(agree.mean() - 1) < 5 / 10
    follow = (np.diff(places_KN) == 1).sum(axis=1)
    assert abs(follow.mean() - 1) < 5 / 10
    ranks = np.corrcoef(places_KN.mean(axis=0), np.arange(size))[0, 1]
    assert abs(ranks) < 5 / np.sqrt(size)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_order_of_a_few_comes_up(size: int) -> None:
    orders = {tuple(Permutation(size, key)(np.arange(size)).tolist()) for key in range(400)}
    assert len(orders) == math.factorial(size)


@pytest.mark.parametrize("size", [0, -1, 2**62])
def test_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="size must lie"):
        Permutation(size, 0)


def test_an_index_outside_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 10\)"):
        Permutation(10, 0)(np.array([3, 10]))


def test_splitmix64_gives_its_published_numbers() -> None:
    # The first outputs of the reference generator seeded with 1234567.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert draw(1234567, np.arange(3, dtype=np.uint64)).tolist() == expected


def test_keys_depend_on_every_part_and_on_order() -> None:
    keys = {make_key(*parts) for parts in [(), (0,), (0, 0), (1, 0), (0, 1), (-1,), (2**63, 1)]}
    assert len(keys) == 7
    assert mix(np.zeros(1, dtype=np.uint64)).tolist() == [0]
