"""When something is due, and what a line of metrics says."""

from itertools import pairwise

import pytest

from runnel.training.config import Interval
from runnel.training.ledger import Ledger, due
from runnel.training.schedule import Spent
from runnel.training.trainer import Step


@pytest.mark.parametrize(
    ("every", "expected"), [(0, []), (1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6]), (9, [])]
)
def test_steps_are_due_at_their_multiples(every: int, expected: list[int]) -> None:
    interval = Interval.parse(every)
    assert [i for i in range(1, 8) if due(interval, Spent(i - 1), Spent(i))] == expected


def test_seconds_are_due_once_a_mark_is_passed_however_long_the_step() -> None:
    interval = Interval.parse("10s")
    times = [0.0, 4.0, 9.9, 10.0, 19.0, 45.0, 49.0, 50.1]
    found = [
        after
        for before, after in pairwise(times)
        if due(interval, Spent(seconds=before), Spent(seconds=after))
    ]
    assert found == [10.0, 45.0, 50.1]


def test_a_line_holds_means_since_the_last_one() -> None:
    ledger = Ledger()
    ledger.add(Step(number=1, loss=4.0, gradient_norm=1.0, learning_rate=0.1))
    ledger.add(Step(number=2, loss=2.0, gradient_norm=2.0, learning_rate=0.2))
    first = ledger.line(Spent(2, 200, 4.0))
    assert (first["loss"], first["gradient_norm"], first["learning_rate"]) == (3.0, 1.5, 0.2)
    assert first["tokens_per_second"] == 50.0
    restored = Ledger(**ledger.plain())
    for one in (ledger, restored):
        one.add(Step(number=3, loss=1.0, gradient_norm=3.0, learning_rate=0.3))
        second = one.line(Spent(3, 300, 4.5))
        assert (second["loss"], second["gradient_norm"]) == (1.0, 3.0)
        assert second["tokens_per_second"] == 200.0
        assert (second["step"], second["tokens"], second["seconds"]) == (3, 300, 4.5)
