"""torch.compile: the same losses, where it pays, and a model that it does not take."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runnel.errors import InputError
from runnel.mixers.gru import GRUConfig
from runnel.mixers.mingru import MinGRUConfig
from runnel.models.stack import StackConfig
from runnel.training import OptimizerConfig, Recipe, compiling, train
from runnel.training.determinism import deterministic
from runnel.training.loop import resolve
from runnel.training.subject import open_subject
from runnel.training.trainer import Trainer
from torture.essence import lines_of

MakeRecipe = Callable[..., Recipe]
_CPU, _GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile wants a C++ compiler")
def test_compiled_training_has_the_same_losses(make_recipe: MakeRecipe) -> None:
    losses = []
    for mode in ("never", "always"):
        recipe = make_recipe(compile=mode, precision="float32")
        subject = open_subject(recipe)
        trainer = Trainer(resolve(recipe, subject), subject, _CPU)
        losses.append([trainer.step().loss for _ in range(2)])
        assert isinstance(trainer._forward, compiling.Compiled) == (mode == "always")
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_growing_model_is_compiled_anew(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def compile_nothing(model: Any) -> Any:
        compiled.append(model.stage)
        return model

    monkeypatch.setattr(torch, "compile", compile_nothing)
    options: dict[str, Any] = {"grows": True, "optimizer": OptimizerConfig(kind="muon")}
    for mode in ("always", "never"):
        train(make_recipe(compile=mode, **options), tmp_path / mode, device="cpu", quiet=True)
    assert compiled == [1, 2, 3]
    assert lines_of(tmp_path / "always") == lines_of(tmp_path / "never")


def _refuse(model: Any) -> Any:
    def run(*inputs: Any) -> Any:
        raise torch._dynamo.exc.Unsupported("no such thing")

    return run


def test_who_cannot_be_compiled_runs_as_it_is_or_is_refused(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._dynamo.exc

    monkeypatch.setattr(torch, "compile", _refuse)
    with pytest.raises(InputError, match=r"no such thing; leave out training\.compile=always"):
        train(make_recipe(compile="always"), tmp_path / "a", device="cpu", quiet=True)
    monkeypatch.setattr(compiling, "pays", lambda *arguments: True)
    with pytest.warns(RuntimeWarning, match="no such thing.*goes on without it"):
        result = train(make_recipe(), tmp_path / "b", device="cpu", quiet=True)
    assert result.steps == 12


def test_where_it_pays(make_recipe: MakeRecipe) -> None:
    plain = StackConfig(dim=8, layers=1, mixers=(MinGRUConfig(dim=8),)).build()
    stepping = StackConfig(dim=8, layers=1, mixers=(GRUConfig(dim=8),)).build()
    config = make_recipe().training
    assert compiling.pays(plain, config, _GPU)
    assert not compiling.pays(plain, config, _CPU)
    assert not compiling.pays(stepping, config, _GPU)
    for minutes, worth in ((9.0, False), (10.0, True)):
        assert compiling.pays(plain, make_recipe(minutes=minutes).training, _GPU) is worth
    assert not compiling.pays(plain, make_recipe(deterministic=True).training, _GPU)
    with pytest.raises(InputError, match="leave one of them out"):
        make_recipe(deterministic=True, compile="always")


def test_deterministic_kernels_are_wanted_on_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    asked = torch.are_deterministic_algorithms_enabled
    for wanted, device in ((True, _CPU), (False, _GPU)):
        with deterministic(wanted, device):
            assert not asked()
    with deterministic(True, _GPU):
        assert asked()
    assert not asked()
    refused = pytest.raises(InputError, match=r"cumsum does not .*; leave that out")
    with refused, deterministic(True, _GPU):
        raise RuntimeError("cumsum does not have a deterministic implementation. More.")
    with pytest.raises(RuntimeError, match="another"), deterministic(True, _GPU):
        raise RuntimeError("another")
    assert not asked()
