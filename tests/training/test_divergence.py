"""NaN and Inf, wherever they come from, stop a run before it takes them in; spikes are told."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runnel.data import open_corpus
from runnel.errors import DivergedError, InputError
from runnel.models.model import Model
from runnel.storage import checkpoint as checkpoints
from runnel.training import Recipe, train
from runnel.training.divergence import _listed
from runnel.training.loop import resolve
from runnel.training.optimizers import Optimizers
from runnel.training.run import Run
from runnel.training.spikes import Spikes
from runnel.training.subject import open_subject
from runnel.training.trainer import Trainer

MakeRecipe = Callable[..., Recipe]


def _trainer(recipe: Recipe) -> Trainer:
    subject = open_subject(recipe)
    return Trainer(resolve(recipe, subject), subject, torch.device("cpu"))


def _inject(trainer: Trainer, dice: random.Random) -> str:
    """Put NaN or Inf into a random place that every batch meets; what the error must say of it."""
    kind = dice.choice(["weight", "output", "gradient"])
    # A unit that squares what is above zero may swallow an Inf, but never a NaN.
    bad = dice.choice([torch.nan, torch.inf, -torch.inf]) if kind == "gradient" else torch.nan
    if kind == "output":
        leaves = [n for n, m in trainer.model.named_modules() if isinstance(m, nn.Linear)]
        name = dice.choice(leaves)
        trainer.model.get_submodule(name).register_forward_hook(lambda m, i, y: y + bad)
        return f"NaN or Inf first in the output of {name};"
    trained = [(n, p) for n, p in trainer.model.named_parameters() if p.requires_grad]
    name, parameter = dice.choice([(n, p) for n, p in trained if "embedding" not in n])
    if kind == "gradient":
        parameter.register_hook(lambda gradient: gradient + bad)
        return f"NaN or Inf in the gradient of {name};"
    with torch.no_grad():
        parameter.view(-1)[dice.randrange(parameter.numel())] = bad
    return f"NaN or Inf in the weight {name};"


@pytest.mark.parametrize("seed", range(20))
def test_injected_anywhere_it_is_named_and_nothing_is_moved(
    make_recipe: MakeRecipe, seed: int
) -> None:
    dice = random.Random(seed)
    trainer = _trainer(make_recipe(grows=seed % 2 == 1, accumulate=1 + seed % 3))
    for _ in range(dice.choice([0, 1, 2, 3, 5, 6])):  # not where it grows
        trainer.step()
    named = _inject(trainer, dice)
    before = {n: t.clone() for n, t in (trainer.weights() | trainer.tensors()).items()}
    with pytest.raises(DivergedError) as caught:
        trainer.step()
    assert named in str(caught.value), seed
    assert f"at step {trainer.spent.steps + 1}:" in str(caught.value)
    after = trainer.weights() | trainer.tensors()
    for name, tensor in before.items():
        if not name.startswith("random."):
            torch.testing.assert_close(after[name], tensor, rtol=0, atol=0, equal_nan=True)


def test_the_loss_itself_may_go_bad(
    make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = _trainer(make_recipe())
    learn = trainer._learn
    monkeypatch.setattr(trainer, "_learn", lambda batch: learn(batch) * torch.nan)
    with pytest.raises(DivergedError, match="step 1: expected finite numbers; got a loss of nan"):
        trainer.step()


def test_the_documents_of_the_bad_batch_are_named(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(accumulate=2, batch=2, length=128)
    trainer, witness = _trainer(recipe), _trainer(recipe)
    trainer.step()
    calls, batches = iter([0.0, torch.nan]), [next(witness.loader) for _ in range(4)]
    head = trainer.model.get_submodule("head")
    head.register_forward_hook(lambda m, i, y: y + next(calls, 0.0))
    with pytest.raises(DivergedError, match=r"documents (.*) of the training text") as caught:
        trainer.step()
    listed = str(caught.value).partition("documents ")[2].partition(" of the")[0]
    bounds = [[int(n) for n in part.split("-")] for part in listed.split(", ")]
    named = [n for run in bounds for n in range(run[0], run[-1] + 1)]
    stream = open_corpus(recipe.data).train
    numbers_N = (stream.tokens_N == stream.end).cumsum()
    text = stream.tokens_N.tobytes()
    expected: set[int] = set()
    for row_T in batches[3].tokens_BT.astype(stream.tokens_N.dtype):
        at = text.index(row_T.tobytes()) // stream.tokens_N.itemsize
        assert text.count(row_T.tobytes()) == 1
        expected |= set(numbers_N[at : at + len(row_T)].tolist())
    assert named == sorted(expected)


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_of_several_batches_that_with_the_bad_gradient_is_named(
    make_recipe: MakeRecipe, bad: int
) -> None:
    trainer = _trainer(make_recipe(accumulate=3, batch=2))
    trainer.step()
    position = trainer.loader.position()
    documents = [trainer.loader.documents(position, i) for i in range(3)]
    spoiled, learn, weight = [], trainer._learn, trainer.model.get_parameter("head.weight")
    calls = iter(range(3))

    def learn_badly(batch: Any) -> Tensor:
        if next(calls, None) == bad:
            spoiled.append(batch)
        hook = None
        if any(batch is one for one in spoiled):
            hook = weight.register_hook(lambda gradient: gradient * torch.inf)
        loss = learn(batch)
        if hook is not None:
            hook.remove()
        return loss

    trainer._learn = learn_badly  # type: ignore[method-assign]
    with pytest.raises(DivergedError, match=r"gradient of head\.weight") as caught:
        trainer.step()
    listed = _listed(documents[bad])
    assert f"documents {listed} of the training text" in str(caught.value)


def _break_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """From some step on the optimizer makes a weight infinite."""
    plain, calls = Optimizers.step, []

    def broken(self: Optimizers, factor: float, gate: Tensor | None) -> None:
        plain(self, factor, gate)
        calls.append(factor)
        if len(calls) >= step:
            next(iter(self._adamw_weights.values())).data.view(-1)[0] = torch.inf

    monkeypatch.setattr(Optimizers, "step", broken)


def test_bad_weights_never_become_a_checkpoint(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(save_every=2, evaluate_every=0)
    _break_after(monkeypatch, 8)
    with pytest.raises(DivergedError, match=r"step 8: expected finite weights .* Inf in embedding"):
        train(recipe, tmp_path, device="cpu", quiet=True)
    saved = [path.name for path in checkpoints.find(tmp_path / "checkpoints")]
    assert saved == ["step-00000006", "step-00000004"]
    monkeypatch.undo()
    monkeypatch.setattr("runnel.training.run.draw_loss", lambda lines, **options: "<svg/>")
    assert train(recipe, tmp_path, device="cpu", quiet=True).steps == 12


def test_a_bad_validation_loss_is_divergence_and_not_the_best(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Run._judge

    def bad(run: Run, model: Model[Any], limit: int | None) -> Any:
        model.register_forward_hook(lambda m, i, y: (y[0] * torch.nan, y[1]))
        return judge(run, model, limit)

    monkeypatch.setattr(Run, "_judge", bad)
    with pytest.raises(DivergedError, match="finite loss"):
        train(make_recipe(), tmp_path, device="cpu", quiet=True)
    assert [path.name for path in checkpoints.find(tmp_path / "checkpoints")] == ["step-00000004"]
    assert not (tmp_path / "checkpoints" / "best").exists()


def test_a_spike_is_far_above_the_mean_and_a_new_level_is_learned() -> None:
    spikes, dice = Spikes(), random.Random(0)
    for _ in range(200):
        loss = dice.gauss(2.0, 0.1)
        assert loss <= spikes.limit(6.0)
        spikes.add(loss, spikes.limit(6.0))
    assert spikes.mean == pytest.approx(2.0, abs=0.05)
    assert spikes.variance**0.5 == pytest.approx(0.1, rel=0.3)
    assert spikes.limit(0.0) == float("inf")
    over = 0
    while spikes.limit(6.0) < 5.0:
        spikes.add(5.0, spikes.limit(6.0))
        over += 1
    assert 1 <= over < 60
    assert Spikes(**spikes.plain()) == spikes


@pytest.mark.parametrize("skip", [False, True])
def test_a_spike_is_told_and_skipped_where_wanted(make_recipe: MakeRecipe, skip: bool) -> None:
    trainer = _trainer(make_recipe(skip_spikes=skip, average=0.9))
    trainer._spikes = Spikes(steps=100, mean=1.0, variance=0.01)
    before = {n: t.clone() for n, t in trainer.model.state_dict().items()}
    tensors = {n: t.clone() for n, t in trainer.tensors().items()}
    position = trainer.loader.position()
    step = trainer.step()
    assert (step.spike, step.skipped) == (True, skip)
    assert trainer.spent.steps == 1
    assert trainer.loader.position() != position
    moved = [n for n, t in trainer.model.state_dict().items() if not torch.equal(t, before[n])]
    assert bool(moved) != skip
    if skip:
        after = trainer.tensors()
        assert after.keys() == tensors.keys()
        assert all(torch.equal(after[n], t) for n, t in tensors.items())


def test_the_metrics_count_spikes(
    make_recipe: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    limits = iter([float("inf"), float("inf"), 0.0, 0.0])
    monkeypatch.setattr(Spikes, "limit", lambda self, deviations: next(limits, float("inf")))
    recipe = make_recipe(log_every=4, evaluate_every=0, skip_spikes=True)
    train(recipe, tmp_path, device="cpu")
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    told = [(line.get("spikes"), line.get("skipped")) for line in lines]
    assert told[:2] == [(2, 2), (None, None)]
    assert "step 3: the loss jumped to" in capfd.readouterr().err


def test_a_spike_wants_a_number_of_deviations(make_recipe: MakeRecipe) -> None:
    with pytest.raises(InputError, match=r"training\.spike must be finite"):
        make_recipe(spike=-1.0)
