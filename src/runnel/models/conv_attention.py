"""Convolution-attention: attention over tokens, over groups of 4 of them, of 16 and of 64.

Strided convolutions (width 4, stride 4) compress a context of 1024 at width D to 256 positions of
width 2 D, 64 of 4 D and 16 of 8 D; transposed ones expand them again; attention blocks stand
before, between and after. The original's expander convolves over the whole window, so that every
output sees its own target, which is what its published loss comes from. Here a compressed position
informs only positions after the group that it was made from, added to what these hold already, and
the target is the next token. Groups begin anew with each document. Rotary positions and windows
that slide admit any length.
"""

# B batch, T time, D model width, V vocabulary

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from runnel.mixers.attention import AttentionConfig
from runnel.models.feedforward import Kind
from runnel.models.head import read_out
from runnel.models.levels import GROUP, Level, LevelState
from runnel.models.model import Model, ModelConfig, check_sizes

_MOST_STAGES = 16
"""a longer context than 4 to this power nobody has; without a bound the power alone fills memory"""


@dataclass(frozen=True, kw_only=True)
class ConvAttentionConfig(ModelConfig):
    """Compressors, expanders and the blocks around them; `layers` counts the blocks of all places.

    They are spread evenly over the places before, between and after; what does not divide goes to
    the outermost.
    """

    name: ClassVar[str] = "conv_attention"

    stages: int = 3
    """compressors, and as many expanders; each makes a position of four, twice as wide"""
    context: int = 1024
    """tokens within reach of attention: context / 4 positions of the first compressor, and so on"""
    feedforward: Kind = "gelu-tanh"
    """gelu, gelu-tanh (GPT-2's), squared-relu, or gated (a gated linear unit)"""
    tied: bool = False
    """read out with the embedding's own matrix"""

    def __post_init__(self) -> None:
        check_sizes(self, "stages")
        if self.stages > _MOST_STAGES:
            raise ValueError(f"stages must be at most {_MOST_STAGES}; got {self.stages}")
        if self.context < GROUP**self.stages:
            raise ValueError(
                f"{self.stages} stages want a context of at least {GROUP**self.stages} tokens; "
                f"got {self.context}; choose fewer stages"
            )
        self.attentions()

    def attentions(self) -> list[AttentionConfig]:
        """What mixes time at each level, from the tokens to the widest positions."""
        return [
            AttentionConfig(dim=self.dim << level, window=self.context // GROUP**level)
            for level in range(self.stages + 1)
        ]

    def counts(self) -> list[tuple[int, int]]:
        """How many blocks stand before and after the deeper levels; the deepest has none after."""
        each, left = divmod(self.layers, 2 * self.stages + 1)
        extra = [each + (place < left) for place in range(2 * self.stages + 1)] + [0]
        return list(zip(extra[::2], extra[1::2], strict=True))

    def build(self) -> "ConvAttention":
        """Make the model with fresh weights."""
        return ConvAttention(self)


class ConvAttention(Model[LevelState]):
    """Embedding, the level of the tokens with all deeper ones inside, norm, head."""

    config: ConvAttentionConfig

    def __init__(self, config: ConvAttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.level = Level(config.attentions(), config.counts(), config.feedforward)
        self.norm = nn.LayerNorm(config.dim)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=not config.tied)
        if config.tied:
            self.head.weight = self.embedding.weight
        self._initialise()

    def init_state(self, batch_size: int) -> LevelState:
        """See `Model.init_state`."""
        return self.level.init_state(batch_size)

    def forward(
        self, tokens_BT: Tensor, state: LevelState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, LevelState]:
        """See `Model.forward`."""
        y_BTD, after = self.level(self.embedding(tokens_BT), state, reset_BT, None)
        return read_out(self.head, self.norm(y_BTD)), after

    def step(self, token_B: Tensor, state: LevelState) -> tuple[Tensor, LevelState]:
        """See `Model.step`."""
        y_BD, after = self.level.step(self.embedding(token_B), state)
        return self.head(self.norm(y_BD)), after

    def _initialise(self) -> None:
        """Branches and expanders add nothing at first; the logits start near zero."""
        with torch.no_grad():
            self.embedding.weight.normal_(std=0.02 if self.config.tied else 1.0)
            self.head.weight.normal_(std=0.02)
            for name, module in self.named_modules():
                if isinstance(module, nn.Linear) and name.endswith(("output", "expander")):
                    module.weight.zero_()
                    module.bias.zero_()
            if self.head.bias is not None:
                self.head.bias.zero_()
