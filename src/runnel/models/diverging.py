"""The progressively diverging stack: few blocks used many times, which part while training.

In the family of AutoGrow (Wen et al. 2019) and MixtureGrowth (Pham et al. 2023). Stage 1 trains a
few blocks, each standing for several layers; each later stage has more of them, copied from those
of the stage before. From stage 2 on the mixers' matrices are frozen and learn through LoRA, merged
at the stage's end; all else trains as usual. What has no linear layers (torch's GRU) just parts.
"""

# B batch, T time, V vocabulary

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from runnel.mixer import MixerConfig
from runnel.models.growing import GrowingModel
from runnel.models.lora import LoRA
from runnel.models.model import ModelConfig, check_sizes
from runnel.models.stack import BlockConfig, BlockState, StackConfig

_BLOCKS = "stack.blocks."


@dataclass(frozen=True, kw_only=True)
class DivergingConfig(ModelConfig):
    """A stack, and how its layers share blocks while it trains."""

    name: ClassVar[str] = "diverging"

    mixers: tuple[MixerConfig, ...]
    """the layers' mixers by name, repeated in turn; their dim is the model's"""
    block: BlockConfig = field(default_factory=BlockConfig)
    """what stands around the mixers"""
    tied: bool = False
    """read out with the embedding's own matrix"""
    stages: tuple[int, ...] = (3, 6, 12)
    """different blocks in each stage; each number divides the next one and layers"""
    starts: tuple[float, ...] = (0.0, 1 / 3, 2 / 3)
    """part of the budget at which each stage begins (fraction)"""
    sharing: Literal["in-a-row", "in-turn"] = "in-a-row"
    """a block's layers: neighbours, or every n-th; a new block copies the one that stood there"""
    rank: int = 16
    """rank of the mixers' LoRA from stage 2 on; 0: mixers train as usual"""

    @classmethod
    def complete(cls, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Fill the model's width into mixers, as a stack does."""
        return StackConfig.complete(plain)

    def __post_init__(self) -> None:
        check_sizes(self)
        sizes = (*self.stages, self.layers)
        divide = all(n > 0 and after % n == 0 for n, after in pairwise(sizes))
        if not self.stages or not divide or sorted(set(self.stages)) != list(self.stages):
            raise ValueError(
                "stages must rise, each dividing the next one and layers; got "
                f"stages={self.stages}, layers={self.layers}; set both"
            )
        rising = all(a < b for a, b in pairwise((*self.starts, 1.0)))
        if len(self.starts) != len(self.stages) or self.starts[0] != 0 or not rising:
            raise ValueError(
                f"starts must rise from 0 to less than 1, one for each of {len(self.stages)} "
                f"stages; got {self.starts}"
            )
        if self.rank < 0:
            raise ValueError(f"rank must be 0 or more; got {self.rank}")
        if len(self.mixers) > 1 and not self._kinds_agree():
            raise ValueError(
                "layers that share a block must have the same mixer; got "
                f"{len(self.mixers)} mixers in turn with stages={self.stages} {self.sharing}"
            )
        object.__setattr__(self, "mixers", self.stack.mixers)

    @property
    def stack(self) -> StackConfig:
        """The stack that it is once all layers are apart."""
        return StackConfig(
            vocab_size=self.vocab_size,
            dim=self.dim,
            layers=self.layers,
            mixers=self.mixers,
            block=self.block,
            tied=self.tied,
        )

    def leader(self, layer: int, stage: int) -> int:
        """The first of the layers that share the block of `layer` in a stage, counted from 1."""
        blocks = self.stages[stage - 1]
        uses = self.layers // blocks
        return layer // uses * uses if self.sharing == "in-a-row" else layer % blocks

    def build(self) -> "Diverging":
        """Make the model with fresh weights, all layers apart."""
        return Diverging(self)

    def _kinds_agree(self) -> bool:
        kinds = [self.mixers[layer % len(self.mixers)] for layer in range(self.layers)]
        return all(kinds[layer] == kinds[self.leader(layer, 1)] for layer in range(self.layers))


class Diverging(GrowingModel[tuple[BlockState, ...]]):
    """A stack whose layers may share their blocks' weights; each keeps a state of its own."""

    config: DivergingConfig

    def __init__(self, config: DivergingConfig) -> None:
        super().__init__()
        self.config = config
        self.stack = config.stack.build()
        self.adapters = nn.ModuleDict()
        self._adapted: list[tuple[LoRA, list[nn.Linear]]] = []

    @property
    def starts(self) -> tuple[float, ...]:
        """See `GrowingModel.starts`."""
        return self.config.starts

    def init_state(self, batch_size: int) -> tuple[BlockState, ...]:
        """One state for each layer, also where layers share a block."""
        return self.stack.init_state(batch_size)

    def forward(
        self,
        tokens_BT: Tensor,
        state: tuple[BlockState, ...] | None = None,
        reset_BT: Tensor | None = None,
    ) -> tuple[Tensor, tuple[BlockState, ...]]:
        """See `Model.forward`."""
        with self._with_products():
            return self.stack(tokens_BT, state, reset_BT)

    def step(
        self, token_B: Tensor, state: tuple[BlockState, ...]
    ) -> tuple[Tensor, tuple[BlockState, ...]]:
        """See `Model.step`."""
        with self._with_products():
            return self.stack.step(token_B, state)

    def begin(self) -> None:
        """See `GrowingModel.begin`."""
        if self.stage:
            raise ValueError(f"expected a model that has not begun; it is in stage {self.stage}")
        self.stage = 1
        self._share()

    def grow(self) -> dict[str, str]:
        """See `GrowingModel.grow`; the factors are new and no copies."""
        if not 1 <= self.stage < len(self.config.stages):
            raise ValueError(
                f"expected a stage of 1 to {len(self.config.stages) - 1} to grow from; got "
                f"{self.stage}"
            )
        self._merge()
        before = self._leaders()
        self.stage += 1
        for layer, leader in enumerate(self._leaders()):
            if layer == leader != before[layer]:
                _take(self._block(layer), self._block(layer), copied=True)
        self._share()
        origins = {}
        for name, _ in self.named_parameters():
            number, _, rest = name.removeprefix(_BLOCKS).partition(".")
            inside = name.startswith(_BLOCKS)
            origins[name] = f"{_BLOCKS}{before[int(number)]}.{rest}" if inside else name
        self._adapt()
        return origins

    def news(self) -> dict[str, int]:
        """See `GrowingModel.news`."""
        return {
            "stage": self.stage,
            "blocks": self.config.stages[self.stage - 1],
            "parameters": sum(p.numel() for p in self.stack.parameters()),
            "trained_parameters": sum(p.numel() for p in self.parameters() if p.requires_grad),
        }

    @contextmanager
    def merged(self) -> Iterator[None]:
        """See `GrowingModel.merged`."""
        adapters, adapted = self.adapters, self._adapted
        before = [linears[0].weight.detach().clone() for _, linears in adapted]
        self._merge()
        try:
            yield
        finally:
            self.adapters, self._adapted = adapters, adapted
            for (_, linears), weight_OI in zip(adapted, before, strict=True):
                linears[0].weight.detach().copy_(weight_OI)
                linears[0].weight.requires_grad_(False)

    def _leaders(self) -> list[int]:
        return [self.config.leader(layer, self.stage) for layer in range(self.config.layers)]

    def _block(self, layer: int) -> nn.Module:
        return self.stack.blocks[layer]

    def _share(self) -> None:
        """Let every layer use the parameters of its leader."""
        for layer, leader in enumerate(self._leaders()):
            if layer != leader:
                _take(self._block(layer), self._block(leader), copied=False)

    def _adapt(self) -> None:
        """Freeze the matrices of the mixers' linear layers and give them factors."""
        if not self.config.rank:
            return
        groups: dict[str, list[nn.Linear]] = {}
        for layer, leader in enumerate(self._leaders()):
            mixer: nn.Module = self._block(layer).mixer  # type: ignore[assignment]
            for path, module in mixer.named_modules():
                if isinstance(module, nn.Linear):
                    # A module's name may not have dots.
                    name = f"{leader}.{path}".replace(".", "/")
                    groups.setdefault(name, []).append(module)
        for name, linears in groups.items():
            weight_OI = linears[0].weight.requires_grad_(False)
            adapter = LoRA(weight_OI, min(self.config.rank, *weight_OI.shape))
            self.adapters[name] = adapter
            self._adapted.append((adapter, linears))

    @torch.no_grad()
    def _merge(self) -> None:
        """Write each product into its matrix, which then trains as before; drop the factors."""
        for adapter, linears in self._adapted:
            weight_OI = linears[0].weight
            weight_OI.copy_(adapter(weight_OI))
            weight_OI.requires_grad_(True)
        self.adapters, self._adapted = nn.ModuleDict(), []

    @contextmanager
    def _with_products(self) -> Iterator[None]:
        """Within this context each adapted layer multiplies by one matrix, made once."""
        bases = [linears[0].weight for _, linears in self._adapted]
        try:
            for (adapter, linears), base_OI in zip(self._adapted, bases, strict=True):
                _put(linears, adapter(base_OI))
            yield
        finally:
            for (_, linears), base_OI in zip(self._adapted, bases, strict=True):
                _put(linears, base_OI)


def _put(linears: list[nn.Linear], weight_OI: Tensor) -> None:
    """Set a weight that need not be a parameter, as `torch.func.functional_call` does."""
    for linear in linears:
        linear._parameters["weight"] = weight_OI  # type: ignore[assignment]


def _take(block: nn.Module, other: nn.Module, *, copied: bool) -> None:
    """Give a block the parameters of another, themselves or as copies."""
    for (_, own), (_, theirs) in zip(block.named_modules(), other.named_modules(), strict=True):
        for name, parameter in list(theirs.named_parameters(recurse=False)):
            given = nn.Parameter(parameter.detach().clone()) if copied else parameter
            setattr(own, name, given)
