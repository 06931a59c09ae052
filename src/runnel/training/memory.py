"""Models and batches that cannot fit are refused before anything of them is allocated."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from runnel.errors import InputError
from runnel.models.model import ModelConfig
from runnel.training.config import TrainingConfig

# Training holds each weight, its gradient and at least one moment.
_COPIES = 3
# A batch in memory: two numbers and a mark for each token, and what tensors take beside them.
_TOKEN, _BATCH = 17, 1000
_FRESH = {"empty", "zeros", "ones", "full", "rand", "randn"}


def memory_of(device: torch.device) -> int:
    """Bytes of memory, used or not."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@contextmanager
def refuse_larger_models(config: ModelConfig, device: torch.device) -> Iterator[None]:
    """Within this context, building a model beyond the memory raises InputError instead."""
    most = memory_of(device)
    try:
        with _Count(most // _COPIES):
            yield
    except _TooMuch:
        raise InputError(
            f"expected a model that trains in {most / 1e9:,.1f} GB of memory; got a larger one "
            f"with dim={config.dim}, layers={config.layers}; choose smaller ones"
        ) from None


def refuse_larger_batches(config: TrainingConfig, vocab_size: int, device: torch.device) -> None:
    """InputError if a batch's logits and their gradient, or a step's batches, exceed the memory."""
    most, tokens = memory_of(device), config.batch * config.length
    needed = 8 * tokens * vocab_size
    if needed > most:
        raise InputError(
            f"expected batches whose logits fit into {most / 1e9:,.1f} GB of memory; got "
            f"training.batch={config.batch} of training.length={config.length}, which need "
            f"{needed / 1e9:,.1f} GB; choose a smaller batch and a larger training.accumulate"
        )
    if config.accumulate * (_BATCH + _TOKEN * tokens) > most:
        raise InputError(
            f"expected a step whose batches fit into {most / 1e9:,.1f} GB of memory; got "
            f"training.accumulate={str(config.accumulate)[:40]} of {tokens:,} tokens each; choose "
            "a smaller one"
        )


class _TooMuch(Exception):
    pass


@final
class _Count(TorchDispatchMode):
    """Adds up what is allocated with a stated shape, and stops at a limit."""

    def __init__(self, limit: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._left = limit

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket.__name__ in _FRESH:
            dtype = kwargs.get("dtype") or torch.get_default_dtype()
            self._left -= math.prod(args[0]) * dtype.itemsize
            if self._left < 0:
                raise _TooMuch
        return func(*args, **kwargs)
