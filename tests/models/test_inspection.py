"""What `runnel inspect` states, against models whose answers are known."""

import math
from typing import Any

import pytest
import torch

from runnel.mixers import MIXERS
from runnel.models.inspection import LONGEST, inspect_model
from runnel.models.size import count_parameters
from runnel.models.stack import BlockConfig, Stack, StackConfig
from runnel.reports.half_lives import draw_half_lives, words


def stack(*mixers: str, tied: bool = False) -> Stack:
    torch.manual_seed(13)
    configs = tuple(MIXERS[m](dim=16) for m in mixers)
    block = BlockConfig(convolution=3)
    return StackConfig(
        vocab_size=11, dim=16, layers=len(mixers), mixers=configs, block=block, tied=tied
    ).build()


def mixer_of(model: Stack) -> Any:
    block: Any = model.blocks[0]
    return block.mixer


def test_half_lives_are_those_of_the_gates() -> None:
    """Gates that see nothing keep a share of 2^(-1/h) a token: their half-life is h."""
    model, wanted = stack("mingru"), torch.logspace(0, 3, 16)
    mixer = mixer_of(model)
    with torch.no_grad():
        mixer.inputs.weight.zero_()
        mixer.inputs.bias[:16] = torch.logit(1 - 0.5 ** (1 / wanted))
    (layer,) = inspect_model(model, torch.randint(0, 11, (2, 30))).layers
    expected = wanted.double().quantile(torch.arange(0, 21).double() / 20)
    assert layer.half_lives == pytest.approx(expected.tolist(), rel=1e-3)
    assert layer.wiping == 0
    assert layer.keeping == pytest.approx(float((0.5 ** (1 / wanted) > 0.999).float().mean()))


@pytest.mark.parametrize(("bias", "half_life"), [(60.0, 0.0), (-60.0, LONGEST)])
def test_shut_gates_are_counted_and_stated_as_numbers(bias: float, half_life: float) -> None:
    model = stack("mingru")
    with torch.no_grad():
        mixer_of(model).inputs.bias[:16] = bias
    (layer,) = inspect_model(model, torch.randint(0, 11, (1, 8))).layers
    assert (layer.wiping, layer.keeping) == ((1.0, 0.0) if bias > 0 else (0.0, 1.0))
    assert layer.half_lives is not None
    assert layer.half_lives[10] == pytest.approx(half_life, abs=0.02)
    assert all(map(math.isfinite, layer.half_lives))


def test_parts_add_up_and_shared_weights_count_once() -> None:
    for tied in (False, True):
        model = stack("hgrn", "attention", "gru", tied=tied)
        found = inspect_model(model, torch.randint(0, 11, (1, 4)))
        assert found.parameters == sum(found.parts.values()) == count_parameters(model.config)
        assert ("head" in {name.split(".")[0] for name in found.parts}) != tied
        inside = sum(layer.parameters for layer in found.layers)
        assert found.parts["blocks.mixer"] == inside


def test_states_are_counted_in_bytes() -> None:
    found = inspect_model(stack("mingru", "lstm"), torch.randint(0, 11, (1, 4)))
    assert [layer.state_bytes for layer in found.layers] == [4 * 16, 2 * 4 * 16]
    assert found.state_bytes == 3 * 4 * 16 + 2 * (2 * 4 * 16)  # and two inputs of each convolution


def test_the_spectral_radius_is_the_largest_eigenvalue() -> None:
    model = stack("gru", "mingru")
    with torch.no_grad():
        matrices = mixer_of(model).recurrent_matrices()
        for matrix in matrices.values():
            matrix.copy_(0.3 * torch.eye(16))
        matrices["n"][0, 1], matrices["n"][1, 0] = 0.8, -0.8  # 0.3 +- 0.8 i
    first, second = inspect_model(model, torch.randint(0, 11, (1, 4))).layers
    assert first.spectral_radius == pytest.approx(math.hypot(0.3, 0.8))
    assert second.spectral_radius is None
    assert first.half_lives is not None


def test_a_mixer_that_reports_nothing_is_listed_all_the_same() -> None:
    (layer,) = inspect_model(stack("attention"), torch.randint(0, 11, (1, 4))).layers
    assert (layer.mixer, layer.half_lives, layer.wiping) == ("attention", None, None)


def test_asking_changes_nothing() -> None:
    model = stack("mingru", "gru", "mamba")
    tokens_BT = torch.randint(0, 11, (2, 9))
    before = model(tokens_BT)[0]
    inspect_model(model, tokens_BT)
    assert torch.equal(model(tokens_BT)[0], before)
    assert not any(module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("tokens", "text"),
    [(0.043, "0.043"), (7.13, "7.1"), (693.2, "693"), (21_400, "21k"), (LONGEST, "1M+")],
)
def test_numbers_of_tokens_are_short(tokens: float, text: str) -> None:
    assert words(tokens) == text


def test_the_picture_has_a_row_for_each_layer() -> None:
    half_lives = tuple(float(2**i) for i in range(21))
    layers: list[dict[str, Any]] = [
        {"name": f"blocks.{i}.mixer", "mixer": "mingru", "half_lives": half_lives} for i in range(3)
    ]
    layers.append({"name": "blocks.3.mixer", "mixer": "attention", "half_lives": None})
    drawn = draw_half_lives(layers, title="runs/x")
    assert drawn.count("mingru") >= 3
    assert "attention" not in drawn
    assert draw_half_lives(layers, title="runs/x") == drawn
