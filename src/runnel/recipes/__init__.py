"""Recipes: functions that return a whole run's configuration, by name in `RECIPES`.

Each file is a family and ends with its own `RECIPES`; a walk of the folder gathers them.
"""

import dataclasses
import pkgutil
from importlib import import_module
from typing import Any

from runnel.configuration import look_up
from runnel.data.tokenizers import ByteTokenizer
from runnel.errors import InputError
from runnel.models.model import Model
from runnel.recipes.recipe import NamedRecipe
from runnel.training.config import Recipe


def _gather() -> dict[str, NamedRecipe]:
    found: dict[str, NamedRecipe] = {}
    for module in pkgutil.iter_modules(__path__):
        family = getattr(import_module(f"{__name__}.{module.name}"), "RECIPES", {})
        assert not found.keys() & family.keys(), f"two recipes of one name in {module.name}"
        found |= family
    return dict(sorted(found.items()))


RECIPES = _gather()


def recipe(name: str, **training: Any) -> Recipe:
    """The recipe of that name; a budget given in `training` replaces the recipe's own."""
    return with_training(look_up("recipe", name, RECIPES).make(), **training)


def with_training(base: Recipe, **training: Any) -> Recipe:
    """The recipe with fields of its training replaced; a budget given replaces its own."""
    if {"steps", "tokens", "minutes"} & set(training):
        training = {"steps": None, "tokens": None, "minutes": None} | training
    return dataclasses.replace(base, training=dataclasses.replace(base.training, **training))


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
