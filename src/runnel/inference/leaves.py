"""A state as the row of its tensors, and such a row as a state again."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor


def leaves(state: Any) -> Iterator[Tensor]:
    """The tensors of a state, whatever tuples they stand in, in order."""
    if isinstance(state, Tensor):
        yield state
        return
    for part in state:
        yield from leaves(part)


def rebuild(template: Any, row: Iterator[Tensor]) -> Any:
    """The tensors of a row in the tuples and shapes of another state."""
    if isinstance(template, Tensor):
        return next(row).view(template.shape)
    parts = [rebuild(part, row) for part in template]
    return type(template)(*parts) if hasattr(template, "_fields") else tuple(parts)
