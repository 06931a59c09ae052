"""Convolution-attention at lengths that fill groups of 64; nothing leaks, nothing is done twice."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import test_laws
from runnel.models import levels
from runnel.models.conv_attention import ConvAttention, ConvAttentionConfig
from runnel.models.levels import GROUP, Level, whole_groups

VOCAB = 17


def random_model(stages: int = 3) -> ConvAttention:
    torch.manual_seed(5)
    config = ConvAttentionConfig(
        vocab_size=VOCAB, dim=4, layers=2 * stages + 1, stages=stages, context=128
    )
    model = config.build().double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def draw(batch: int, time: int) -> Tensor:
    return torch.randint(0, VOCAB, (batch, time))


def steps(model: ConvAttention, tokens_BT: Tensor, state: Any) -> tuple[Tensor, Any]:
    outputs = []
    for token_B in tokens_BT.unbind(1):
        logits, state = model.step(token_B, state)
        outputs.append(logits)
    return torch.stack(outputs, 1), state


@torch.no_grad()
def test_step_and_carried_equal_forward_beyond_the_context() -> None:
    model, tokens_BT = random_model(), draw(2, 300)
    expected = model(tokens_BT)
    test_laws.assert_same(steps(model, tokens_BT, model.init_state(2)), expected)
    left, state = model(tokens_BT[:, :137])
    right, state = model(tokens_BT[:, 137:], state)
    test_laws.assert_same((torch.cat([left, right], 1), state), expected)


@torch.no_grad()
def test_long_documents_may_begin_anywhere_in_a_row() -> None:
    model, lengths = random_model(), (70, 3, 129, 34)
    pieces = [draw(2, n) for n in lengths]
    reset_BT = torch.zeros(2, sum(lengths), dtype=torch.bool)
    reset_BT[:, torch.tensor([0, *lengths]).cumsum(0)[:-1]] = True
    packed, packed_state = model(torch.cat(pieces, 1), None, reset_BT)
    apart = [model(piece) for piece in pieces]
    test_laws.assert_same(packed, torch.cat([y for y, _ in apart], 1))
    more = draw(2, 40)
    test_laws.assert_same(model(more, packed_state), model(more, apart[-1][1]))


@torch.no_grad()
def test_streams_of_a_batch_may_be_at_different_places() -> None:
    model, tokens_BT = random_model(), draw(3, 60)
    reset_BT = torch.zeros(3, 60, dtype=torch.bool)
    reset_BT[0, 57] = reset_BT[1, 2] = True
    state = model(tokens_BT, None, reset_BT)[1]
    more_BT = draw(3, 20)
    test_laws.assert_same(steps(model, more_BT, state), model(more_BT, state))


class Rows:
    """How many positions each compressor has made, from the tokens' up."""

    def __init__(self, model: nn.Module) -> None:
        self.made = [0] * sum(isinstance(m, Level) for m in model.modules())
        found = [m for m in model.modules() if isinstance(m, Level)]
        for depth, level in enumerate(found):
            level.compressor.register_forward_hook(self._counter(depth))

    def _counter(self, depth: int) -> Callable[..., None]:
        def count(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
            self.made[depth] += len(inputs[0])

        return count


@torch.no_grad()
def test_a_compressed_position_is_made_once_per_group_and_never_again() -> None:
    model = random_model()
    rows, state = Rows(model), model.init_state(1)
    for t in range(1, 150):
        _, state = model.step(draw(1, 1)[:, 0], state)
        assert rows.made == [t // 4, t // 16, t // 64]


@torch.no_grad()
def test_a_stream_does_no_work_for_its_neighbours() -> None:
    model = random_model()
    rows = Rows(model)
    state = model(draw(2, 3), None, torch.tensor([[False, False, False], [False, False, True]]))[1]
    rows.made[:] = [0, 0, 0]
    steps(model, draw(2, 16), state)
    assert rows.made == [4 + 4, 1 + 1, 0]  # after 3 + 16 and 1 + 16 tokens


def own_group(place_BT: Tensor, length_B: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """A leak: each position hears the group that it belongs to itself."""
    end_BG, groups_B, heard_BT = whole_groups(place_BT, length_B)
    return end_BG, groups_B, (heard_BT + 1).clamp(max=int(groups_B.max()))


def whole_window(level: Level, z: Tensor) -> Tensor:
    """A leak, the original's: the expander convolves over the sequence."""
    return level.expander(level.expander_norm(z + z.mean(1, keepdim=True))).unflatten(
        -1, (GROUP, level.dim)
    )


@pytest.mark.parametrize("leak", [None, "own group", "whole window"])
def test_causality_is_found_wanting_in_a_leaky_expander(
    leak: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = test_laws.Case(random_model(stages=1), draw)
    causal = test_laws.test_no_output_depends_on_a_later_input
    if leak is None:
        causal(case)
        return
    if leak == "own group":
        monkeypatch.setattr(levels, "whole_groups", own_group)
    else:
        monkeypatch.setattr(Level, "_expanded", whole_window)
    with pytest.raises(AssertionError):
        causal(case)


def test_blocks_are_spread_evenly_the_rest_outermost() -> None:
    config = ConvAttentionConfig(dim=4, layers=9, stages=2, context=16)
    assert config.counts() == [(2, 2), (2, 2), (1, 0)]
    assert ConvAttentionConfig(dim=4, layers=2).counts() == [(1, 1), (0, 0), (0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("options", "hint"),
    [({"dim": 0}, "at least 1"), ({"context": 63}, "64 tokens"), ({"stages": 0}, "at least 1")],
)
def test_impossible_dimensions_are_refused(options: dict[str, int], hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        ConvAttentionConfig(**({"dim": 4, "layers": 1} | options))  # type: ignore[arg-type]
