"""What an importer makes of somebody else's weights."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from runnel.data.tokenizers import Tokenizer
from runnel.models.model import ModelConfig
from runnel.storage.imports.weights import Weights


class Imported(NamedTuple):
    """A model of ours that computes what theirs did."""

    config: ModelConfig
    weights: dict[str, Tensor]
    tokenizer: Tokenizer
    notes: tuple[str, ...]
    """what a reader of the model card should know"""


class Format(NamedTuple):
    """Somebody else's way to name weights."""

    name: str
    source: str
    convert: Callable[[Weights], Imported]
    """takes every tensor of the file; InputError where the file is not of this format"""
