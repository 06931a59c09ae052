"""Training on a task: only its answers count, and a run that goes on reads what it would have."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from runnel.data.loader import IGNORED, Batch
from runnel.errors import InputError
from runnel.tasks.loader import TaskLoader
from runnel.tasks.selective_copying import SelectiveCopying
from runnel.tasks.task import padded
from runnel.training import OptimizerConfig, Recipe, train
from runnel.training.feed import as_tensors
from runnel.training.loop import resolve
from runnel.training.subject import open_subject
from runnel.training.trainer import Trainer

MakeRecipe = Callable[..., Recipe]
_TASK = SelectiveCopying(length=10, copies=2, vocabulary=5, tests=100)
_CPU = torch.device("cpu")


def _trainer(recipe: Recipe) -> Trainer:
    subject = open_subject(recipe)
    return Trainer(resolve(recipe, subject), subject, _CPU)


@pytest.fixture
def recipe(make_recipe: MakeRecipe) -> Recipe:
    return replace(make_recipe(steps=20), task=_TASK)


def test_a_trainer_that_loads_a_state_goes_on_bit_for_bit(recipe: Recipe) -> None:
    trainer = _trainer(recipe)
    for _ in range(3):
        trainer.step()
    weights = {n: t.clone() for n, t in trainer.weights().items()}
    tensors = {n: t.clone() for n, t in trainer.tensors().items()}
    plain = json.loads(json.dumps(trainer.plain()))
    expected = [trainer.step() for _ in range(4)]
    other = _trainer(recipe)
    other.load(weights, tensors, plain)
    assert [other.step() for _ in range(4)] == expected


def test_only_answers_count_and_padding_never_does(recipe: Recipe) -> None:
    # The rows apart are judged in float32, whatever this processor multiplies fastest.
    exact = replace(recipe, training=replace(recipe.training, precision="float32"))
    trainer = _trainer(exact)
    rows = [np.array([1, 3, 4]), np.array([1, 2, 3, 3, 1, 4, 4])]
    batch = padded(rows, [2, 4])
    loss = trainer._learn(as_tensors(batch))
    gradients = [p.grad.clone() for p in trainer.model.parameters() if p.grad is not None]
    trainer.model.zero_grad()
    apart = []
    for row, answer in zip(rows, (2, 4), strict=True):
        logits_BTV, _ = trainer.model(torch.from_numpy(np.concatenate([[0], row]))[None])
        apart.append(F.cross_entropy(logits_BTV[0, -1], torch.tensor(answer)))
    expected = torch.stack(apart).mean()
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(
        gradients, [p.grad for p in trainer.model.parameters() if p.grad is not None]
    )
    # Other tokens in the padding change nothing.
    filled_BT = np.where(batch.tokens_BT == 0, 3, batch.tokens_BT)
    filled_BT[:, 0] = 0
    trainer.model.zero_grad()
    filled = as_tensors(Batch(filled_BT, batch.targets_BT, batch.reset_BT))
    assert torch.equal(trainer._learn(filled), loss)


def test_a_run_learns_the_task_and_says_how_well(recipe: Recipe, tmp_path: Path) -> None:
    training = replace(
        recipe.training,
        steps=200,
        batch=32,
        evaluate_every=50,
        log_every=50,
        learning_rate=1e-2,
        optimizer=OptimizerConfig(kind="muon"),
    )
    easy = replace(recipe, training=training, task=replace(_TASK, copies=1))
    result = train(easy, tmp_path, device="cpu", quiet=True)
    assert result.accuracy is not None
    assert result.accuracy > 0.8  # guessing gives a third
    assert result.bits_per_byte is None
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["accuracy"] == result.accuracy
    assert lines[-1]["validation_tokens"] == 100
    card = (tmp_path / "README.md").read_text()
    assert "of the answers right" in card
    assert "by guessing" in card
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["task"]["type"] == "selective-copying"
    assert saved["training"]["length"] == 1 + 10 + 1


def test_ranks_read_different_batches_and_save_one_position() -> None:
    one, two = (TaskLoader(_TASK, batch=3, seed=5, rank=rank, world=2) for rank in range(2))
    batches = [next(one), next(two), next(one), next(two)]
    assert one.position() == two.position()
    alone = TaskLoader(_TASK, batch=3, seed=5)
    for batch in batches:
        assert np.array_equal(next(alone).tokens_BT, batch.tokens_BT)
    assert (batches[0].targets_BT != IGNORED).sum() == 3 * _TASK.copies


@pytest.mark.parametrize("fault", [{"batch": -1}, {"seed": 6}, {"size": 4}, {"batch": "1"}])
def test_a_position_of_another_run_is_refused(fault: dict[str, object]) -> None:
    loader = TaskLoader(_TASK, batch=3, seed=5)
    with pytest.raises(InputError, match="position of the task"):
        loader.load_position({**loader.position(), **fault})
