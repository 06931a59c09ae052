"""mamba against the slow path of transformers, on the same weights."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from runnel.mixers.mamba import Mamba, MambaConfig
from runnel.ops import linear_scan

DIM, STATES, RANK = 24, 16, 5


@pytest.fixture(scope="module")
def theirs() -> Any:
    pytest.importorskip("transformers", reason="the extra bench has the implementation beside ours")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import MambaConfig as TheirConfig
        from transformers.models.mamba.modeling_mamba import MambaMixer
    torch.manual_seed(1)
    config = TheirConfig(
        hidden_size=DIM, state_size=STATES, time_step_rank=RANK, num_hidden_layers=1
    )
    return MambaMixer(config, layer_idx=0).eval()


@pytest.fixture
def ours(theirs: Any) -> Mamba:
    mixer = MambaConfig(dim=DIM, states=STATES, rank=RANK).build()
    weights = theirs.state_dict()
    taps = weights["conv1d.weight"].squeeze(1).flip(-1).T  # ours begin with the newest input
    mixer.load_state_dict(
        {
            "inputs.weight": weights["in_proj.weight"],
            "taps_KE": taps,
            "taps_bias_E": weights["conv1d.bias"],
            "selection.weight": weights["x_proj.weight"],
            "time_step.weight": weights["dt_proj.weight"],
            "time_step.bias": weights["dt_proj.bias"],
            "log_rate_EN": weights["A_log"],
            "skip_E": weights["D"],
            "output.weight": weights["out_proj.weight"],
        }
    )
    return mixer


def assert_close(actual: Tensor, expected: Tensor) -> None:
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.parametrize("length", [1, 3, 130])
def test_equals_the_slow_path_of_transformers(theirs: Any, ours: Mamba, length: int) -> None:
    x_BTD = torch.randn(2, length, DIM, generator=torch.Generator().manual_seed(length))
    expected = theirs(x_BTD)
    assert_close(ours(x_BTD)[0], expected)
    state, outputs = ours.init_state(2), []
    for t in range(length):
        y_BD, state = ours.step(x_BTD[:, t], state)
        outputs.append(y_BD)
    assert_close(torch.stack(outputs, 1), expected)


def test_gradients_equal_those_of_transformers(theirs: Any, ours: Mamba) -> None:
    x_BTD = torch.randn(2, 70, DIM)
    for mixer in (theirs, lambda x: ours(x)[0]):
        mixer(x_BTD).square().mean().backward()
    for name, mine in (("A_log", ours.log_rate_EN), ("in_proj.weight", ours.inputs.weight)):
        wanted = theirs.get_parameter(name).grad
        assert mine.grad is not None
        assert_close(mine.grad, wanted)
    theirs.zero_grad()


def test_what_has_states_times_channels_numbers_a_token_is_not_kept() -> None:
    """The backward pass makes a piece again instead of keeping it: memory grows with E, not E N."""
    mixer = MambaConfig(dim=8, states=64).build()
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    time = 1024
    with torch.autograd.graph.saved_tensors_hooks(count, lambda t: t):
        mixer(torch.randn(1, time, 8))
    assert kept < time * mixer.config.inner * mixer.config.states


def test_time_steps_begin_within_their_range() -> None:
    mixer = MambaConfig(dim=64, steps=(0.01, 0.02)).build()
    step_E = torch.nn.functional.softplus(mixer.time_step.bias.detach())
    assert 0.01 * (1 - 1e-5) < float(step_E.min()) < float(step_E.max()) < 0.02 * (1 + 1e-5)


def test_pieces_join_without_a_seam() -> None:
    """One scan over all tokens gives what the pieces give (float64, twice the piece and more)."""
    torch.manual_seed(0)
    mixer = MambaConfig(dim=6, states=4).build().double()
    u = torch.randn(2, 150, mixer.config.inner, dtype=torch.float64)
    step, b, c = mixer._selected(u)
    decay = torch.exp(step.unsqueeze(-1) * -mixer.log_rate_EN.exp())
    value = (step * u).unsqueeze(-1) * b.unsqueeze(2)
    h, last = linear_scan(decay.flatten(2), value.flatten(2))
    expected = torch.einsum("bten,btn->bte", h.view_as(value), c) + mixer.skip_E * u
    actual, after = mixer._scan(u, step, b, c, mixer.init_state(2).h_BEN, None)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(after.flatten(1), last)
