"""What a training configuration refuses, by the name of the field."""

from typing import Any

import pytest

from runnel.errors import InputError
from runnel.training.config import Interval, OptimizerConfig, ScheduleConfig, TrainingConfig

_NAN = float("nan")


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (0, Interval(None, None)),
        (500, Interval(500, None)),
        ("60s", Interval(None, 60.0)),
        ("1.5m", Interval(None, 90.0)),
        ("2h", Interval(None, 7200.0)),
    ],
)
def test_intervals(every: int | str, expected: Interval) -> None:
    assert Interval.parse(every) == expected


@pytest.mark.parametrize("every", [-1, "0s", "5", "s", "1d", "-3s", "1e3s", ""])
def test_other_intervals_are_refused(every: int | str) -> None:
    with pytest.raises(InputError, match='a number of steps or a duration such as "60s"'):
        TrainingConfig(steps=1, log_every=every)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (TrainingConfig, {}, "one budget"),
        (TrainingConfig, {"steps": 1, "minutes": 1.0}, "one budget"),
        (TrainingConfig, {"steps": 0}, "must be positive"),
        (TrainingConfig, {"minutes": _NAN}, "must be positive"),
        (TrainingConfig, {"steps": 1, "batch": 0}, r"training\.batch must be at least 1"),
        (TrainingConfig, {"steps": 1, "accumulate": 0}, r"training\.accumulate"),
        (TrainingConfig, {"steps": 1, "average": 1.0}, r"training\.average"),
        (TrainingConfig, {"steps": 1, "learning_rate": _NAN}, r"training\.learning_rate"),
        (TrainingConfig, {"steps": 1, "learning_rate": 0.0}, r"training\.learning_rate"),
        (OptimizerConfig, {"clip": -1.0}, r"training\.optimizer\.clip"),
        (OptimizerConfig, {"weight_decay": _NAN}, r"training\.optimizer\.weight_decay"),
        (OptimizerConfig, {"betas": (0.9, 1.0)}, "betas and momentum"),
        (OptimizerConfig, {"momentum": 1.0}, "betas and momentum"),
        (ScheduleConfig, {"warmup": 0.6, "level": 0.6}, "warmup"),
        (ScheduleConfig, {"final": 2.0}, "final"),
        (ScheduleConfig, {"warmup": _NAN}, "warmup"),
    ],
)
def test_impossible_values_are_refused(kind: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind(**fields)
