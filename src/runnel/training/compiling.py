"""A model's forward through torch.compile, where that pays."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from runnel.errors import InputError
from runnel.models.inspection import is_walked
from runnel.models.model import Model
from runnel.training.config import TrainingConfig

Forward = Callable[..., tuple[Tensor, Any]]
_WORTH_IT = 10.0
"""minutes of training from which the minute that compiling takes is won back"""


def maybe_compiled(model: Model[Any], training: TrainingConfig, device: torch.device) -> Forward:
    """The model, or what computes the same and was compiled, as `training.compile` says.

    Models are compiled at their first call, which takes up to a minute. With "auto" one that cannot
    be compiled runs as it is, after a warning; with "always" that is an InputError.
    """
    must = training.compile == "always"
    if must or (training.compile == "auto" and pays(model, training, device)):
        return Compiled(model, must=must)
    return model


def pays(model: Model[Any], training: TrainingConfig, device: torch.device) -> bool:
    """On a GPU, for what is not walked step by step, where minutes are not scarce.

    Which kernels a compiler takes it finds out by their times, and may find another next time: not
    where a run has to repeat to the bit.
    """
    if device.type != "cuda" or training.deterministic:
        return False
    if training.minutes is not None and training.minutes < _WORTH_IT:
        return False
    return not is_walked(model)


class Compiled:
    """A model that is compiled when it is first called."""

    def __init__(self, model: Model[Any], *, must: bool) -> None:
        self._plain, self._must = model, must
        self._run: Forward = torch.compile(model)

    def __call__(self, *inputs: Any) -> tuple[Tensor, Any]:
        """What the model returns."""
        # Imported here, because it takes a second that nobody else has to wait.
        from torch._dynamo.exc import TorchDynamoException

        try:
            return self._run(*inputs)
        except TorchDynamoException as error:
            fault = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        if self._must:
            raise InputError(
                f"expected a model that torch.compile takes; got {fault}; leave out "
                "training.compile=always"
            )
        warnings.warn(
            f"torch.compile fails on this model ({fault}); training goes on without it, but slower",
            RuntimeWarning,
            stacklevel=2,
        )
        self._run = self._plain
        return self._plain(*inputs)
