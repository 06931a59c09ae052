"""Models that grow while they train: GPT-2's shape, minGRU's, and small ones of the stories."""

from dataclasses import replace
from typing import Any

from runnel.mixers.attention import AttentionConfig
from runnel.models.diverging import DivergingConfig
from runnel.models.stack import BlockConfig, StackConfig
from runnel.recipes.mingru_lm import mingru_18m
from runnel.recipes.quick import stories
from runnel.recipes.recipe import named
from runnel.recipes.transformers import gpt2_15m
from runnel.training.config import Recipe

FEW_LAYERS: dict[str, Any] = {"stages": (1, 2, 4)}


def diverging_11m() -> Recipe:
    """GPT-2's shape and training, of 3 blocks (11 M parameters), then 6, then 12 (15 M)."""
    original = gpt2_15m()
    attention = AttentionConfig(dim=192, heads=6, window=256, positions="learned")
    model = DivergingConfig(
        vocab_size=original.model.vocab_size,
        dim=192,
        layers=12,
        mixers=(attention,),
        block=BlockConfig(convolution=0, norm="layer", feedforward="gelu-tanh"),
        tied=True,
    )
    return replace(original, model=model)


def diverging_mingru() -> Recipe:
    """The MinGRU byte model in 12 layers, of 3 blocks, then 6, then 12 (17.6 M parameters)."""
    original = mingru_18m()
    assert isinstance(original.model, StackConfig)
    # At this width 12 layers have the parameters of the original's six.
    return replace(original, model=parting(replace(original.model, dim=362, layers=12)))


def diverging_stories() -> Recipe:
    """A transformer of the bundled corpus that grows from one block to four, for two minutes."""
    return _small("attention")


def diverging_mingru_stories() -> Recipe:
    """A minGRU of the bundled corpus that grows from one block to four, for two minutes."""
    return _small("mingru")


def _small(mixer: str) -> Recipe:
    together = stories(mixer)
    assert isinstance(together.model, StackConfig)
    return replace(together, model=parting(together.model, **FEW_LAYERS))


def parting(stack: StackConfig, **growth: Any) -> DivergingConfig:
    """The stack as one whose layers share blocks at first."""
    return DivergingConfig(
        vocab_size=stack.vocab_size,
        dim=stack.dim,
        layers=stack.layers,
        mixers=stack.mixers,
        block=stack.block,
        tied=stack.tied,
        **growth,
    )


RECIPES = named(
    "progressively diverging transformer",
    diverging_11m,
    diverging_mingru,
    diverging_stories,
    diverging_mingru_stories,
)
