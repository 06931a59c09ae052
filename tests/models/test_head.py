"""The head is quicker and still a module: others may listen to it or put theirs in its place."""

import pytest
import torch
from torch import nn

from runnel import build
from runnel.models.head import read_out

TOKENS = torch.tensor([[3, 1, 4, 1, 5]])


@pytest.mark.parametrize("recipe", ["mingru-stories", "gru-memory-0.2m", "conv-attention-stories"])
def test_hooks_hear_the_head(recipe: str) -> None:
    model = build(recipe, vocab_size=257, dim=24, layers=1)
    heard: list[torch.Tensor] = []
    quiet, _ = model(TOKENS)
    head = model.get_submodule("head")
    head.register_forward_hook(lambda module, given, made: heard.append(made))
    loud, _ = model(TOKENS)
    assert len(heard) == 1
    torch.testing.assert_close(loud, quiet)


def test_another_head_in_its_place() -> None:
    class Doubled(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    head, x = Doubled(8, 257), torch.randn(3, 8)
    assert torch.equal(read_out(head, x), head(x))


def test_odd_vocabulary_with_a_cache() -> None:
    """The cache changes logits in place; one token at a time goes another way."""
    torch.manual_seed(5)
    model = build("mingru-stories", vocab_size=257, dim=24, layers=1).eval()
    torch.nn.init.normal_(model.get_parameter("cache.weight_V"))
    tokens = torch.randint(0, 257, (2, 300))
    whole, _ = model(tokens)
    state = model.init_state(2)
    for t in range(300):
        one, state = model.step(tokens[:, t], state)
        torch.testing.assert_close(one, whole[:, t], atol=2e-4, rtol=2e-4)
