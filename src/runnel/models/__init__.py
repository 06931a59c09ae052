"""One file, one model, one name: `MODELS` maps each name to its Config, found by a walk."""

import sys

import runnel.mixers  # noqa: F401 - a model's configuration names its mixers by that registry
from runnel.configuration import registry
from runnel.models.model import ModelConfig

MODELS: dict[str, type[ModelConfig]] = registry(sys.modules[__name__], ModelConfig)
