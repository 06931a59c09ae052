"""The contract of every language model: tokens in, logits out, with a state that streams."""

# B batch, T time, V vocabulary, D model width

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from torch import Tensor, nn

S = TypeVar("S", bound=tuple[Any, ...])


class Vocabulary(Protocol):
    """What a model needs to know of its tokenizer in order to read and write text."""

    @property
    def vocab_size(self) -> int:
        """Number of different tokens V."""

    @property
    def end(self) -> int:
        """The token that ends a document, and that a model reads before one."""

    def encode(self, text: str) -> Any:
        """The tokens of a text, without an end token."""

    def decode(self, tokens: Any) -> str:
        """The text of some tokens."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig(ABC):
    """What a model is made from; each model's own Config adds its fields."""

    name: ClassVar[str]
    """the model's name in the registry, which is its file's name"""

    vocab_size: int = 256
    """number of different tokens V; training sets it from the tokenizer"""
    dim: int
    """model width D (features)"""
    layers: int
    """number of blocks"""

    @abstractmethod
    def build(self) -> "Model[Any]":
        """Make the model with fresh weights, drawn from torch's default generator."""


class Model(nn.Module, ABC, Generic[S]):
    """Maps tokens_BT (int64) to logits_BTV causally; `step` is `forward`, one token at a time.

    The laws of `runnel.mixer` hold for models too. The state is a tuple, one entry per layer.
    """

    config: ModelConfig
    tokenizer: Vocabulary | None = None
    recompute: bool | None = None
    """backward computes the blocks again from their inputs, which alone are kept; none: cannot"""

    @abstractmethod
    def init_state(self, batch_size: int) -> S:
        """The state before the first token of `batch_size` streams."""

    @abstractmethod
    def forward(
        self, tokens_BT: Tensor, state: S | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, S]:
        """Logits (B, T, V) for the token after each position, and the state after the last one.

        `reset_BT` (bool) starts a new document at each True position: nothing crosses it.
        """

    @abstractmethod
    def step(self, token_B: Tensor, state: S) -> tuple[Tensor, S]:
        """Logits (B, V) after one more token of each stream, and the state after it."""


_MOST = {"vocab_size": 2**31, "dim": 2**31, "layers": 2**16}


def check_sizes(config: ModelConfig, *more: str) -> None:
    """ValueError unless the sizes of every model, and the fields in `more`, can be.

    None is below 1. Sizes that nobody has are refused as well: torch cannot count them, and layers
    would not end.
    """
    for name, most in _MOST.items():
        if getattr(config, name) > most:
            raise ValueError(
                f"{name} must be at most {most}; got {str(getattr(config, name))[:40]}"
            )
    for name in (*_MOST, *more):
        if getattr(config, name) < 1:
            raise ValueError(
                f"{config.name} wants {name} of at least 1; got {getattr(config, name)}"
            )


@contextmanager
def countable() -> Iterator[None]:
    """Within this context sizes beyond what torch can count are a ValueError in one line."""
    try:
        yield
    except (OverflowError, RuntimeError, TypeError) as error:
        reason = str(error).partition("\n")[0][:200]
        if not isinstance(error, OverflowError) and "verflow" not in reason:
            raise
        raise ValueError(f"expected sizes that can be counted; got: {reason}") from error
