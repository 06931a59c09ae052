"""What a model is made of and how long it remembers: sizes, decays on a text, spectral radii."""

# B batch, T time, C channels of a state, Q quantiles

import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from runnel.mixer import Mixer, Recurs, Remembers
from runnel.models.model import Model

QUANTILES = tuple(q / 20 for q in range(21))
"""where `Layer.half_lives` is read off: 0 %, 5 %, ... 100 % of the channels"""
LONGEST = 1e6
"""half-lives are stated up to this many tokens"""
_SHUT = 1e-3


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One mixer of a model."""

    name: str
    """its place in the model, such as blocks.0.mixer"""
    mixer: str
    """its name in the registry"""
    parameters: int
    """numbers learned by the mixer alone"""
    state_bytes: int
    """bytes of its state for one stream"""
    half_lives: tuple[float, ...] | None
    """tokens after which half of a channel's state is left, by the geometric mean of its decays on
    the text: quantiles over the channels, at 0 %, 5 %, ... 100 %; none: it reports no decays"""
    wiping: float | None
    """share of decays on the text below 0.001: the gate leaves nothing, and learns nothing"""
    keeping: float | None
    """share of decays on the text above 0.999: the gate keeps all, and learns nothing"""
    spectral_radius: float | None
    """the largest modulus of an eigenvalue of its recurrent matrices; none: it has none"""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The sizes of a model and its layers in order."""

    parameters: int
    """numbers learned, shared ones once"""
    parts: dict[str, int]
    """the same by part, the largest first"""
    state_bytes: int
    """bytes of the state of one stream"""
    tokens: int
    """tokens that the decays were seen on"""
    layers: tuple[Layer, ...]
    """the mixers, in the model's order"""


def inspect_model(
    model: Model[Any], tokens_BT: Tensor, reset_BT: Tensor | None = None
) -> Inspection:
    """Read a text, each row from a fresh state, and state what its layers did with it."""
    mixers = {n: m for n, m in model.named_modules() if isinstance(m, Mixer)}
    with torch.no_grad(), _watching(mixers) as seen:
        model(tokens_BT, None, reset_BT)
        layers = [_layer(name, mixer, seen.get(name)) for name, mixer in mixers.items()]
    parts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        parts[_part(name)] += parameter.numel()
    return Inspection(
        parameters=parts.total(),
        parts=dict(parts.most_common()),
        state_bytes=bytes_of(model.init_state(1)),
        tokens=tokens_BT.numel(),
        layers=tuple(layers),
    )


class _Decays:
    """Running sums over the decays of one mixer."""

    def __init__(self) -> None:
        self.tokens, self.logs_C, self.shut, self.open = 0, torch.zeros(()), 0.0, 0.0

    def add(self, decays_BTC: Tensor) -> None:
        decays_NC = decays_BTC.flatten(0, 1).double()
        self.tokens += len(decays_NC)
        self.logs_C = self.logs_C + decays_NC.clamp_min(1e-30).log().sum(0)
        channels = decays_NC.shape[1]
        self.shut += float((decays_NC < _SHUT).sum()) / channels
        self.open += float((decays_NC > 1 - _SHUT).sum()) / channels

    def half_lives_C(self) -> Tensor:
        # A decay of one has no half-life: its logarithm counts as barely below zero.
        mean_C = (self.logs_C / self.tokens).clamp(max=-math.log(2) / LONGEST)
        return -math.log(2) / mean_C


@contextmanager
def _watching(mixers: dict[str, Mixer[Any]]) -> Iterator[dict[str, _Decays]]:
    """Ask every mixer that reports its decays for those on each input that it is given."""
    seen: dict[str, _Decays] = {}
    with ExitStack() as hooks:
        for name, mixer in mixers.items():
            if isinstance(mixer, Remembers):
                decays = seen[name] = _Decays()

                def see(module: nn.Module, inputs: Any, decays: _Decays = decays) -> None:
                    assert isinstance(module, Remembers)
                    decays.add(module.decays(inputs[0]))

                hooks.enter_context(mixer.register_forward_pre_hook(see))
        yield seen


def _layer(name: str, mixer: Mixer[Any], decays: _Decays | None) -> Layer:
    half_lives = wiping = keeping = radius = None
    if decays is not None and decays.tokens:
        points_Q = torch.tensor(QUANTILES, dtype=torch.float64)
        half_lives = tuple(decays.half_lives_C().quantile(points_Q).tolist())
        wiping, keeping = decays.shut / decays.tokens, decays.open / decays.tokens
    if isinstance(mixer, Recurs):
        radius = max(_spectral_radius(m) for m in mixer.recurrent_matrices().values())
    return Layer(
        name=name,
        mixer=str(getattr(getattr(mixer, "config", None), "name", type(mixer).__name__)),
        parameters=sum(p.numel() for p in mixer.parameters()),
        state_bytes=bytes_of(mixer.init_state(1)),
        half_lives=half_lives,
        wiping=wiping,
        keeping=keeping,
        spectral_radius=radius,
    )


def _spectral_radius(matrix: Tensor) -> float:
    return float(torch.linalg.eigvals(matrix.double()).abs().max())


def bytes_of(state: Any) -> int:
    """The bytes that a state's tensors take."""
    leaves: list[Tensor] = tree_leaves(state)
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves)


def _part(name: str) -> str:
    """The parameter's place without its layer: blocks.3.mixer.inputs.weight is blocks.mixer."""
    first, *rest = re.sub(r"\.\d+(?=\.)", "", name).split(".")
    return f"{first}.{rest[0]}" if len(rest) > 1 else first


def is_walked(model: nn.Module) -> bool:
    """Whether a model's states are multiplied by matrices, so that it walks time step by step."""
    return any(isinstance(module, Recurs) for module in model.modules())
