"""Growing changes no bit of what is computed; what is frozen, shared and copied is what it says."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from runnel.configuration import from_plain, to_plain
from runnel.mixers import MIXERS
from runnel.models.diverging import Diverging, DivergingConfig
from runnel.models.lora import LoRA
from runnel.models.model import ModelConfig
from runnel.models.size import count_parameters
from runnel.recipes import RECIPES

DIM, VOCAB = 12, 17


def _config(mixer: str = "mingru", **fields: Any) -> DivergingConfig:
    standard: dict[str, Any] = {"layers": 12, "mixers": (MIXERS[mixer](dim=DIM),), "rank": 3}
    return DivergingConfig(vocab_size=VOCAB, dim=DIM, **(standard | fields))


def _model(mixer: str = "mingru", stage: int = 1, **fields: Any) -> Diverging:
    """In float64, its weights anything but zero, in the stage that is wanted."""
    torch.manual_seed(3)
    model = _config(mixer, **fields).build().double()
    _disturb(model)
    model.begin()
    while model.stage < stage:
        model.grow()
        _disturb(model.adapters)
    return model


@torch.no_grad()
def _disturb(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.3)


def _tokens() -> Tensor:
    return torch.randint(0, VOCAB, (2, 19), generator=torch.Generator().manual_seed(1))


def _outputs(model: nn.Module) -> tuple[Tensor, Tensor]:
    logits_BTV, _ = model(_tokens())
    return logits_BTV, F.cross_entropy(logits_BTV[:, :-1].flatten(0, 1), _tokens()[:, 1:].flatten())


@pytest.mark.parametrize("sharing", ["in-a-row", "in-turn"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_growth_changes_no_bit(mixer: str, sharing: str) -> None:
    model = _model(mixer, sharing=sharing)
    for stage in (2, 3):
        logits_BTV, loss = _outputs(model)
        model.grow()
        assert model.stage == stage
        after_BTV, loss_after = _outputs(model)
        assert torch.equal(logits_BTV, after_BTV)
        assert torch.equal(loss, loss_after)
        _disturb(model.adapters)
        assert torch.equal(_outputs(model)[0], after_BTV) == (len(model.adapters) == 0)


def test_a_state_is_carried_across_growth() -> None:
    model = _model(stage=2)
    _, state = model(_tokens())
    expected, _ = model(_tokens(), state)
    model.grow()
    assert torch.equal(model(_tokens(), state)[0], expected)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_the_merged_weights_say_all(stage: int) -> None:
    model = _model(stage=stage)
    expected = _outputs(model)[0]
    with model.merged():
        assert torch.equal(_outputs(model)[0], expected)
        weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert torch.equal(_outputs(model)[0], expected)
    fresh = _config().build().double()
    fresh.load_state_dict(weights)
    assert torch.equal(_outputs(fresh)[0], expected)


@pytest.mark.parametrize(("stage", "blocks"), [(1, 3), (2, 6), (3, 12)])
@pytest.mark.parametrize("sharing", ["in-a-row", "in-turn"])
def test_layers_share_as_the_stage_says(stage: int, blocks: int, sharing: str) -> None:
    model = _model(stage=stage, sharing=sharing)
    hidden = [
        model.get_parameter(f"stack.blocks.{layer}.feedforward.inputs.weight")
        for layer in range(12)
    ]
    groups = [[i for i, w in enumerate(hidden) if w is own] for own in dict.fromkeys(hidden)]
    assert len(groups) == blocks
    step = 1 if sharing == "in-a-row" else blocks
    assert all(group == list(range(group[0], 12, step))[: 12 // blocks] for group in groups)
    assert len(model.init_state(1)) == 12


def test_copies_go_their_own_ways() -> None:
    model = _model()
    model.grow()
    first, third = (
        model.get_parameter(f"stack.blocks.{i}.feedforward.inputs.weight") for i in (0, 2)
    )
    assert torch.equal(first, third)
    _outputs(model)[1].backward()
    assert first.grad is not None
    assert third.grad is not None
    assert not torch.equal(first.grad, third.grad)


def test_matrices_of_mixers_are_frozen_and_all_else_trains() -> None:
    model = _model("attention", stage=2)
    for name, parameter in model.named_parameters():
        matrix = (".mixer." in name and name.endswith("put.weight")) or ".mixer.inputs.w" in name
        assert parameter.requires_grad != matrix, name
    with model.merged():
        assert all(parameter.requires_grad for parameter in model.parameters())
    plain = _model("attention", stage=2, rank=0)
    assert all(parameter.requires_grad for parameter in plain.parameters())


class _Products(TorchFunctionMode):
    """Counts the products with activations, and those of factors."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.factors = 0, 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.linear += func is F.linear
        self.factors += func is torch.addmm
        return func(*args, **kwargs or {})


def test_one_product_where_one_does() -> None:
    counts = []
    for model in (_model(stage=1), _model(stage=2)):
        with _Products() as products:
            model(_tokens())
        counts.append((products.linear, products.factors))
    # minGRU has two linear layers; six blocks are merged once, though each is used twice.
    assert counts[1] == (counts[0][0], 2 * 6)
    assert counts[0][1] == 0


def test_the_merged_product_equals_two_products() -> None:
    torch.manual_seed(0)
    weight_OI, x_BI = torch.randn(8, 5).double(), torch.randn(3, 5).double()
    lora = LoRA(weight_OI, 2)
    _disturb(lora)
    two = x_BI @ weight_OI.T + (x_BI @ lora.down_RI.T) @ lora.up_OR.T
    one = F.linear(x_BI, lora(weight_OI))
    torch.testing.assert_close(one, two)
    parameters = list(lora.parameters())
    gradients = [torch.autograd.grad(y.square().sum(), parameters) for y in (one, two)]
    torch.testing.assert_close(*gradients)


def test_the_precision_of_the_sum_is_that_of_the_weights() -> None:
    lora = LoRA(torch.randn(8, 5), 2)
    _disturb(lora)
    exact = lora(torch.zeros(8, 5))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(lora(torch.zeros(8, 5)), exact)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stages": (3, 5, 12)}, "each dividing the next"),
        ({"stages": (6, 3)}, "stages must rise"),
        ({"layers": 10}, "layers=10; set both"),
        ({"starts": (0.0, 0.5)}, "one for each of 3"),
        ({"starts": (0.0, 0.5, 1.0)}, "less than 1"),
        ({"rank": -1}, "rank must be 0 or more"),
        ({"mixers": tuple(MIXERS[n](dim=DIM) for n in ("mingru", "gru"))}, "the same mixer"),
    ],
)
def test_what_cannot_grow_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _config(**fields)


def test_mixers_in_turn_may_share_blocks_in_turn() -> None:
    mixers = tuple(MIXERS[n](dim=DIM) for n in ("mingru", "attention", "minlstm"))
    model = _model(mixers=mixers, sharing="in-turn")
    logits_BTV = _outputs(model)[0]
    model.grow()
    assert torch.equal(_outputs(model)[0], logits_BTV)


def test_stages_follow_each_other() -> None:
    model = _config().build()
    with pytest.raises(ValueError, match="to grow from; got 0"):
        model.grow()
    model.begin()
    with pytest.raises(ValueError, match="not begun"):
        model.begin()
    model.grow()
    model.grow()
    with pytest.raises(ValueError, match="got 3"):
        model.grow()


def test_the_configuration_survives_the_disk() -> None:
    config = _config(sharing="in-turn", starts=(0.0, 0.2, 0.7))
    kind: Any = ModelConfig
    assert from_plain(kind, to_plain(config) | {"type": "diverging"}) == config


@pytest.mark.parametrize("name", ["diverging-stories", "diverging-mingru-stories"])
def test_quick_recipes_end_with_the_parameters_of_their_table(name: str) -> None:
    ours = count_parameters(RECIPES["mingru-stories"].make().model)
    assert count_parameters(RECIPES[name].make().model) == pytest.approx(ours, rel=0.02)


def test_recipes_grow_from_and_to_the_promised_sizes() -> None:
    deep = RECIPES["diverging-mingru"].make().model
    assert count_parameters(deep) == pytest.approx(17.6e6, rel=0.02)
    grown = RECIPES["diverging-11m"].make().model.build()
    assert isinstance(grown, Diverging)
    assert sum(p.numel() for p in grown.parameters()) == pytest.approx(15e6, rel=0.04)
    grown.begin()
    assert sum(p.numel() for p in grown.parameters()) == pytest.approx(11e6, rel=0.02)
