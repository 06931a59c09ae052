"""Steps that nobody waits for, as on a GPU: the same to the bit, and nothing bad moves a weight."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from runnel import ops
from runnel.data.loader import Batch
from runnel.errors import DivergedError
from runnel.mixers import MIXERS
from runnel.models.stack import StackConfig
from runnel.ops import fused
from runnel.training import OptimizerConfig, Recipe, train
from runnel.training import trainer as training
from runnel.training.feed import Ahead, Placed, as_tensors
from runnel.training.loop import resolve
from runnel.training.loss import _CrossEntropy, next_token_loss
from runnel.training.subject import open_subject
from runnel.training.trainer import Trainer
from torture.essence import differences, lines_of
from torture.steps import at

MakeRecipe = Callable[..., Recipe]


def _trainer(recipe: Recipe, *, waits: bool) -> Trainer:
    subject = open_subject(recipe)
    trainer = Trainer(resolve(recipe, subject), subject, torch.device("cpu"))
    trainer.waits = waits
    return trainer


@pytest.fixture
def unwaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainers do on the CPU as they do on a GPU, with a thread that fetches batches ahead."""
    monkeypatch.setattr(training, "waits", lambda config, device: False)
    monkeypatch.setattr(training, "feed", lambda loader, device: Ahead(loader, _Carrier()))


class _Carrier:
    def load(self, batch: Batch) -> Placed:
        return as_tensors(batch)

    def take(self, loaded: Placed) -> Placed:
        return loaded


_ALL: dict[str, Any] = {
    "dropout": 0.2,
    "accumulate": 2,
    "average": 0.9,
    "optimizer": OptimizerConfig(kind="muon", clip=0.5),
}
_MATRIX = {
    "plain": {},
    "all": _ALL,
    "bfloat16": {"precision": "bfloat16", "optimizer": OptimizerConfig(clip=0.0)},
    "growth": {"grows": True, "average": 0.9, "dropout": 0.1},
}


@pytest.mark.parametrize("options", _MATRIX.values(), ids=_MATRIX.keys())
def test_a_run_is_the_same_to_the_bit(
    make_recipe: MakeRecipe, tmp_path: Path, request: pytest.FixtureRequest, options: dict[str, Any]
) -> None:
    recipe = make_recipe(log_every=3, save_every=4, evaluate_every=5, **options)
    train(recipe, tmp_path / "waited", device="cpu", quiet=True)
    request.getfixturevalue("unwaited")
    train(recipe, tmp_path / "unwaited", device="cpu", quiet=True)
    assert differences(tmp_path / "waited", tmp_path / "unwaited") == []
    assert len(lines_of(tmp_path / "unwaited")) > 5


@pytest.mark.usefixtures("unwaited")
def test_interrupted_it_goes_on_to_the_bit(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(log_every=4, save_every=3, **_ALL)
    train(recipe, tmp_path / "whole", device="cpu", quiet=True)
    stopped = at(6, lambda: os.kill(os.getpid(), signal.SIGINT))
    first = train(recipe, tmp_path / "broken", device="cpu", progress=stopped)
    assert first.steps == 6
    train(recipe, tmp_path / "broken", device="cpu", quiet=True)
    assert differences(tmp_path / "whole", tmp_path / "broken") == []


@pytest.mark.usefixtures("unwaited")
def test_what_is_never_logged_is_read_all_the_same(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_MOST_PENDING", 4)
    asked = []
    judged = Trainer._judged

    def note(trainer: Trainer, taken: Any, *others: Any) -> Any:
        asked.append((taken.number, trainer.spent.steps))
        return judged(trainer, taken, *others)

    monkeypatch.setattr(Trainer, "_judged", note)
    recipe = make_recipe(steps=10, log_every=0, save_every=0, evaluate_every=0)
    train(recipe, tmp_path, device="cpu", quiet=True)
    times = [4] * 4 + [8] * 4 + [10] * 2
    assert asked == list(zip(range(1, 11), times, strict=True))


_READS = {"item", "tolist", "numpy", "cpu", "nonzero", "equal", "allclose", "is_nonzero"}
_READS |= {"__bool__", "__float__", "__int__", "__index__", "__array__"}


class _NobodyReads(TorchFunctionMode):
    """Whoever looks at a number of a tensor would wait for a GPU."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        assert getattr(func, "__name__", "") not in _READS, func
        return func(*args, **(kwargs or {}))


class _NothingIsRead(TorchDispatchMode):
    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        assert func.overloadpacket.__name__ not in {"_local_scalar_dense", "nonzero"}, func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("options", [{}, _ALL], ids=["plain", "all"])
def test_a_step_reads_nothing_from_the_device(
    make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    trainer = _trainer(make_recipe(**options), waits=False)
    trainer.advance()
    # What the loss does on a CPU alone.
    monkeypatch.setattr(_CrossEntropy, "backward", staticmethod(_backward_elsewhere))
    with _NobodyReads(), _NothingIsRead():  # type: ignore[no-untyped-call]
        for _ in range(3):
            trainer.advance()
        with pytest.raises(AssertionError):
            trainer.measured()


@pytest.mark.parametrize("mixer", sorted(MIXERS.keys() - {"gru", "lstm"}))
def test_no_model_reads_anything_either(mixer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By plain torch; torch's own GRU wants the starts of documents on the host."""
    monkeypatch.setattr(_CrossEntropy, "backward", staticmethod(_backward_elsewhere))
    monkeypatch.setattr(fused, "_backend", lambda x: fused.BACKENDS["torch"])
    monkeypatch.setattr(ops, "_backend", lambda *arguments: ops.BACKENDS["torch"])
    config = StackConfig(dim=24, layers=2, mixers=(MIXERS[mixer](dim=24),), vocab_size=64)
    model = config.build().train()
    tokens_BT = torch.randint(64, (2, 40))
    reset_BT = tokens_BT == 3
    for resets in (None, reset_BT):
        with _NobodyReads(), _NothingIsRead():  # type: ignore[no-untyped-call]
            next_token_loss(model, tokens_BT, tokens_BT, resets, torch.bfloat16).backward()


def _backward_elsewhere(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
    (grad_NV,) = ctx.saved_tensors
    return grad_NV.mul_(grad.to(grad_NV.dtype)), None


def _weight(trainer: Trainer) -> None:
    with torch.no_grad():
        trainer.model.get_parameter("blocks.0.mixer.inputs.weight")[0, 0] = torch.nan


def _output(trainer: Trainer) -> None:
    module = trainer.model.get_submodule("blocks.0.feedforward")
    module.register_forward_hook(lambda module, inputs, output: output * torch.inf)


def _gradient(trainer: Trainer) -> None:
    trainer.model.get_parameter("head.weight").register_hook(lambda grad: grad * torch.nan)


@pytest.mark.parametrize("options", [{}, _ALL], ids=["plain", "all"])
@pytest.mark.parametrize("fault", [_weight, _output, _gradient])
def test_divergence_moves_nothing_and_is_told_as_by_one_who_waits(
    make_recipe: MakeRecipe, fault: Callable[[Trainer], None], options: dict[str, Any]
) -> None:
    told = []
    for waits in (True, False):
        # One after the other, for both throw torch's dice.
        trainer = _trainer(make_recipe(**options), waits=waits)
        trainer.step()
        trainer.step()
        fault(trainer)
        before = {n: t.clone() for n, t in (trainer.weights() | trainer.tensors()).items()}
        told.append(_divergence(trainer, 1 if waits else 4))
        after = trainer.weights() | trainer.tensors()
        for name, tensor in before.items():
            if not name.startswith("random."):
                torch.testing.assert_close(after[name], tensor, rtol=0, atol=0, equal_nan=True)
    assert told[0] == told[1]
    assert "step 3:" in told[0]


def _divergence(trainer: Trainer, steps: int) -> str:
    """What is told of the first of some steps that is bad."""

    def run() -> None:
        for _ in range(steps):
            trainer.advance()
        trainer.measured()

    with pytest.raises(DivergedError) as caught:
        run()
    return str(caught.value)


def test_a_bad_batch_is_found_among_good_ones(make_recipe: MakeRecipe) -> None:
    """Only the gate, which stays shut, keeps the steps after it from moving anything."""
    recipe = make_recipe(accumulate=2)
    one, other = (_trainer(recipe, waits=waits) for waits in (True, False))
    witness = _trainer(recipe, waits=True)
    batches = [next(witness.loader).tokens_BT for _ in range(20)]
    errors = []
    for trainer in (one, other):

        def spoil(module: Any, inputs: Any, output: Any) -> Any:
            bad = bool((inputs[0] == torch.from_numpy(batches[5])).all())
            return output * torch.nan if bad else output

        trainer.model.get_submodule("embedding").register_forward_hook(spoil)
        trainer.step()
        trainer.step()
        weights = {n: t.clone() for n, t in trainer.weights().items()}
        errors.append(_divergence(trainer, 1 if trainer is one else 5))
        assert all(torch.equal(t, trainer.weights()[n]) for n, t in weights.items())
    assert errors[0] == errors[1]
    assert "first in the output of embedding" in errors[0]


def test_a_gpu_is_waited_for_where_spikes_are_skipped(make_recipe: MakeRecipe) -> None:
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    for skip in (False, True):
        config = make_recipe(skip_spikes=skip).training
        assert training.waits(config, gpu) is skip
        assert training.waits(config, cpu)
