"""Growing while training: when, and what the optimizers take along."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor

from runnel.errors import InputError
from runnel.models.growing import GrowingModel
from runnel.models.model import Model
from runnel.training.schedule import Budget, Spent


def stage_of(model: Model[Any]) -> int:
    """The stage that a model is in, counted from 1; 0 for one that does not grow."""
    return model.stage if isinstance(model, GrowingModel) else 0


def is_due(model: Model[Any], budget: Budget, spent: Spent) -> bool:
    """Whether the next stage begins with the next step."""
    if not isinstance(model, GrowingModel) or model.stage == len(model.starts):
        return False
    return budget.used(spent) >= model.starts[model.stage] * budget.total


def stages_to(model: Model[Any], stage: Any) -> int:
    """How often the model must grow to reach a saved stage; InputError if it cannot."""
    now = stage_of(model)
    most = len(model.starts) if isinstance(model, GrowingModel) else 0
    if type(stage) is not int or not now <= stage <= most:
        raise InputError(
            f"expected a stage from {now} to {most} in the checkpoint; got {str(stage)[:40]}; "
            "resume with the configuration that wrote it"
        )
    return stage - now


def merged(model: Model[Any]) -> AbstractContextManager[None]:
    """Within this context the weights alone say all that the model has learned."""
    return model.merged() if isinstance(model, GrowingModel) else nullcontext()


def carried(
    state: Mapping[str, Tensor], kinds: Iterable[str], origins: Mapping[str, str]
) -> dict[str, Tensor]:
    """What `state` keeps under a kind and a weight's name, under the names of the weight's copies.

    `origins` gives the name of each weight's original.
    """
    return {
        f"{kind}{name}": state[f"{kind}{origin}"]
        for name, origin in origins.items()
        for kind in kinds
        if f"{kind}{origin}" in state
    }
