"""How a stream takes a token: by one native call, by a CUDA graph, else by `model.step`."""

# V vocabulary, C numbers of a whole state

import warnings
import weakref
from typing import Any, Protocol

import torch
from torch import Tensor

from runnel.inference.leaves import leaves, rebuild
from runnel.inference.program import NotNative, write_program
from runnel.inference.reading import device_of, reading
from runnel.inference.recorded import Streams
from runnel.models.model import Model
from runnel.ops import decoder


class Stepper(Protocol):
    """Takes tokens of one stream. Its states are values like a model's, in a form of its own."""

    def enter(self, state: Any) -> Any:
        """A model's state of one stream, in this stepper's form."""

    def leave(self, state: Any) -> Any:
        """The model's state again."""

    def step(self, token: int, state: Any) -> tuple[Tensor, Any]:
        """Logits (1, V) after one more token, and the state after it."""


class Plain:
    """`model.step`: works for every model on every device; the slow twin of `Native`."""

    def __init__(self, model: Model[Any]) -> None:
        self._model, self._device = model, device_of(model)

    def enter(self, state: Any) -> Any:
        """The state as it is."""
        return state

    def leave(self, state: Any) -> Any:
        """The state as it is."""
        return state

    def step(self, token: int, state: Any) -> tuple[Tensor, Any]:
        """See `Stepper.step`."""
        with reading(self._model):
            return self._model.step(torch.tensor([token], device=self._device), state)


class Native:
    """One call of the native library a token, the weights packed once; NotNative if it cannot be.

    `weights` is the format of the packed matrices; sums are in float32 whatever it is.
    """

    def __init__(self, model: Model[Any], weights: torch.dtype = torch.float32) -> None:
        self.weights = weights
        self._decoder = decoder.Decoder(write_program(model), weights)
        with reading(model):
            self._template = model.init_state(1)

    @property
    def bytes(self) -> int:
        """Of the weights that a step reads."""
        return self._decoder.bytes

    def enter(self, state: Any) -> Tensor:
        """All numbers of the state in a row."""
        return torch.cat([leaf.reshape(-1) for leaf in leaves(state)]).float()

    def leave(self, state: Tensor) -> Any:
        """The model's state as views of the row."""
        sizes = [leaf.numel() for leaf in leaves(self._template)]
        return rebuild(self._template, iter(state.split(sizes)))

    def step(self, token: int, state: Tensor) -> tuple[Tensor, Tensor]:
        """See `Stepper.step`."""
        logits_V, after_C = self._decoder.step(token, state)
        return logits_V.unsqueeze(0), after_C


class Recorded:
    """`Streams` of one stream, for models on a GPU; its slow twin is `Plain`."""

    def __init__(self, model: Model[Any]) -> None:
        self._streams = Streams(model, 1)

    def enter(self, state: Any) -> Any:
        """The state as it is."""
        return state

    def leave(self, state: Any) -> Any:
        """The state as it is."""
        return state

    def step(self, token: int, state: Any) -> tuple[Tensor, Any]:
        """See `Stepper.step`."""
        return self._streams.step(token, state)


_Known = dict[torch.dtype, tuple[Any, Stepper]]
# A stepper that held its model would keep it alive here.
_known: "weakref.WeakKeyDictionary[Model[Any], _Known]" = weakref.WeakKeyDictionary()


def stepper_for(model: Model[Any], weights: torch.dtype = torch.float32) -> Stepper:
    """The fastest stepper, its matrices in the format `weights`; kept until the weights change.

    A model that has no native step reads its weights as they are.
    """
    now = _fingerprint(model)
    known = _known.setdefault(model, {})
    if weights in known and known[weights][0] == now:
        return known[weights][1]
    made = _recorded(model) if device_of(model).type == "cuda" else _native(model, weights)
    if not isinstance(made, Plain):
        known[weights] = now, made
    return made


def _native(model: Model[Any], weights: torch.dtype) -> Stepper:
    try:
        return Native(model, weights)
    except NotNative:
        return Plain(model)


def _recorded(model: Model[Any]) -> Stepper:
    try:
        return Recorded(model)
    except RuntimeError as error:
        fault = str(error).partition("\n")[0]
        warnings.warn(
            f"this model's step cannot be recorded as a CUDA graph ({fault}); it runs as it is, "
            "slower",
            RuntimeWarning,
            stacklevel=3,
        )
        return Plain(model)


def _fingerprint(model: Model[Any]) -> tuple[Any, ...]:
    """Changes when a weight is written to or replaced.

    Versions of tensors would be cheaper, but torch's fused optimizers do not count theirs up.
    """
    return tuple((w.data_ptr(), w.dtype, _sum_of_bits(w)) for w in model.parameters())


def _sum_of_bits(weight: Tensor) -> int:
    bits = weight.detach().contiguous().view(torch.int16)
    return int(bits.sum(dtype=torch.int64))
