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


class Told(NamedTuple):
    """What a file of weights does not say, and its user may."""

    tokenizer: Tokenizer | None = None
    """what its tokens stand for"""
    normalized: bool = False
    """the gates of its minLSTM were divided by their sum"""


class Format(NamedTuple):
    """Somebody else's way to name weights."""

    name: str
    source: str
    convert: Callable[[Weights, Told], Imported]
    """takes every tensor of the file; InputError where the file is not of this format"""
    asks: tuple[str, ...] = ()
    """the fields of Told that it can use"""
