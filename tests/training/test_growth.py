"""When a model grows, what goes along with its weights, and what a run tells of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import runnel
from runnel.data import open_corpus
from runnel.errors import InputError
from runnel.inference import evaluate, generate
from runnel.models.diverging import Diverging
from runnel.training import OptimizerConfig, Recipe, train
from runnel.training.growth import carried, is_due
from runnel.training.loop import resolve
from runnel.training.progress import Silence
from runnel.training.schedule import Budget, Spent
from runnel.training.subject import open_subject
from runnel.training.trainer import Trainer

MakeRecipe = Callable[..., Recipe]


def _trainer(recipe: Recipe) -> Trainer:
    subject = open_subject(recipe)
    return Trainer(resolve(recipe, subject), subject, torch.device("cpu"))


@pytest.mark.parametrize(
    ("budget", "before", "at"),
    [
        (Budget("steps", 10), Spent(steps=3), Spent(steps=4)),
        (Budget("tokens", 300), Spent(tokens=99), Spent(tokens=100)),
        (Budget("minutes", 2), Spent(seconds=39.9), Spent(seconds=40.1)),
    ],
)
def test_a_stage_begins_at_its_part_of_any_budget(
    make_recipe: MakeRecipe, budget: Budget, before: Spent, at: Spent
) -> None:
    model = make_recipe(grows=True).model.build()
    assert isinstance(model, Diverging)
    model.begin()
    assert not is_due(model, budget, before)
    assert is_due(model, budget, at)
    model.grow()
    assert not is_due(model, budget, at)
    assert not is_due(make_recipe().model.build(), budget, at)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_copies_go_on_with_the_moments_and_the_mean_of_their_origins(
    make_recipe: MakeRecipe, kind: Any
) -> None:
    trainer = _trainer(
        make_recipe(grows=True, steps=9, average=0.9, optimizer=OptimizerConfig(kind=kind))
    )
    for _ in range(3):
        trainer.step()
    before, means = trainer._optimizers.state(), trainer.weights()
    trainer._grow()
    after, means_after = trainer._optimizers.state(), trainer.weights()
    kinds = {name.partition(".stack")[0] for name in after}
    moments = {"adamw.step", "adamw.exp_avg", "adamw.exp_avg_sq"}
    assert kinds == (moments if kind == "adamw" else moments | {"muon.momentum"})
    for name, value in after.items():
        assert torch.equal(value, before[name.replace("blocks.2", "blocks.0")]), name
    gone = before.keys() - after.keys()
    assert {name.partition(".mixer.")[2] for name in gone} == {"inputs.weight", "output.weight"}
    trained = {name for name, p in trainer.model.named_parameters() if p.requires_grad}
    with_moments = {"stack" + name.partition(".stack")[2] for name in after}
    assert trained - with_moments == {n for n in trained if "adapters" in n}
    assert means.keys() == means_after.keys()
    assert all(torch.equal(means[n], means_after[n]) for n in means)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_growth_leaves_what_is_judged_as_it_was(make_recipe: MakeRecipe, average: float) -> None:
    trainer = _trainer(make_recipe(grows=True, steps=9, average=average))
    tokens_BT = torch.arange(32).reshape(2, 16)
    for _ in range(2):
        for _ in range(3):
            trainer.step()
        with trainer.keeping() as model:
            expected = model(tokens_BT)[0]
        trainer._grow()
        with trainer.keeping() as model:
            assert torch.equal(model(tokens_BT)[0], expected)
        assert torch.equal(_built(trainer)(tokens_BT)[0], expected)


def _built(trainer: Trainer) -> torch.nn.Module:
    """A fresh model with the weights that are kept."""
    model = trainer.recipe.model.build()
    model.load_state_dict(trainer.weights())
    return model


def test_the_weights_that_are_frozen_do_not_move(make_recipe: MakeRecipe) -> None:
    trainer = _trainer(make_recipe(grows=True, steps=6))
    for _ in range(3):
        trainer.step()
    frozen = {n: p for n, p in trainer.model.named_parameters() if not p.requires_grad}
    assert len(frozen) == 2 * 2
    before = {n: p.clone() for n, p in frozen.items()}
    kept = trainer.weights()
    trainer.step()
    assert all(torch.equal(p, before[n]) for n, p in frozen.items())
    assert not any(torch.equal(trainer.weights()[n], kept[n]) for n in frozen)


def test_the_metrics_tell_of_each_stage(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    train(make_recipe(grows=True, log_every=100, evaluate_every=0), tmp_path, device="cpu")
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    told = [(line["step"], line["stage"], line["blocks"]) for line in lines if "stage" in line]
    assert told == [(1, 1, 1), (5, 2, 2), (9, 3, 4)]
    sizes = [line["parameters"] for line in lines if "stage" in line]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("steps", [3, 7, 11])
def test_a_run_in_any_stage_is_loaded_and_judged(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    recipe = make_recipe(grows=True, evaluate_every=steps)

    def fail(progress: Silence, spent: Spent) -> None:
        if spent.steps == steps + 1:
            raise RuntimeError

    monkeypatch.setattr(Silence, "step", fail)
    with pytest.raises(RuntimeError):
        train(recipe, tmp_path, device="cpu", quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    (line,) = [line for line in lines if line["step"] == steps]
    model = runnel.load(tmp_path)
    assert not any("adapters" in name for name in model.state_dict())
    corpus = open_corpus(recipe.data)
    judged = evaluate(model, corpus.validation.tokens_N, corpus.tokenizer, limit=500)
    assert judged.loss == line["validation_loss"]
    assert generate(model, "the ", tokens=5, seed=0)


@pytest.mark.parametrize("stage", [0, 4, "2", True])
def test_a_stage_that_cannot_be_is_refused(make_recipe: MakeRecipe, stage: Any) -> None:
    trainer = _trainer(make_recipe(grows=True))
    plain = trainer.plain() | {"stage": stage}
    with pytest.raises(InputError, match="expected a stage from 1 to 3"):
        trainer.load(trainer.weights(), trainer.tensors(), plain)


def test_carried_gives_every_copy_what_its_origin_had() -> None:
    state = {"m.a": torch.ones(1), "m.b": torch.zeros(1), "v.a": torch.full((1,), 2.0)}
    found = carried(state, ["m.", "v."], {"a": "a", "c": "a"})
    assert {n: float(t) for n, t in found.items()} == {"m.a": 1, "m.c": 1, "v.a": 2, "v.c": 2}
