"""Mixers one after the other with nothing around them: embedding, mixers, LayerNorm, head."""

# B batch, T time, D model width, V vocabulary

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor, nn

from runnel.mixer import Mixer, MixerConfig
from runnel.models.head import read_out
from runnel.models.model import Model, ModelConfig, check_sizes


@dataclass(frozen=True, kw_only=True)
class PlainConfig(ModelConfig):
    """A mixer, `layers` times, without residual branches or feed-forward parts."""

    name: ClassVar[str] = "plain"

    layers: int = 1
    """number of mixers, each reading the outputs of the one before"""
    mixer: MixerConfig
    """the mixer by name; its dim is the model's"""

    @classmethod
    def complete(cls, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Fill the model's width into a mixer that is written without one, or by name alone."""
        full, mixer = dict(plain), plain.get("mixer")
        named = {"type": mixer} if isinstance(mixer, str) else mixer
        if isinstance(named, Mapping) and "dim" in plain:
            full["mixer"] = {**named, "dim": plain["dim"]}
        return full

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.mixer.dim != self.dim:
            object.__setattr__(self, "mixer", replace(self.mixer, dim=self.dim))

    def build(self) -> "Plain":
        """Make the model with fresh weights."""
        return Plain(self)


class Plain(Model[tuple[Any, ...]]):
    """logits_t = W LayerNorm(mixer(embedding)_t) + b, the model of kavyamali/tinystoriesgru."""

    config: PlainConfig

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.mixers = nn.ModuleList(config.mixer.build() for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim)
        self.head = nn.Linear(config.dim, config.vocab_size)

    def init_state(self, batch_size: int) -> tuple[Any, ...]:
        """One state for each mixer."""
        return tuple(mixer.init_state(batch_size) for mixer in self._layers())

    def forward(
        self,
        tokens_BT: Tensor,
        state: tuple[Any, ...] | None = None,
        reset_BT: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """See `Model.forward`."""
        x_BTD, after = self.embedding(tokens_BT), []
        # A mixer that is told nothing of a state need not look for what it holds.
        states = (None,) * self.config.layers if state is None else state
        for mixer, before in zip(self._layers(), states, strict=True):
            x_BTD, mixer_state = mixer(x_BTD, before, reset_BT)
            after.append(mixer_state)
        return read_out(self.head, self.norm(x_BTD)), tuple(after)

    def step(self, token_B: Tensor, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        """See `Model.step`."""
        x_BD, after = self.embedding(token_B), []
        for mixer, before in zip(self._layers(), state, strict=True):
            x_BD, mixer_state = mixer.step(x_BD, before)
            after.append(mixer_state)
        return self.head(self.norm(x_BD)), tuple(after)

    def _layers(self) -> list[Mixer[Any]]:
        return list(self.mixers)  # type: ignore[arg-type]
