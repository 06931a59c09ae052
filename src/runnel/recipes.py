"""Recipes: functions that return a whole run's configuration, by name in `RECIPES`."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from runnel.configuration import look_up, override
from runnel.data.config import DataConfig
from runnel.data.tokenizers import ByteTokenizer
from runnel.errors import InputError
from runnel.mixers import MIXERS
from runnel.models.model import Model
from runnel.models.size import count_parameters, match_parameters
from runnel.models.stack import BlockConfig, StackConfig
from runnel.training.config import OptimizerConfig, Recipe, ScheduleConfig, TrainingConfig


class NamedRecipe(NamedTuple):
    """A recipe's maker, what it is for, and where it comes from."""

    make: Callable[[], Recipe]
    purpose: str
    source: str


_MUON = OptimizerConfig(kind="muon")
_QUICK_MUON = OptimizerConfig(kind="muon", momentum=0.9)
_SLOW_MUON = OptimizerConfig(kind="muon", matrix_learning_rate=8e-3)
_LEAN = BlockConfig(expansion=2)
_LATE_DECAY = ScheduleConfig(shape="linear", level=0.5)


# Names must last for hundreds of bytes: some channels begin with a long memory.
_LONG_MEMORY: dict[str, dict[str, Any]] = {"mingru": {"half_lives": (1.0, 256.0)}}


def _stack(mixer: str, dim: int, layers: int, **options: Any) -> StackConfig:
    """A stack of one mixer, as wide as gives it the parameters of minGRU's at width `dim`."""
    stacks = [
        StackConfig(dim=dim, layers=layers, mixers=(MIXERS[name](dim=dim),), **options)
        for name in ("mingru", mixer)
    ]
    return match_parameters(stacks[1], count_parameters(stacks[0]))


def _with_options(stack: StackConfig, options: dict[str, dict[str, Any]]) -> StackConfig:
    """The stack with fields of its mixers replaced, by the mixer's name."""
    mixers = tuple(dataclasses.replace(m, **options.get(m.name, {})) for m in stack.mixers)
    return dataclasses.replace(stack, mixers=mixers)


def stories(mixer: str) -> Recipe:
    """A model of the bundled corpus, for two minutes on two CPU cores."""
    return Recipe(
        model=_with_options(_stack(mixer, 120, 4, block=_LEAN), _LONG_MEMORY),
        data=DataConfig(source="stories", megabytes=8),
        training=TrainingConfig(
            minutes=2,
            batch=4,
            length=512,
            learning_rate=1.2e-2,
            optimizer=_QUICK_MUON,
            schedule=_LATE_DECAY,
        ),
        prompts=("Once upon a time", "One day, "),
    )


def shakespeare(mixer: str) -> Recipe:
    """A character model of tiny Shakespeare (give it as --data), judged on the last tenth."""
    return Recipe(
        model=_stack(mixer, 128, 4),
        data=DataConfig(source="input.txt", tokenizer="char", split="tail"),
        training=TrainingConfig(
            minutes=3, batch=8, learning_rate=6e-3, optimizer=_MUON, schedule=_LATE_DECAY
        ),
        prompts=("ROMEO:",),
    )


def mingru_270k() -> Recipe:
    """At most 270,000 parameters for TinyStories (give it as --data), for five minutes."""
    return Recipe(
        model=_stack("mingru", 72, 4),
        data=DataConfig(source="tinystories"),
        training=TrainingConfig(
            minutes=5, batch=16, learning_rate=8e-3, optimizer=_SLOW_MUON, schedule=_LATE_DECAY
        ),
    )


def mingru_18m() -> Recipe:
    """The MinGRU byte model of 17.6 M parameters with its original hyper-parameters."""
    return Recipe(
        model=StackConfig(
            dim=512,
            layers=6,
            mixers=(MIXERS["mingru"](dim=512, project=False),),  # type: ignore[call-arg]
            block=BlockConfig(convolution=3, pointwise=True, feedforward="gelu"),
        ),
        data=DataConfig(source="tinystories"),
        training=TrainingConfig(
            tokens=180_000 * 512 * 30,
            batch=204,
            length=512,
            learning_rate=4e-3,
            optimizer=OptimizerConfig(weight_decay=1e-2, betas=(0.9, 0.999)),
            schedule=ScheduleConfig(shape="linear", warmup=0.1),
        ),
    )


def _all_recipes() -> dict[str, NamedRecipe]:
    found = {}
    for mixer, config in MIXERS.items():
        for family in (stories, shakespeare):
            found[f"{mixer}-{family.__name__}"] = NamedRecipe(
                partial(family, mixer), _first_line(family), config.source
            )
    for function, source in (
        (mingru_270k, "runnel"),
        (mingru_18m, "dame-cell/MinGru, corrected"),
    ):
        name = function.__name__.replace("_", "-")
        found[name] = NamedRecipe(function, _first_line(function), source)
    return dict(sorted(found.items()))


def _first_line(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").partition("\n")[0]


RECIPES = _all_recipes()


def recipe(name: str, **training: Any) -> Recipe:
    """The recipe of that name; a budget given in `training` replaces the recipe's own."""
    made = look_up("recipe", name, RECIPES).make()
    if not training:
        return made
    if {"steps", "tokens", "minutes"} & set(training):
        training = {"steps": None, "tokens": None, "minutes": None} | training
    return dataclasses.replace(made, training=dataclasses.replace(made.training, **training))


def build(name: str, **overrides: Any) -> Model[Any]:
    """A recipe's model with fresh weights, any field of its configuration overridden.

    It reads and writes bytes where its vocabulary has the size of theirs.
    """
    config = look_up("recipe", name, RECIPES).make().model
    known = [field.name for field in dataclasses.fields(config)]
    for field in overrides:
        if field not in known:
            raise InputError(
                f"expected fields of the model of {name}; got {field!r}; known are "
                + ", ".join(known)
            )
    config = dataclasses.replace(config, **overrides)
    model = config.build().eval()
    if config.vocab_size == ByteTokenizer().vocab_size:
        model.tokenizer = ByteTokenizer()
    return model


def adjusted(base: Recipe, assignments: list[str]) -> Recipe:
    """The recipe with fields set from texts such as `model.dim=128` (the flag --set)."""
    return override(base, assignments)
