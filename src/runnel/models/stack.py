"""A stack of residual blocks, each with its mixer: the language model that all recipes share."""

# B batch, T time, N = B T, D model width, V vocabulary, K taps, P = K - 1 inputs before

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from runnel.mixer import Mixer, MixerConfig, SharingMixerConfig, state_dtype
from runnel.models.cache import RoleCache
from runnel.models.feedforward import FeedForward, Kind
from runnel.models.head import read_out
from runnel.models.model import Model, ModelConfig, check_sizes
from runnel.models.norm import RMSNorm
from runnel.ops.convolution import causal_convolution_step
from runnel.ops.fused import causal_convolution

_MOST_ROLES = 64


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """What stands around the mixer in each block."""

    convolution: int = 4
    """taps of the causal depthwise convolution before the mixer; 0: none"""
    pointwise: bool = False
    """a linear layer after the convolution"""
    residual: bool = False
    """the convolution is a branch of its own, added to the stream; otherwise the mixer alone
    reads it"""
    norm: Literal["rms", "layer"] = "rms"
    """the normalisation before each part"""
    epsilon: float | None = None
    """what the norms add to the mean square; none: 1.2e-7 (rms), 1e-5 (layer)"""
    feedforward: Kind = "squared-relu"
    """gelu, gelu-tanh (GPT-2's), squared-relu, or a gated linear unit: gated (SiLU), gated-gelu"""
    expansion: float = 4.0
    """hidden width of the feed-forward part as a multiple of dim"""
    dropout: float = 0.0
    """part of each branch's outputs set to zero while training (fraction)"""

    def __post_init__(self) -> None:
        if self.convolution < 0 or self.expansion <= 0 or not 0 <= self.dropout < 1:
            raise ValueError(
                "a block wants convolution >= 0, expansion > 0 and dropout in [0, 1); got "
                f"{self.convolution}, {self.expansion}, {self.dropout}"
            )
        if self.residual and not self.convolution:
            raise ValueError("residual wants a convolution; got convolution=0")
        if self.epsilon is not None and self.epsilon < 0:
            raise ValueError(f"epsilon must be at least 0; got {self.epsilon}")

    def build_norm(self, dim: int) -> RMSNorm | nn.LayerNorm:
        """The normalisation of width dim."""
        kind = RMSNorm if self.norm == "rms" else nn.LayerNorm
        return kind(dim) if self.epsilon is None else kind(dim, eps=self.epsilon)


@dataclass(frozen=True, kw_only=True)
class StackConfig(ModelConfig):
    """A stack of blocks; `mixers` is repeated over the layers, so hybrids need no code."""

    name: ClassVar[str] = "stack"

    mixers: tuple[MixerConfig, ...]
    """the layers' mixers by name, repeated in turn; their dim is the model's"""
    block: BlockConfig = field(default_factory=BlockConfig)
    """what stands around the mixers"""
    tied: bool = False
    """read out with the embedding's own matrix"""
    cache: int = 0
    """roles of a cache that makes what was read before likelier or less so (0: none); each adds
    vocab_size numbers to the state"""

    @classmethod
    def complete(cls, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Fill the model's width into mixers that are written without one, or by name alone."""
        full = dict(plain)
        mixers = plain.get("mixers")
        if isinstance(mixers, str):
            mixers = [name.strip() for name in mixers.split(",")]
        if isinstance(mixers, (list, tuple)) and "dim" in plain:
            named = [{"type": m} if isinstance(m, str) else m for m in mixers]
            full["mixers"] = [
                {**m, "dim": plain["dim"]} if isinstance(m, Mapping) else m for m in named
            ]
        return full

    def __post_init__(self) -> None:
        check_sizes(self)
        if not self.mixers or not 0 <= self.cache <= _MOST_ROLES:
            raise ValueError(
                f"stack wants mixers of at least 1 and a cache of 0 to {_MOST_ROLES} roles; got "
                f"{len(self.mixers)}, {self.cache}"
            )
        same = tuple(m if m.dim == self.dim else replace(m, dim=self.dim) for m in self.mixers)
        object.__setattr__(self, "mixers", same)

    def build(self) -> "Stack":
        """Make the model with fresh weights."""
        return Stack(self)


class BlockState(NamedTuple):
    """The state of one block: its mixer's, and the inputs that its convolution still needs."""

    mixer: tuple[Any, ...]
    tail_BPD: Tensor


class Block(nn.Module):
    """x + mixer(norm(convolution(x))), then x + feed-forward(norm(x)).

    With `residual`, first x + convolution(x), of which the mixer reads the sum.
    """

    def __init__(self, dim: int, config: BlockConfig, mixer: Mixer[Any]) -> None:
        super().__init__()
        taps_KD = _first_taps(config, dim) if config.convolution else None
        self.taps_KD = None if taps_KD is None else nn.Parameter(taps_KD)
        self.residual = config.residual
        self.mixer_norm, self.feedforward_norm = config.build_norm(dim), config.build_norm(dim)
        self.pointwise = nn.Linear(dim, dim) if config.pointwise else nn.Identity()
        self.mixer = mixer
        self.feedforward = FeedForward(dim, round(config.expansion * dim), config.feedforward)
        self.dropout = nn.Dropout(config.dropout)

    def init_state(self, batch_size: int) -> BlockState:
        """The mixer's own, and zeros before the first token."""
        return BlockState(self.mixer.init_state(batch_size), self._empty_tail(batch_size))

    def forward(
        self, x_BTD: Tensor, state: BlockState | None, reset_BT: Tensor | None
    ) -> tuple[Tensor, BlockState]:
        """The block's outputs (B, T, D) and the state after them."""
        # A mixer that is told nothing of a state need not look for what it holds.
        before = None if state is None else state.mixer
        u_BTD, tail = x_BTD, self._empty_tail(len(x_BTD)) if state is None else state.tail_BPD
        if self.taps_KD is not None:
            u_BTD, tail = causal_convolution(x_BTD, self.taps_KD, tail, reset_BT)
        x_BTD, u_BTD = self._joined(x_BTD, self.pointwise(u_BTD))
        y_BTD, mixer = self.mixer(self.mixer_norm(u_BTD), before, reset_BT)
        x_BTD = x_BTD + self.dropout(y_BTD)
        return self._channels(x_BTD), BlockState(mixer, tail)

    def step(self, x_BD: Tensor, state: BlockState) -> tuple[Tensor, BlockState]:
        """One token of `forward`."""
        u_BD, tail = x_BD, state.tail_BPD
        if self.taps_KD is not None:
            u_BD, tail = causal_convolution_step(x_BD, self.taps_KD, tail)
        x_BD, u_BD = self._joined(x_BD, self.pointwise(u_BD))
        y_BD, mixer = self.mixer.step(self.mixer_norm(u_BD), state.mixer)
        return self._channels(x_BD + self.dropout(y_BD)), BlockState(mixer, tail)

    def _empty_tail(self, batch_size: int) -> Tensor:
        weight_D = self.mixer_norm.weight
        before = 0 if self.taps_KD is None else len(self.taps_KD) - 1
        return weight_D.new_zeros(batch_size, before, len(weight_D), dtype=state_dtype(weight_D))

    def _joined(self, x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """The stream after the convolution, and what the mixer reads."""
        if not self.residual:
            return x, u
        x = x + u
        return x, x

    def _channels(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.feedforward(self.feedforward_norm(x)))


class Stack(Model[tuple[Any, ...]]):
    """Embedding, blocks, norm, head; its state is a BlockState a layer, and the cache's last."""

    config: StackConfig

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.config, self.recompute = config, False
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        mixers, shared = _build_mixers(config)
        self.shared = nn.ModuleDict(shared)
        self.blocks = nn.ModuleList(Block(config.dim, config.block, m) for m in mixers)
        self.norm = config.block.build_norm(config.dim)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=not config.tied)
        if config.tied:
            self.head.weight = self.embedding.weight
        self.cache = (
            RoleCache(config.vocab_size, config.dim, config.cache) if config.cache else None
        )
        self._initialise()

    def init_state(self, batch_size: int) -> tuple[Any, ...]:
        """One state for each block, and the cache's."""
        states = tuple(block.init_state(batch_size) for block in self._blocks())
        return states if self.cache is None else (*states, self.cache.init_state(batch_size))

    def forward(
        self,
        tokens_BT: Tensor,
        state: tuple[Any, ...] | None = None,
        reset_BT: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """See `Model.forward`."""
        x_BTD = self.embedding(tokens_BT)
        states = state or (None,) * (self.config.layers + (self.cache is not None))
        after: list[Any] = []
        for block, before in zip(self._blocks(), states[: self.config.layers], strict=True):
            if self.recompute and torch.is_grad_enabled():
                x_BTD, block_state = checkpoint(block, x_BTD, before, reset_BT, use_reentrant=False)
            else:
                x_BTD, block_state = block(x_BTD, before, reset_BT)
            after.append(block_state)
        y_BTD = self.norm(x_BTD)
        logits_NV = read_out(self.head, y_BTD.flatten(0, 1))
        if self.cache is not None:
            logits_NV, counts = self.cache(logits_NV, tokens_BT, y_BTD, states[-1], reset_BT)
            after.append(counts)
        return logits_NV.unflatten(0, tokens_BT.shape), tuple(after)

    def step(self, token_B: Tensor, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        """See `Model.step`."""
        x_BD = self.embedding(token_B)
        after: list[Any] = []
        for block, before in zip(self._blocks(), state[: self.config.layers], strict=True):
            x_BD, block_state = block.step(x_BD, before)
            after.append(block_state)
        y_BD = self.norm(x_BD)
        logits_BV = self.head(y_BD)
        if self.cache is not None:
            logits_BV, counts = self.cache.step(logits_BV, token_B, y_BD, state[-1])
            after.append(counts)
        return logits_BV, tuple(after)

    def _initialise(self) -> None:
        """Each branch adds nothing at first; the logits start near zero."""
        with torch.no_grad():
            self.embedding.weight.normal_(std=0.02 if self.config.tied else 1.0)
            if not self.config.tied:
                self.head.weight.normal_(std=0.02)
                self.head.bias.zero_()
            for block in self._blocks():
                for output in (getattr(block.mixer, "output", None), block.feedforward.output):
                    if isinstance(output, nn.Linear):
                        output.weight.zero_()
                        if output.bias is not None:
                            output.bias.zero_()

    def _blocks(self) -> list[Block]:
        return list(self.blocks)  # type: ignore[arg-type]


def _first_taps(config: BlockConfig, dim: int) -> Tensor:
    """A convolution that passes its input through, tap 0 one; a branch of its own adds nothing."""
    weight_KD = torch.zeros(config.convolution, dim)
    weight_KD[0] = 0.0 if config.residual else 1.0
    return weight_KD


def _build_mixers(config: StackConfig) -> tuple[list[Mixer[Any]], dict[str, nn.Module]]:
    """The layers' mixers in order, and the modules that some of them share, by the mixer's name."""
    kinds = [config.mixers[i % len(config.mixers)] for i in range(config.layers)]
    mixers: list[Mixer[Any] | None] = [None] * config.layers
    shared: dict[str, nn.Module] = {}
    for i, kind in enumerate(dict.fromkeys(kinds)):
        places = [k for k, other in enumerate(kinds) if other == kind]
        if isinstance(kind, SharingMixerConfig):
            made, shared[f"{kind.name}-{i}"] = kind.build_layers(len(places))
        else:
            made = [kind.build() for _ in places]
        for place, mixer in zip(places, made, strict=True):
            mixers[place] = mixer
    return [mixer for mixer in mixers if mixer is not None], shared
