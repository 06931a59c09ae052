"""A bound on the memory that building a model may take, for configurations of strangers.

Tensors without memory (torch's meta device) would do as well, but their first use imports seconds'
worth of compiler.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from torch.overrides import TorchFunctionMode

_BY_SHAPE = {"empty", "zeros", "ones", "rand", "randn"}
_BY_COUNT = {"arange", "linspace", "logspace"}


class Allowance(TorchFunctionMode):
    """Within it, the functions that make tensors may make so many elements in all.

    The one that would make more raises a ValueError before it takes the memory.
    """

    def __init__(self, elements: int) -> None:
        super().__init__()
        self._left = elements

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Charge what the call will make, then call."""
        kwargs = kwargs or {}
        self._left -= _elements(func.__name__, args, kwargs)
        if self._left < 0:
            raise ValueError("tensors far larger than those in the file")
        return func(*args, **kwargs)


def _elements(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    if name in _BY_SHAPE:
        return math.prod(_integers((args, kwargs.get("size", ()))))
    if name in ("full", "new_full", "new_empty", "new_zeros", "new_ones"):
        shape = args[:1] if name == "full" else args[1:2] if name == "new_full" else args[1:]
        return math.prod(_integers((shape, kwargs.get("size", ()))))
    if name == "eye":
        return max(_integers(args), default=0) ** 2
    if name in _BY_COUNT:
        return sum(map(abs, _integers((args, tuple(kwargs.values())))))
    return 0


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, (tuple, list)):
        inner: Iterable[Any] = value
        for item in inner:
            yield from _integers(item)
