"""Recipes that train on the tasks: selective copying for every mixer, the others for minGRU.

Another mixer takes minGRU's place by `--set model.mixers=lstm`.
"""

from functools import partial
from typing import Any

from runnel.data.config import DataConfig
from runnel.mixers import MIXERS
from runnel.recipes.recipe import LEAN, NamedRecipe, first_line, matched_stack
from runnel.tasks import TRAINABLE, TrainableTask
from runnel.tasks.imdb import IMDB
from runnel.tasks.listops import ListOps
from runnel.tasks.selective_copying import SelectiveCopying
from runnel.training.config import OptimizerConfig, Recipe, ScheduleConfig, TrainingConfig

_MUON = OptimizerConfig(kind="muon")
_DECAY = ScheduleConfig(shape="linear", level=0.3)

# What is to be copied must outlast all noise: some channels begin with a memory of many tokens.
_LONG_MEMORY: dict[str, dict[str, Any]] = {
    "mingru": {"half_lives": (1.0, 1024.0)},
    "minlstm": {"half_lives": (1.0, 1024.0)},
}
# All 16 tokens and their order stand in the state at once, so that it is wide beside the model.
_WIDE_MEMORY = {
    mixer: {"expansion": 4.0, **long_memory} for mixer, long_memory in _LONG_MEMORY.items()
}


def selective_copying(mixer: str) -> Recipe:
    """16 tokens out of 128 to be said in order, for less than half an hour on a CPU."""
    return _copying(SelectiveCopying(length=128), mixer, steps=6000)


def selective_copying_4096(mixer: str) -> Recipe:
    """16 tokens out of 4,096 to be said in order, the published length."""
    return _copying(SelectiveCopying(), mixer, steps=20_000, batch=64)


def _copying(task: SelectiveCopying, mixer: str, **training: Any) -> Recipe:
    return _recipe(task, mixer, dim=64, fields=_WIDE_MEMORY, **training)


def _recipe(
    task: TrainableTask,
    mixer: str = "mingru",
    dim: int = 80,
    layers: int = 3,
    fields: dict[str, dict[str, Any]] = _LONG_MEMORY,
    **training: Any,
) -> Recipe:
    options = {"batch": 32, "learning_rate": 4e-3, "log_every": 100, "evaluate_every": 500}
    return Recipe(
        model=matched_stack(
            mixer, dim, layers, fields, block=LEAN, vocab_size=task.tokenizer().vocab_size
        ),
        data=DataConfig(),
        task=task,
        training=TrainingConfig(**{**options, "optimizer": _MUON, "schedule": _DECAY, **training}),
        prompts=(),
    )


def _state_tracking(name: str) -> Recipe:
    return _recipe(TRAINABLE[name](), steps=5000, batch=64)


def _associative_recall() -> Recipe:
    return _recipe(TRAINABLE["associative-recall"](), layers=2, steps=8000, batch=64)


def _listops() -> Recipe:
    return _recipe(ListOps(), dim=128, layers=4, steps=20_000, evaluate_every=1000)


def _imdb() -> Recipe:
    return _recipe(IMDB(), dim=128, layers=4, steps=8000, batch=16, evaluate_every=500)


def _sequential_mnist() -> Recipe:
    task = TRAINABLE["sequential-mnist"]()
    return _recipe(task, dim=96, layers=4, steps=5000, batch=16, evaluate_every=250)


_OTHERS = {
    "associative-recall": _associative_recall,
    "listops": _listops,
    "imdb": _imdb,
    "sequential-mnist": _sequential_mnist,
} | {
    name: partial(_state_tracking, name)
    for name in (
        *("bucket-sort", "cycle-navigation", "even-pairs", "majority", "majority-count"),
        *("missing-duplicate", "parity"),
    )
}

RECIPES = {
    f"{mixer}-{family.__name__.replace('_', '-')}": NamedRecipe(
        partial(family, mixer), first_line(family), config.source
    )
    for mixer, config in MIXERS.items()
    for family in (selective_copying, selective_copying_4096)
} | {
    f"mingru-{name}": NamedRecipe(make, first_line(TRAINABLE[name]), TRAINABLE[name].source)
    for name, make in _OTHERS.items()
}
