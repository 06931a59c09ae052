"""minGRU and minLSTM against minGRU-pytorch, and the absence of two faults of public code."""

from importlib import import_module
from typing import Any

import pytest
import torch

from runnel.blend import positive
from runnel.mixers import MIXERS
from runnel.models.stack import BlockConfig, StackConfig

DIM = 20


def pair(name: str, expansion: float) -> tuple[Any, Any]:
    """Theirs and ours with the same weights; theirs put the candidate first and have no biases."""
    pytest.importorskip("minGRU_pytorch", reason="the extra bench has it")
    theirs_name = {"mingru": "minGRU", "minlstm": "minLSTM"}[name]
    torch.manual_seed(4)
    theirs = getattr(import_module(f"minGRU_pytorch.{theirs_name}"), theirs_name)(DIM, expansion)
    options: dict[str, Any] = {"expansion": expansion, "project": expansion != 1}
    ours: Any = MIXERS[name](dim=DIM, **options).build()
    weights = theirs.state_dict()
    (joined,) = (w for n, w in weights.items() if n.startswith("to_hidden"))
    candidate, *gates = joined.split(round(expansion * DIM))
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.zero_()
        ours.inputs.weight.copy_(torch.cat([*gates, candidate]))
        if "to_out.weight" in weights:
            ours.output.weight.copy_(weights["to_out.weight"])
    return theirs, ours


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
@pytest.mark.parametrize("expansion", [1.0, 1.5])
@pytest.mark.parametrize("length", [2, 63, 300])
def test_equals_minGRU_pytorch(name: str, expansion: float, length: int) -> None:
    theirs, ours = pair(name, expansion)
    x_BTD = torch.randn(3, length, DIM)
    with torch.no_grad():
        parallel = theirs(x_BTD)
        hidden, steps = None, []
        for t in range(length):
            y, hidden = theirs(x_BTD[:, t : t + 1], hidden, return_next_prev_hidden=True)
            steps.append(y)
        actual, last = ours(x_BTD)
        state, outputs = ours.init_state(3), []
        for t in range(length):
            y_BD, state = ours.step(x_BTD[:, t], state)
            outputs.append(y_BD)
    for mine in (actual, torch.stack(outputs, 1)):
        torch.testing.assert_close(mine, parallel, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(mine, torch.cat(steps, 1), rtol=1e-4, atol=1e-4)
    assert hidden is not None
    torch.testing.assert_close(last.h_BE, hidden.squeeze(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
def test_a_carried_state_is_not_activated_again(name: str) -> None:
    """minGRU-pytorch's minLSTM carries log g(h); ours carries h, and its two forms agree."""
    theirs, ours = pair(name, 1.0)
    x_BTD = torch.randn(2, 40, DIM)
    with torch.no_grad():
        whole, _ = ours(x_BTD)
        left, state = ours(x_BTD[:, :17])
        right, _ = ours(x_BTD[:, 17:], state)
        torch.testing.assert_close(torch.cat([left, right], 1), whole)
        _, hidden = theirs(x_BTD[:, :17], return_next_prev_hidden=True)
        error = (theirs(x_BTD[:, 17:], hidden) - whole[:, 17:]).abs().max()
        wrong = positive(state.h_BE)
        assert (ours(x_BTD[:, 17:], type(state)(wrong))[0] - right).abs().max() > 0.05
    # What the test is for: their minLSTM has the fault, their minGRU was mended.
    assert (error > 0.05) if name == "minlstm" else (error < 1e-4)


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
def test_a_stream_goes_on_with_the_convolution_on(name: str) -> None:
    block = BlockConfig(convolution=4)
    mixers = (MIXERS[name](dim=DIM),)
    model = StackConfig(vocab_size=9, dim=DIM, layers=2, mixers=mixers, block=block).build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
        tokens_BT = torch.randint(0, 9, (2, 30))
        whole, _ = model(tokens_BT)
        _, state = model(tokens_BT[:, :11])
        right, state = model(tokens_BT[:, 11:29], state)
        last, _ = model.step(tokens_BT[:, 29], state)
    joined = torch.cat([right, last.unsqueeze(1)], 1)
    torch.testing.assert_close(joined, whole[:, 11:], rtol=1e-4, atol=1e-4)


def test_gates_begin_as_configured() -> None:
    def biases(name: str, **options: Any) -> torch.Tensor:
        mixer: Any = MIXERS[name](dim=8, **options).build()
        return mixer.inputs.bias.detach()

    kept_E = 1 - torch.sigmoid(biases("mingru", half_lives=(2.0, 32.0))[:8])
    torch.testing.assert_close(kept_E[[0, -1]], torch.tensor([0.5**0.5, 0.5 ** (1 / 32)]))
    assert not biases("mingru", half_lives=None).any()
    late = biases("minlstm", forget_bias=3.0)
    assert late[:8].eq(3).all()
    assert not late[8:].any()


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
def test_a_plain_candidate_may_be_negative_and_a_start_is_learned(name: str) -> None:
    torch.manual_seed(5)
    options: dict[str, Any] = {"candidate": "plain", "learned_start": True, "project": False}
    mixer: Any = MIXERS[name](dim=8, **options).build()
    with torch.no_grad():
        mixer.start_E.copy_(torch.arange(8.0))
    assert mixer.init_state(2).h_BE.equal(torch.arange(8.0).expand(2, -1))
    y_BTD, _ = mixer(torch.randn(2, 50, 8))
    assert y_BTD.min() < 0
    y_BTD.sum().backward()
    assert mixer.start_E.grad.abs().min() > 0
