"""What the memory mixers promise beyond the laws: the bound, the sliding places, the loop."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runnel.bench.gru_loop import GRULoop
from runnel.context import Context
from runnel.mixers.memory import Memory, MemoryConfig
from runnel.models.plain import Plain, PlainConfig


def test_the_bound_holds_whatever_the_weights_are_and_lets_gradients_through() -> None:
    torch.manual_seed(0)
    mixer = MemoryConfig(dim=16, attention=False, radius=0.95).build()
    for scale in (0.01, 1.0, 8.0):
        with torch.no_grad():
            for weight in (mixer.recurrent.weight, mixer.writer.weight):
                weight.normal_(std=scale)
        read = mixer._weights()
        for matrix in (*read.recurrent_GD.chunk(3), read.write_KD[:-1]):
            radius = torch.linalg.eigvals(matrix.detach()).abs().max().item()
            assert radius <= 0.95 * (1 + 1e-5)
            assert radius >= 0.9 or scale < 1
    free = MemoryConfig(dim=16, attention=False).build()
    free.load_state_dict(mixer.state_dict())
    x = torch.randn(2, 5, 16)
    assert not torch.allclose(free(x)[0], mixer(x)[0])
    mixer(x)[0].sum().backward()
    assert mixer.recurrent.weight.grad is not None
    assert mixer.recurrent.weight.grad.abs().sum() > 0


def test_places_are_counted_within_the_window() -> None:
    """Each context is what the last W inputs alone would give, as the original generates."""
    torch.manual_seed(1)
    context = Context(dim=12, heads=3, window=5, dropout=0.0).double()
    x = torch.randn(2, 17, 12, dtype=torch.float64)
    whole, _ = context(x, None, None)
    for t in range(17):
        seen = x[:, max(0, t - 4) : t + 1]
        alone, _ = context(seen, None, None)
        torch.testing.assert_close(whole[:, t], alone[:, -1])


def loop_of(model: Plain, heads: int) -> GRULoop:
    """The plain loop with the model's weights."""
    loop, (mixer,) = GRULoop(model.config, heads), model.mixers
    assert isinstance(mixer, Memory)
    assert mixer.context is not None
    pairs: list[tuple[nn.Module, nn.Module]] = [
        (loop.embedding, model.embedding),
        (loop.places, mixer.context.places),
        (loop.attention.out_proj, mixer.context.output),
        (loop.priority, mixer.priority),
        (loop.writer, mixer.writer),
        (loop.norm, model.norm),
        (loop.head, model.head),
    ]
    for theirs, ours in pairs:
        theirs.load_state_dict(ours.state_dict())
    copies: list[tuple[Any, Tensor]] = [
        (loop.attention.in_proj_weight, mixer.context.inputs.weight),
        (loop.attention.in_proj_bias, mixer.context.inputs.bias),
        (loop.cell.weight_ih, torch.cat([mixer.inputs.weight, mixer.recall.weight], dim=1)),
        (loop.cell.bias_ih, mixer.inputs.bias),
        (loop.cell.weight_hh, mixer.recurrent.weight),
        (loop.cell.bias_hh, mixer.recurrent.bias),
    ]
    with torch.no_grad():
        for parameter, value in copies:
            parameter.copy_(value)
    return loop


@pytest.mark.parametrize("time", [1, 63, 256])
def test_equals_the_plain_loop_over_grucell(time: int) -> None:
    torch.manual_seed(2)
    config = PlainConfig(vocab_size=11, dim=12, mixer=MemoryConfig(dim=12, heads=3))
    model = config.build().double()
    loop = loop_of(model, 3).double()
    tokens = torch.randint(0, 11, (3, time))
    logits, theirs = model(tokens)[0], loop(tokens)
    torch.testing.assert_close(logits, theirs)
    logits.square().sum().backward()
    theirs.square().sum().backward()
    (mixer,) = model.mixers
    assert isinstance(mixer, Memory)
    assert mixer.context is not None
    torch.testing.assert_close(mixer.recurrent.weight.grad, loop.cell.weight_hh.grad)
    torch.testing.assert_close(mixer.context.places.weight.grad, loop.places.weight.grad)
    torch.testing.assert_close(model.embedding.weight.grad, loop.embedding.weight.grad)
