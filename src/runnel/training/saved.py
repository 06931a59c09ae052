"""What a checkpoint's state.json states, believed only where it can be."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from runnel.errors import InputError

T = TypeVar("T")

_MOST = 2**62
"""counts beyond it are no counts of anything"""


def numbers(cls: type[T], plain: Any, what: str) -> T:
    """A dataclass of counts (int) and finite numbers (float), none below 0, that `plain` gives.

    All of its fields must be there, and no others.
    """
    fields = {field.name: field.type for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if not isinstance(plain, Mapping) or plain.keys() != fields.keys():
        raise _refused(what, f"the fields {', '.join(fields)}", plain)
    for name, kind in fields.items():
        if not (_is_count(plain[name]) if kind is int else is_number(plain[name])):
            raise _refused(f"{what}.{name}", "a count" if kind is int else "a number", plain[name])
    return cls(**plain)


def check_judged(best: Any, outcome: Any, step: int) -> None:
    """Refuse a best evaluation, or an outcome of the whole run, that cannot be of a run so long."""
    if best != {} and not (
        isinstance(best, dict)
        and best.keys() == {"step", "validation_loss"}
        and _is_count(best["step"])
        and best["step"] <= step
        and is_number(best["validation_loss"])
    ):
        raise _refused("best", f"a step up to {step} and its validation_loss", best)
    if outcome == {}:
        return
    loss_and_step = isinstance(outcome, dict) and (
        is_number(outcome.get("validation_loss")) and _is_count(outcome.get("best_step"))
    )
    measures = [outcome[n] for n in ("bits_per_byte", "accuracy") if n in outcome]
    if not (best and loss_and_step and measures and all(map(is_number, measures))):
        raise _refused("outcome", "the losses of the weights at best", outcome)


def is_number(value: Any) -> bool:
    """Whether a value from JSON is a finite number of at least 0."""
    return type(value) in (int, float) and 0 <= value < math.inf


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _refused(what: str, expected: str, got: Any) -> InputError:
    return InputError(
        f"expected {expected} under {what} of the checkpoint's state; got {str(got)[:80]!r}; "
        "resume from another checkpoint"
    )
