"""The contract of models that grow while they train."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from runnel.models.model import Model

S = TypeVar("S", bound=tuple[Any, ...])


class GrowingModel(Model[S]):
    """A model whose layers share weights at first and part, stage by stage, while it trains.

    As it is built, and as its weights are kept and loaded, all its layers are apart, whatever stage
    the weights are of: sharing is only how it is trained. `begin` makes them share, `grow` parts
    them; neither growth nor `merged` changes what the model computes, not by one bit.
    """

    stage: int = 0
    """1 for the first stage; 0 before `begin`"""

    @property
    @abstractmethod
    def starts(self) -> tuple[float, ...]:
        """The part of the training's budget at which each stage begins; the first is 0."""

    @abstractmethod
    def begin(self) -> None:
        """Enter the first stage: layers that are to share take the weights of the first of them."""

    @abstractmethod
    def grow(self) -> dict[str, str]:
        """Enter the next stage; the name of each weight that goes on, and whose copy it is."""

    @abstractmethod
    def news(self) -> dict[str, int]:
        """What the stage is, in numbers, for the metrics of a run."""

    @abstractmethod
    def merged(self) -> AbstractContextManager[None]:
        """Within this context the weights alone say all that the model has learned."""
