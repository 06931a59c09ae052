"""Running a model to read: no gradients, no dropout, chunks that fit into memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from runnel.models.model import Model

# Logits of one chunk stay under 2^25 numbers, 128 MiB in float32, whatever the vocabulary.
_MOST_LOGITS = 2**25


@contextmanager
def reading(model: Model[Any]) -> Iterator[None]:
    """Inference mode, with the model in evaluation mode; afterwards it is as it was.

    Never held across a `yield` to a caller, who would find gradients switched off.
    """
    if not model.training:
        with torch.inference_mode():
            yield
        return
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def device_of(model: Model[Any]) -> torch.device:
    """Where the model's weights lie."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def chunk_length(model: Model[Any], rows: int, most: int) -> int:
    """How many tokens of each of `rows` streams to read at once, `most` at most."""
    return max(1, min(most, _MOST_LOGITS // (rows * model.config.vocab_size)))
