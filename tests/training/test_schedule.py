"""The laws of the schedule and of the three kinds of budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnel.errors import InputError
from runnel.training.config import ScheduleConfig, TrainingConfig
from runnel.training.schedule import Budget, Spent, rate

_ENDING = ("constant", "linear", "cosine")
_SHAPES = (*_ENDING, "inverse-sqrt")


@st.composite
def schedules(draw: st.DrawFn) -> ScheduleConfig:
    warmup = draw(st.floats(1e-6, 1))
    return ScheduleConfig(
        shape=draw(st.sampled_from(_SHAPES)),
        warmup=warmup,
        level=draw(st.floats(0, 1)) * (1 - warmup) * (1 - 1e-9),
        final=draw(st.floats(0, 1)),
    )


@given(schedules(), st.floats(0, 1))
def test_rate_lies_between_zero_and_one(config: ScheduleConfig, progress: float) -> None:
    assert 0 <= rate(progress, config) <= 1


@given(schedules(), st.floats(0, 1), st.floats(0, 1))
def test_rate_rises_in_the_warmup_and_never_after(
    config: ScheduleConfig, one: float, other: float
) -> None:
    early, late = sorted((one, other))
    if late < config.warmup:
        assert rate(early, config) <= rate(late, config)
    if early >= config.warmup:
        assert rate(early, config) >= rate(late, config) - 1e-12


@pytest.mark.parametrize("shape", _ENDING)
def test_rate_at_the_corners(shape: str) -> None:
    config = ScheduleConfig(shape=shape, warmup=0.2, level=0.3, final=0.1)  # type: ignore[arg-type]
    assert rate(0.0, config) == 0
    assert rate(0.1, config) == pytest.approx(0.5)
    assert rate(0.2, config) == 1
    assert rate(0.5, config) == 1
    assert rate(0.75, config) == pytest.approx(1 if shape == "constant" else 0.55)
    assert rate(1.0, config) == pytest.approx(1 if shape == "constant" else 0.1)


def test_cosine_falls_slowly_at_both_ends() -> None:
    config = ScheduleConfig(shape="cosine", warmup=0.0)
    assert rate(0.25, config) == pytest.approx((1 + 0.5**0.5) / 2)
    assert rate(0.75, config) == pytest.approx((1 - 0.5**0.5) / 2)


@pytest.mark.parametrize("total", [500, 100_000])
def test_inverse_square_root_after_so_many_steps(total: int) -> None:
    schedule = ScheduleConfig(shape="inverse-sqrt", warmup_steps=80)
    budgets = [TrainingConfig(steps=total), TrainingConfig(tokens=8 * total)]
    budgets.append(TrainingConfig(minutes=total * 0.5 / 60))
    for step in (0, 1, 40, 79, 80, 81, 320, 499):
        exact = min((step + 0.5) / 80, (80 / (step + 0.5)) ** 0.5)
        for budget in map(Budget.of, budgets):
            spent, cost = Spent(step, 8 * step, 0.5 * step), Spent(1, 8, 0.5)
            progress = budget.progress(spent, cost)
            assert rate(progress, schedule, step + 0.5) == pytest.approx(exact)


def test_a_budget_shorter_than_the_warmup_only_rises() -> None:
    schedule = ScheduleConfig(shape="linear", warmup_steps=100)
    factors = [rate((s + 0.5) / 50, schedule, s + 0.5) for s in range(50)]
    assert factors == pytest.approx([(s + 0.5) / 100 for s in range(50)])


def test_an_inverse_square_root_has_a_warmup() -> None:
    with pytest.raises(InputError, match="warm-up"):
        ScheduleConfig(shape="inverse-sqrt", warmup=0.0)


@pytest.mark.parametrize("progress", [-0.1, 1.1, float("nan")])
def test_progress_outside_of_the_budget_is_refused(progress: float) -> None:
    with pytest.raises(ValueError, match="progress must lie"):
        rate(progress, ScheduleConfig())


@pytest.mark.parametrize(
    ("config", "kind", "half"),
    [
        (TrainingConfig(steps=10), "steps", Spent(5, 0, 0.0)),
        (TrainingConfig(tokens=1000), "tokens", Spent(0, 500, 0.0)),
        (TrainingConfig(minutes=2.0), "minutes", Spent(0, 0, 60.0)),
    ],
)
def test_each_budget_counts_its_own_unit(config: TrainingConfig, kind: str, half: Spent) -> None:
    budget = Budget.of(config)
    assert budget.kind == kind
    assert budget.progress(half, Spent()) == 0.5
    assert not budget.exhausted(half)
    assert budget.exhausted(Spent(2 * half.steps, 2 * half.tokens, 2 * half.seconds))


def test_neither_the_first_nor_the_last_step_of_a_budget_is_wasted() -> None:
    budget = Budget.of(TrainingConfig(steps=4))
    config = ScheduleConfig(shape="linear", warmup=0.5)
    factors = [rate(budget.progress(Spent(i), Spent(1)), config) for i in range(4)]
    assert factors == [0.25, 0.75, 0.75, 0.25]


def test_a_longer_step_than_the_rest_of_the_budget_stays_inside() -> None:
    assert Budget("minutes", 1).progress(Spent(seconds=59.0), Spent(seconds=30.0)) == 1.0
