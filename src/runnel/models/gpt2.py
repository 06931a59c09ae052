"""GPT-2 (Radford et al. 2019): learned positions, LayerNorm, GELU in its tanh form, tied head.

The context ends where the learned positions end. A stream that goes on begins again there with
nothing in memory, at every `context`-th token of its document: each token sees what it would see in
a text read window after window, and never a place or a distance that training had not shown.
"""

# B batch, T time, D model width, V vocabulary, R rows of the embedding

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from runnel.mixers.attention import Attention, AttentionConfig
from runnel.models.model import Model, ModelConfig, check_sizes
from runnel.models.stack import Block, BlockConfig, BlockState
from runnel.ops.places import places

# Products are faster at round sizes: GPT-2's 50,257 tokens get the customary 50,304 rows.
_ROWS = 64

GPT2State = tuple[BlockState, ...]


@dataclass(frozen=True, kw_only=True)
class GPT2Config(ModelConfig):
    """GPT-2 of any size."""

    name: ClassVar[str] = "gpt2"

    heads: int = 0
    """attention's heads; 0: the divisor of dim nearest to dim / 64"""
    context: int = 256
    """learned positions, and how many tokens are read before the memory begins again"""
    dropout: float = 0.0
    """part of the embeddings and of each branch's outputs set to zero while training (fraction)"""

    def __post_init__(self) -> None:
        check_sizes(self, "context")
        self.attention()
        self.block()

    def attention(self) -> AttentionConfig:
        """What mixes time in each block."""
        return AttentionConfig(
            dim=self.dim, heads=self.heads, window=self.context, positions="none", restart=True
        )

    def block(self) -> BlockConfig:
        """What stands around it."""
        return BlockConfig(
            convolution=0, norm="layer", feedforward="gelu-tanh", dropout=self.dropout
        )

    def build(self) -> "GPT2":
        """Make the model with fresh weights."""
        return GPT2(self)


class GPT2(Model[GPT2State]):
    """Embedding of token and place, blocks, norm, and the embedding again as the head."""

    config: GPT2Config

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.config = config
        rows = -(-config.vocab_size // _ROWS) * _ROWS
        self.embedding = nn.Embedding(rows, config.dim)
        self.positions = nn.Embedding(config.context, config.dim)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(config.dim, config.block(), Attention(config.attention()))
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        self._initialise()

    def init_state(self, batch_size: int) -> GPT2State:
        """One state for each block."""
        return tuple(block.init_state(batch_size) for block in self._blocks())

    def forward(
        self, tokens_BT: Tensor, state: GPT2State | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, GPT2State]:
        """See `Model.forward`."""
        batch, time = tokens_BT.shape
        count_B = tokens_BT.new_zeros(batch) if state is None else _count(state)
        place_BT = places(count_B, time, reset_BT) % self.config.context
        x_BTD = self.dropout(self.embedding(tokens_BT) + self.positions(place_BT))
        states = state or (None,) * self.config.layers
        after = []
        for block, before in zip(self._blocks(), states, strict=True):
            x_BTD, block_state = block(x_BTD, before, reset_BT)
            after.append(block_state)
        return self._logits(x_BTD), tuple(after)

    def step(self, token_B: Tensor, state: GPT2State) -> tuple[Tensor, GPT2State]:
        """See `Model.step`."""
        place_B = _count(state) % self.config.context
        x_BD = self.dropout(self.embedding(token_B) + self.positions(place_B))
        after = []
        for block, before in zip(self._blocks(), state, strict=True):
            x_BD, block_state = block.step(x_BD, before)
            after.append(block_state)
        return self._logits(x_BD), tuple(after)

    def _logits(self, x: Tensor) -> Tensor:
        logits = nn.functional.linear(self.norm(x), self.embedding.weight)
        return logits[..., : self.config.vocab_size]

    def _initialise(self) -> None:
        """Normal of deviation 0.02; what is added to the residual stream less, by its depth."""
        residual = 0.02 * (2 * self.config.layers) ** -0.5
        for name, module in self.named_modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=residual if name.endswith("output") else 0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def _blocks(self) -> list[Block]:
        return list(self.blocks)  # type: ignore[arg-type]


def _count(state: GPT2State) -> Tensor:
    """Tokens of each stream's document so far, which every layer's attention counts."""
    count_B = state[0].mixer.count_B  # type: ignore[attr-defined]
    assert isinstance(count_B, torch.Tensor)
    return count_B
