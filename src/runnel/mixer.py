"""The contract of every mixer: a causal map over time, in parallel or one token at a time.

The laws, which tests/test_laws.py checks for every mixer in the registry, in float64:

1. `step`, token by token, gives what `forward` gives.
2. `forward` split anywhere, the state carried over, gives what one `forward` gives.
3. Sequences packed into one row with resets give what they give apart.
4. Padding on the right changes nothing to its left.
5. The order of the batch does not matter.
6. No output depends on a later input.
7. The state of a recurrent mixer does not grow with time.
"""

# B batch, T time, D model width

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

S = TypeVar("S", bound=tuple[Any, ...])

_MOST_HEADS = 4096
"""that are looked for where none are asked for; a width may come from a stranger's file"""


@dataclass(frozen=True, kw_only=True)
class MixerConfig(ABC):
    """What a mixer is made from; each mixer's own Config adds its fields."""

    name: ClassVar[str]
    """the mixer's name in the registry, which is its file's name"""
    source: ClassVar[str]
    """where the idea comes from"""

    dim: int
    """model width D (features)"""

    @abstractmethod
    def build(self) -> "Mixer[Any]":
        """Make the mixer with fresh weights, drawn from torch's default generator."""


class SharingMixerConfig(MixerConfig):
    """A mixer whose layers in one stack share parameters, such as HGRN's lower bounds."""

    @abstractmethod
    def build_layers(self, layers: int) -> tuple[list["Mixer[Any]"], nn.Module]:
        """Make one mixer for each of `layers` layers, and the module that owns what they share."""


class Mixer(nn.Module, ABC, Generic[S]):
    """Maps x_BTD to y_BTD causally; `step` is `forward`, one token at a time.

    The state is a NamedTuple of tensors whose first dimension is the batch. It is a value: methods
    return a new one and never write into the one that they were given.
    """

    @abstractmethod
    def init_state(self, batch_size: int) -> S:
        """The state before the first token of `batch_size` streams."""

    @abstractmethod
    def forward(
        self, x_BTD: Tensor, state: S | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, S]:
        """Outputs (B, T, D) and the state after the last token.

        `reset_BT` (bool) starts a new sequence at each True position: nothing crosses it, and the
        sequence that starts there starts as `init_state` would.
        """

    @abstractmethod
    def step(self, x_BD: Tensor, state: S) -> tuple[Tensor, S]:
        """Output (B, D) for one token and the state after it, by plain arithmetic."""


@runtime_checkable
class Remembers(Protocol):
    """A mixer that can say how much of its state each token keeps, for `runnel inspect`."""

    def decays(self, x_BTD: Tensor) -> Tensor:
        """Factors (B, T, channels) in [0, 1] on the channels of the state as each token comes.

        The inputs are those of `forward`, each row from a fresh state. Where channels also turn
        (complex states) these are the moduli.
        """


@runtime_checkable
class Recurs(Protocol):
    """A mixer whose state is multiplied by matrices, for `runnel inspect`."""

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """The square matrices by name."""


def state_dtype(like: Tensor) -> torch.dtype:
    """States are kept in float32, or in float64 where the parameters are float64."""
    return torch.promote_types(like.dtype, torch.float32)


def check_width(x: Tensor, dim: int) -> None:
    """Raise ValueError unless the last dimension of x is `dim`."""
    if x.shape[-1] != dim:
        raise ValueError(
            f"expected inputs of width {dim}; got {tuple(x.shape)}; match the mixer's dim"
        )


def choose_heads(dim: int, heads: int) -> int:
    """The number of heads; 0: the divisor of dim nearest to dim / 64.

    ValueError where heads do not divide dim.
    """
    if heads:
        if dim % heads:
            raise ValueError(f"dim must be divisible by heads; got dim={dim}, heads={heads}")
        return heads
    # One head is as near to dim / 64 as any number beyond twice that.
    most = min(max(1, dim // 32), _MOST_HEADS)
    divisors = [n for n in range(1, most + 1) if dim % n == 0]
    return min(divisors, key=lambda n: abs(n - dim / 64))
