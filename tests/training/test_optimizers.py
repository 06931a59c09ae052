"""Which weight is whose, and that moments come back as they were."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runnel.errors import InputError
from runnel.mixers import MIXERS
from runnel.models.stack import BlockConfig, StackConfig
from runnel.training.config import OptimizerConfig, TrainingConfig
from runnel.training.optimizers import Optimizers, weights

_MATRICES = {
    *(f"{name}.weight" for name in ("inputs", "output", "selection", "time_step")),
    *(f"{name}.weight" for name in ("recall", "recurrent", "writer", "priority")),
    *("cell.weight_ih_l0", "cell.weight_hh_l0"),
}


def _model(mixer: str = "mingru", **fields: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    fields = {"dim": 16, "layers": 2, "vocab_size": 20} | fields
    return StackConfig(mixers=(MIXERS[mixer](dim=fields["dim"]),), **fields).build()


def _config(kind: Any = "muon", **fields: Any) -> TrainingConfig:
    return TrainingConfig(steps=1, optimizer=OptimizerConfig(kind=kind, **fields))


def _fill_gradients(model: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("mixer", sorted(MIXERS))
def test_matrices_are_the_linear_weights_inside_the_blocks(mixer: str) -> None:
    for name, parameter, role in weights(_model(mixer)):
        inside = name.startswith("blocks.")
        matrix = ".".join(name.split(".")[-2:]) in _MATRICES
        assert (role == "matrix") == (inside and matrix), name
        tables = ("embedding.weight", "head.weight", "places.weight")
        assert (role == "table") == name.endswith(tables), name
        assert role == "vector" or parameter.ndim == 2


@pytest.mark.parametrize(
    "block", [BlockConfig(), BlockConfig(convolution=0), BlockConfig(norm="layer")]
)
def test_every_trained_weight_has_one_role(block: BlockConfig) -> None:
    model = _model(block=block)
    names = [name for name, *_ in weights(model)]
    assert sorted(names) == sorted(n for n, p in model.named_parameters() if p.requires_grad)
    taps = [role for name, _, role in weights(model) if "taps" in name]
    assert taps == ["vector", "vector"] * (block.convolution > 0)


def test_a_tied_head_is_the_embedding() -> None:
    roles = {name: role for name, _, role in weights(_model(tied=True))}
    assert roles["embedding.weight"] == "table"
    assert "head.weight" not in roles


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_only_matrices_and_tables_decay(kind: str) -> None:
    model = _model()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
        parameter.data.fill_(1.0)
    config = _config(kind, weight_decay=0.1, matrix_weight_decay=0.2)
    Optimizers(model, config, torch.float32).step(0.5)
    muon_rate, adamw_rate = 0.5 * config.optimizer.matrix_learning_rate, 0.5 * config.learning_rate
    for name, parameter, role in weights(model):
        decay = {"matrix": 0.1 * adamw_rate, "table": 0.1 * adamw_rate, "vector": 0.0}[role]
        if kind == "muon" and role == "matrix":
            decay = 0.2 * muon_rate
        assert parameter.detach().mean() == pytest.approx(1 - decay, abs=1e-6), name


def test_adamw_alone_equals_torch_adamw() -> None:
    ours, theirs = _model(), _model()
    config = _config("adamw", weight_decay=0.3, betas=(0.8, 0.9))
    optimizers = Optimizers(ours, config, torch.float32)
    decayed = [p for _, p, role in weights(theirs) if role != "vector"]
    others = [p for _, p, role in weights(theirs) if role == "vector"]
    reference = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}],
        lr=config.learning_rate * 0.7,
        betas=(0.8, 0.9),
    )
    for step in range(3):
        _fill_gradients(ours, step)
        _fill_gradients(theirs, step)
        optimizers.step(0.7)
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize("steps", [0, 3])
def test_restored_moments_go_on_bit_for_bit(kind: str, steps: int) -> None:
    model = _model()
    optimizers = Optimizers(model, _config(kind), torch.float32)
    for step in range(steps):
        _fill_gradients(model, step)
        optimizers.step(1.0)
    other = _model()
    other.load_state_dict(model.state_dict())
    restored = Optimizers(other, _config(kind), torch.float32)
    restored.load_state({name: t.clone() for name, t in optimizers.state().items()})
    for step in range(5, 8):
        for m, o in ((model, optimizers), (other, restored)):
            _fill_gradients(m, step)
            o.step(1.0)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def _stepped() -> tuple[Optimizers, dict[str, Tensor]]:
    model = _model()
    optimizers = Optimizers(model, _config(), torch.float32)
    _fill_gradients(model, 0)
    optimizers.step(1.0)
    return Optimizers(_model(), _config(), torch.float32), optimizers.state()


def test_a_missing_moment_is_named() -> None:
    optimizers, state = _stepped()
    del state["adamw.exp_avg.norm.weight"]
    with pytest.raises(InputError, match=r"moments of norm\.weight"):
        optimizers.load_state(state)


def test_a_missing_momentum_is_named() -> None:
    optimizers, state = _stepped()
    del state["muon.momentum.blocks.1.feedforward.output.weight"]
    with pytest.raises(InputError, match=r"moments of blocks\.1\.feedforward\.output\.weight"):
        optimizers.load_state(state)


@pytest.mark.parametrize("name", ["adamw.exp_avg.nothing", "adamw.max.norm.weight", "sgd.x.y", ""])
def test_an_unknown_moment_is_named(name: str) -> None:
    optimizers, state = _stepped()
    with pytest.raises(InputError, match="moments of this model's weights"):
        optimizers.load_state(state | {name: torch.zeros(1)})


def test_a_moment_of_another_shape_is_refused() -> None:
    optimizers, state = _stepped()
    name = "adamw.exp_avg.norm.weight"
    with pytest.raises(InputError, match=r"norm\.weight of shape \(16,\); got \(3,\)"):
        optimizers.load_state(state | {name: torch.zeros(3)})
