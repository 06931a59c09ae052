"""Laws of the single step: what it learns from, what it refuses, and that its state is whole."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from runnel.configuration import override
from runnel.errors import DivergedError, InputError
from runnel.training import OptimizerConfig, Recipe, ScheduleConfig
from runnel.training.loop import resolve
from runnel.training.subject import Subject, open_subject
from runnel.training.trainer import Trainer, build_model, load_weights

MakeRecipe = Callable[..., Recipe]
_CPU = torch.device("cpu")


@pytest.fixture
def subject(make_recipe: MakeRecipe) -> Subject:
    return open_subject(make_recipe())


def _trainer(recipe: Recipe, subject: Subject) -> Trainer:
    return Trainer(resolve(recipe, subject), subject, _CPU)


def _equal(one: Trainer, other: Trainer) -> bool:
    mine, theirs = one.weights() | one.tensors(), other.weights() | other.tensors()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)


_HARD: dict[str, Any] = {
    "dropout": 0.2,
    "accumulate": 2,
    "average": 0.9,
    "optimizer": OptimizerConfig(kind="muon"),
}


@pytest.mark.parametrize("options", [{}, _HARD], ids=["plain", "all options"])
@pytest.mark.parametrize("moment", [0, 1, 7])
def test_a_trainer_that_loads_a_state_goes_on_bit_for_bit(
    make_recipe: MakeRecipe, subject: Subject, options: dict[str, Any], moment: int
) -> None:
    recipe = make_recipe(steps=20, **options)
    trainer = _trainer(recipe, subject)
    for _ in range(moment):
        trainer.step()
    weights = {n: t.clone() for n, t in trainer.weights().items()}
    tensors = {n: t.clone() for n, t in trainer.tensors().items()}
    plain = trainer.plain()
    expected = [trainer.step() for _ in range(5)]
    other = _trainer(recipe, subject)
    torch.rand(7)
    other.load(weights, tensors, plain)
    assert [other.step() for _ in range(5)] == expected
    assert _equal(trainer, other)


def test_the_same_seed_gives_the_same_bits_and_another_other_ones(
    make_recipe: MakeRecipe, subject: Subject
) -> None:
    losses = [
        [trainer.step().loss for _ in range(3)]
        for trainer in (_trainer(make_recipe(dropout=0.1, seed=s), subject) for s in (3, 3, 4))
    ]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_dropout_leaves_weights_and_order_of_a_seed_alone(
    make_recipe: MakeRecipe, subject: Subject
) -> None:
    one, other = (_trainer(make_recipe(dropout=d), subject) for d in (0.0, 0.5))
    assert all(torch.equal(t, other.weights()[n]) for n, t in one.weights().items())
    assert np.array_equal(next(one.loader).tokens_BT, next(other.loader).tokens_BT)


def test_accumulated_batches_equal_one_large_batch(
    make_recipe: MakeRecipe, subject: Subject
) -> None:
    # Elsewhere than in float32 the batches' sums are rounded on their way, each to its own.
    exact = {"precision": "float32"}
    large = _trainer(make_recipe(batch=8, **exact), subject)
    small = _trainer(make_recipe(batch=2, accumulate=4, **exact), subject)
    for _ in range(3):
        one, other = large.step(), small.step()
        assert one.loss == pytest.approx(other.loss, abs=1e-5)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-3)
    assert large.spent.tokens == small.spent.tokens == 3 * 8 * 16


def test_clipping_bounds_the_gradient_that_moves_the_weights(
    make_recipe: MakeRecipe, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = []
    for clip in (0.0, 1e-3):
        trainer = _trainer(make_recipe(optimizer=OptimizerConfig(clip=clip)), subject)
        parameters = list(trainer.model.parameters())

        def note(factor: float, gate: None, parameters: Any = parameters) -> None:
            gradients = [p.grad for p in parameters if p.grad is not None]
            norms.append(float(torch.nn.utils.get_total_norm(gradients)))

        monkeypatch.setattr(trainer._optimizers, "step", note)
        reported = trainer.step().gradient_norm
        assert reported > 1e-3
        norms.append(reported)
    assert norms[0] == norms[1]
    assert norms[2] == pytest.approx(1e-3, rel=1e-3)


def test_the_rate_follows_the_schedule(make_recipe: MakeRecipe, subject: Subject) -> None:
    schedule = ScheduleConfig(shape="linear", warmup=0.5)
    trainer = _trainer(make_recipe(steps=4, learning_rate=0.01, schedule=schedule), subject)
    rates = [trainer.step().learning_rate for _ in range(4)]
    assert rates == pytest.approx([0.0025, 0.0075, 0.0075, 0.0025])


def test_the_mean_is_kept_while_the_weights_go_on(
    make_recipe: MakeRecipe, subject: Subject
) -> None:
    trainer = _trainer(make_recipe(average=0.9), subject)
    for _ in range(5):
        trainer.step()
    own = {n: t.clone() for n, t in trainer.model.state_dict().items()}
    with trainer.keeping() as model:
        assert not model.training
        held = {n: t.clone() for n, t in model.state_dict().items()}
    assert trainer.model.training
    assert all(torch.equal(t, trainer.weights()[n]) for n, t in held.items())
    assert all(torch.equal(t, trainer.model.state_dict()[n]) for n, t in own.items())
    assert not torch.equal(own["head.weight"], held["head.weight"])


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("blocks.0.mixer.inputs.weight", r"weight blocks\.0\.mixer\.inputs\.weight"),
        ("output of blocks.0.feedforward", r"output of blocks\.0\.feedforward"),
        ("gradient of head.weight", r"gradient of head\.weight"),
        ("gradient of embedding.weight, second batch", r"gradient of embedding\.weight"),
    ],
)
def test_divergence_is_caught_before_any_weight_has_changed(
    make_recipe: MakeRecipe, subject: Subject, place: str, named: str
) -> None:
    trainer = _trainer(make_recipe(accumulate=2), subject)
    trainer.step()
    if place.startswith("output of "):
        module = trainer.model.get_submodule(place.removeprefix("output of "))
        module.register_forward_hook(lambda module, inputs, output: output * torch.nan)
    elif place.startswith("gradient of "):
        name, _, second = place.removeprefix("gradient of ").partition(", ")
        calls = iter([0.0, torch.inf] if second else [torch.nan, 0.0])
        trainer.model.get_parameter(name).register_hook(lambda grad: grad + next(calls, 0.0))
    else:
        with torch.no_grad():
            trainer.model.get_parameter(place)[0, 0] = torch.nan
    weights = {n: t.clone() for n, t in trainer.weights().items()}
    moments = {n: t.clone() for n, t in trainer.tensors().items() if n.startswith("optimizer")}
    with pytest.raises(DivergedError, match=named) as caught:
        trainer.step()
    assert "step 2:" in str(caught.value)
    assert "batch at epoch 0, window 8" in str(caught.value)
    for name, tensor in weights.items():
        torch.testing.assert_close(trainer.weights()[name], tensor, equal_nan=True, rtol=0, atol=0)
    for name, tensor in moments.items():
        assert torch.equal(trainer.tensors()[name], tensor), name


def test_a_gradient_too_large_for_its_norm_is_divergence(
    make_recipe: MakeRecipe, subject: Subject
) -> None:
    trainer = _trainer(make_recipe(), subject)
    trainer.model.get_parameter("head.weight").register_hook(lambda grad: grad * 1e30 * 1e30)
    with pytest.raises(DivergedError):
        trainer.step()


def test_bfloat16_learns_about_the_same(make_recipe: MakeRecipe, subject: Subject) -> None:
    trainers = [_trainer(make_recipe(precision=p), subject) for p in ("float32", "bfloat16")]
    for _ in range(8):
        exact, rough = (trainer.step().loss for trainer in trainers)
    assert exact != rough
    assert exact == pytest.approx(rough, rel=0.02)
    assert all(p.dtype == torch.float32 for p in trainers[1].model.parameters())


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda w: w.pop("head.weight"), r"head\.weight is missing"),
        (lambda w: w.update(extra=torch.zeros(1)), "extra is surplus"),
        (lambda w: w.update({"head.bias": torch.zeros(3)}), r"head\.bias of shape \(256,\); got"),
    ],
)
def test_weights_of_another_model_are_refused(
    make_recipe: MakeRecipe, fault: Callable[[dict[str, Any]], Any], message: str
) -> None:
    model = build_model(make_recipe(), _CPU)
    weights = {n: t.clone() for n, t in model.state_dict().items()}
    fault(weights)
    with pytest.raises(InputError, match=message):
        load_weights(model, weights)


def test_a_model_beyond_all_memory_is_the_users_fault(make_recipe: MakeRecipe) -> None:
    with pytest.raises(InputError, match=r"trains in .* GB of memory"):
        build_model(make_recipe(dim=10**8), _CPU)


@pytest.mark.parametrize("expansion", [1e300, 1e18, float("inf")])
def test_sizes_that_nobody_can_count_are_the_users_fault(
    make_recipe: MakeRecipe, expansion: float
) -> None:
    recipe = override(make_recipe(), [f"model.block.expansion={expansion}"])
    with pytest.raises(InputError, match=r"sizes that can be counted|GB of memory") as caught:
        build_model(recipe, _CPU)
    assert "\n" not in str(caught.value)


def test_a_batch_beyond_all_memory_is_the_users_fault(
    make_recipe: MakeRecipe, subject: Subject
) -> None:
    with pytest.raises(InputError, match=r"batch=1000000000 .* choose a smaller batch"):
        _trainer(make_recipe(batch=10**9), subject)


def test_more_batches_in_a_step_than_memory_are_the_users_fault(
    make_recipe: MakeRecipe, subject: Subject
) -> None:
    with pytest.raises(InputError, match=r"accumulate=1000000000000 .* choose a smaller one"):
        _trainer(make_recipe(accumulate=10**12), subject)


def test_a_length_beyond_the_text_is_the_users_fault(
    make_recipe: MakeRecipe, subject: Subject
) -> None:
    with pytest.raises(InputError, match="shorter length"):
        _trainer(make_recipe(length=10**6), subject)
