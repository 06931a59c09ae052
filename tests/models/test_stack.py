"""What the stack adds to its mixers: shared bounds, tied heads, compiling, starting as a no-op."""

import pytest
import torch

from runnel.mixers import MIXERS
from runnel.models.feedforward import FeedForward
from runnel.models.stack import BlockConfig, Stack, StackConfig


def stack(*mixers: str, **options: object) -> Stack:
    torch.manual_seed(3)
    configs = tuple(MIXERS[m](dim=16) for m in mixers)
    return StackConfig(vocab_size=19, dim=16, layers=3, mixers=configs, **options).build()  # type: ignore[arg-type]


def test_compiles_without_a_graph_break() -> None:
    torch._dynamo.reset()
    model = stack("mingru")
    tokens_BT, reset_BT = torch.randint(0, 19, (2, 9)), torch.zeros(2, 9, dtype=torch.bool)
    reset_BT[0, 4] = True
    with torch.no_grad():
        state = model(tokens_BT)[1]
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    expected = model(tokens_BT, state, reset_BT)[0]
    torch.testing.assert_close(compiled(tokens_BT, state, reset_BT)[0], expected)


def test_layers_share_lower_bounds_that_rise_with_depth() -> None:
    model = stack("hgrn", "mingru", "hgrn")
    bounds = [block.mixer.bound() for block in model.blocks if hasattr(block.mixer, "bound")]  # type: ignore[operator]
    assert len(bounds) == 2
    assert (bounds[0] == 0).all()
    assert (bounds[1] > 0).all()
    assert [n for n, _ in model.named_parameters() if "logits_LE" in n] == [
        "shared.hgrn-0.logits_LE"
    ]


def test_tied_head_is_the_embedding() -> None:
    model = stack("mingru", tied=True)
    assert model.head.weight is model.embedding.weight
    assert model.head.bias is None


@pytest.mark.parametrize("mixer", ["mingru", "minlstm", "hgrn", "attention"])
def test_blocks_add_nothing_at_the_start(mixer: str) -> None:
    model = stack(mixer)
    tokens_BT = torch.randint(0, 19, (1, 7))
    without = model.head(model.norm(model.embedding(tokens_BT)))
    torch.testing.assert_close(model(tokens_BT)[0], without)


def test_dropout_only_while_training() -> None:
    model = stack("mingru", block=BlockConfig(dropout=0.5))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    tokens_BT = torch.randint(0, 19, (1, 7))
    model.eval()
    assert torch.equal(model(tokens_BT)[0], model(tokens_BT)[0])
    model.train()
    assert not torch.equal(model(tokens_BT)[0], model(tokens_BT)[0])


@pytest.mark.parametrize(
    ("field", "value"), [("dim", 0), ("layers", 0), ("vocab_size", 0), ("mixers", ())]
)
def test_impossible_dimensions_are_refused(field: str, value: object) -> None:
    options = {"vocab_size": 9, "dim": 8, "layers": 1, "mixers": (MIXERS["mingru"](dim=8),)}
    with pytest.raises(ValueError, match="at least 1"):
        StackConfig(**(options | {field: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("positions", "heads", "hint"), [("rotary", 5, "divisible"), ("rotary", 16, "even width")]
)
def test_attention_refuses_impossible_heads(positions: str, heads: int, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        MIXERS["attention"](dim=16, positions=positions, heads=heads)  # type: ignore[call-arg]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_recomputing_gives_the_same_gradients_from_fewer_kept_bytes(dtype: torch.dtype) -> None:
    model = stack("mingru", "hgrn", block=BlockConfig(dropout=0.2)).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    tokens_BT = torch.randint(0, 19, (4, 50))
    found = []
    for recompute in (False, True):
        model.recompute = recompute
        kept = [0]

        def count(x: torch.Tensor, kept: list[int] = kept) -> torch.Tensor:
            kept[0] += x.nbytes
            return x

        torch.manual_seed(0)
        saved = torch.autograd.graph.saved_tensors_hooks(count, lambda x: x)
        with saved, torch.autocast("cpu", dtype=dtype, enabled=dtype is not torch.float32):
            logits_BTV, _ = model(tokens_BT)
        grads = torch.autograd.grad(logits_BTV.float().square().mean(), list(model.parameters()))
        found.append((kept[0], logits_BTV, grads))
    (all_bytes, expected, expected_grads), (few_bytes, logits_BTV, grads) = found
    assert few_bytes < 0.5 * all_bytes
    assert torch.equal(logits_BTV, expected)
    for grad, other in zip(grads, expected_grads, strict=True):
        assert torch.equal(grad, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["gelu", "gated"])
def test_hidden_numbers_are_kept_once(kind: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    part, width = FeedForward(8, 32, kind), 64 if kind == "gated" else 32  # type: ignore[arg-type]
    x_ND = torch.randn(50, 8, requires_grad=True)
    leaves = [x_ND, *part.parameters()]
    found = []
    for forward in (lambda x: part.output(part.activation(*part._hidden(x))), part):
        kept: dict[int, torch.Tensor] = {}

        def keep(x: torch.Tensor, kept: dict[int, torch.Tensor] = kept) -> torch.Tensor:
            kept[x.data_ptr()] = x
            return x

        saved = torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x)
        with saved, torch.autocast("cpu", dtype=dtype, enabled=dtype is not torch.float32):
            y_ND = forward(x_ND)  # type: ignore[no-untyped-call]
        hidden = sum(x.numel() for x in kept.values() if len(x) == 50 and x.shape[1] > 8)
        grads = torch.autograd.grad(y_ND.float().square().sum(), leaves)
        found.append((hidden, y_ND, grads))
    (twice, expected, expected_grads), (once, y_ND, grads) = found
    assert (twice, once) == (50 * (width + 32), 50 * width)
    if dtype is torch.float32:
        plain = part.output(part.activation(part.inputs(x_ND)))
        torch.testing.assert_close(y_ND, plain)
    assert torch.equal(y_ND, expected)
    for grad, other in zip(grads, expected_grads, strict=True):
        assert torch.equal(grad, other)
