"""Small models for two cores and a few minutes: every mixer at the parameters of minGRU's."""

from functools import partial
from typing import Any

from runnel.data.config import DataConfig
from runnel.mixers import MIXERS
from runnel.recipes.recipe import LEAN, NamedRecipe, first_line, matched_stack, named
from runnel.training.config import OptimizerConfig, Recipe, ScheduleConfig, TrainingConfig

_MUON = OptimizerConfig(kind="muon")
_QUICK_MUON = OptimizerConfig(kind="muon", momentum=0.9)
_SLOW_MUON = OptimizerConfig(kind="muon", matrix_learning_rate=8e-3)
LATE_DECAY = ScheduleConfig(shape="linear", level=0.5)

# Names must last for whole stories: some channels begin with a long memory, a cache makes names
# that were told likelier, and with 2,048 pairs most names are one token.
LONG_MEMORY: dict[str, dict[str, Any]] = {"mingru": {"half_lives": (1.0, 256.0)}}


def stories(mixer: str) -> Recipe:
    """A model of the bundled corpus, for two minutes on two CPU cores."""
    return Recipe(
        model=matched_stack(mixer, 120, 4, fields=LONG_MEMORY, block=LEAN, cache=2),
        data=DataConfig(source="stories", tokenizer="bpe:2048", megabytes=8),
        training=TrainingConfig(
            minutes=2,
            evaluate_tokens=65_536,
            batch=4,
            length=256,
            learning_rate=1.2e-2,
            optimizer=_QUICK_MUON,
            schedule=LATE_DECAY,
        ),
        prompts=("Once upon a time", "One day, "),
    )


def shakespeare(mixer: str) -> Recipe:
    """A character model of tiny Shakespeare (give it as --data), judged on the last tenth."""
    return Recipe(
        model=matched_stack(mixer, 128, 4),
        data=DataConfig(source="input.txt", tokenizer="char", split="tail"),
        training=TrainingConfig(
            minutes=3, batch=8, learning_rate=6e-3, optimizer=_MUON, schedule=LATE_DECAY
        ),
        prompts=("ROMEO:",),
    )


def mingru_270k() -> Recipe:
    """At most 270,000 parameters for TinyStories (give it as --data), for five minutes."""
    return Recipe(
        model=matched_stack("mingru", 72, 4),
        data=DataConfig(source="tinystories"),
        training=TrainingConfig(
            minutes=5, batch=16, learning_rate=8e-3, optimizer=_SLOW_MUON, schedule=LATE_DECAY
        ),
    )


RECIPES = {
    f"{mixer}-{family.__name__}": NamedRecipe(
        partial(family, mixer), first_line(family), config.source
    )
    for mixer, config in MIXERS.items()
    for family in (stories, shakespeare)
} | named("runnel", mingru_270k)
