"""Every system at a million parameters beside embedding and head, in bytes, for fair comparisons.

Muon for the matrices and AdamW for the rest, a short warm-up and a linear decay over the second
half: what the recipes of the stories found best. Widths are matched; rates were chosen by short
runs (docs/LOG.md). The text is `stories`, another is given as --data.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from runnel.data.config import DataConfig
from runnel.mixers import MIXERS
from runnel.mixers.attention import AttentionConfig
from runnel.mixers.memory import MemoryConfig
from runnel.mixers.mingru_memory import MinGRUMemoryConfig
from runnel.models.conv_attention import ConvAttentionConfig
from runnel.models.gpt2 import GPT2Config
from runnel.models.model import ModelConfig
from runnel.models.plain import PlainConfig
from runnel.models.size import match_size
from runnel.models.stack import BlockConfig, StackConfig
from runnel.recipes.diverging import FEW_LAYERS, parting
from runnel.recipes.diverging import RECIPES as DIVERGING
from runnel.recipes.quick import LATE_DECAY, LONG_MEMORY
from runnel.recipes.recipe import LEAN, NamedRecipe
from runnel.recipes.transformers import MODERN
from runnel.recipes.transformers import RECIPES as TRANSFORMERS
from runnel.training.config import OptimizerConfig, Recipe, TrainingConfig

PARAMETERS = 1_000_000  # without embedding and head
_LAYERS = 4
# With places learned by each layer this stack stays where it begins: docs/LOG.md.
_GPT2 = BlockConfig(convolution=0, norm="layer", feedforward="gelu-tanh")


def _stack(mixer: str, **options: Any) -> StackConfig:
    return StackConfig(
        dim=256, layers=_LAYERS, mixers=(MIXERS[mixer](dim=256, **options),), block=LEAN
    )


def _mingru() -> StackConfig:
    return _stack("mingru", **LONG_MEMORY["mingru"])


def _gpt2() -> GPT2Config:
    return GPT2Config(dim=144, layers=_LAYERS, heads=4, context=256)


def _modern(block: BlockConfig = MODERN) -> StackConfig:
    attention = AttentionConfig(dim=144, heads=4, window=256)
    return StackConfig(dim=144, layers=_LAYERS, mixers=(attention,), block=block)


def _conv_attention() -> ConvAttentionConfig:
    return ConvAttentionConfig(dim=52, layers=5, stages=2, context=512)


def _memory(**options: Any) -> PlainConfig:
    return PlainConfig(dim=240, mixer=MemoryConfig(dim=240, **options))


def _mingru_memory() -> PlainConfig:
    return PlainConfig(dim=240, mixer=MinGRUMemoryConfig(dim=240, heads=6))


def _run(make: Callable[[], ModelConfig], rate: float, matrix_rate: float) -> Recipe:
    return Recipe(
        model=match_size(make(), PARAMETERS),
        data=DataConfig(source="stories"),
        training=TrainingConfig(
            tokens=200_000,
            batch=4,
            length=256,
            learning_rate=rate,
            optimizer=OptimizerConfig(kind="muon", momentum=0.9, matrix_learning_rate=matrix_rate),
            schedule=LATE_DECAY,
        ),
        prompts=("Once upon a time", "One day, "),
    )


_SYSTEMS: dict[str, tuple[str, str, Callable[[], ModelConfig]]] = {
    "mingru": ("minGRU", MIXERS["mingru"].source, _mingru),
    "minlstm": ("minLSTM", MIXERS["minlstm"].source, partial(_stack, "minlstm")),
    "hgrn": ("HGRN with complex states", MIXERS["hgrn"].source, partial(_stack, "hgrn")),
    "hgrn-real": (
        "HGRN with real states",
        MIXERS["hgrn"].source,
        partial(_stack, "hgrn", state="real"),
    ),
    "mamba": ("Mamba", MIXERS["mamba"].source, partial(_stack, "mamba")),
    "rglru": ("RG-LRU", MIXERS["rglru"].source, partial(_stack, "rglru")),
    "gru": ("torch's GRU", MIXERS["gru"].source, partial(_stack, "gru")),
    "lstm": ("torch's LSTM", MIXERS["lstm"].source, partial(_stack, "lstm")),
    "attention": (
        "Attention in the blocks of the recurrences",
        MIXERS["attention"].source,
        partial(_stack, "attention"),
    ),
    "gpt2": ("GPT-2", TRANSFORMERS["gpt2-stories"].source, _gpt2),
    "transformer-modern": (
        "The modern transformer",
        TRANSFORMERS["transformer-modern"].source,
        _modern,
    ),
    "conv-attention": (
        "Convolution-attention",
        TRANSFORMERS["conv-attention-9m"].source,
        _conv_attention,
    ),
    "diverging": (
        "GPT-2's blocks with rotary positions, growing from one to four",
        DIVERGING["diverging-11m"].source,
        lambda: parting(_modern(_GPT2), **FEW_LAYERS),
    ),
    "diverging-mingru": (
        "minGRU, growing from one block to four",
        DIVERGING["diverging-11m"].source,
        lambda: parting(_mingru(), **FEW_LAYERS),
    ),
    "gru-memory": (
        "The GRU with attention and memory",
        MIXERS["memory"].source,
        partial(_memory, heads=6),
    ),
    "gru-memory-pure": (
        "The GRU with memory alone, its spectral radii bounded by 0.95",
        MIXERS["memory"].source,
        partial(_memory, attention=False, radius=0.95),
    ),
    "mingru-memory": (
        "The GRU with attention and memory in the form that trains in parallel",
        MIXERS["mingru_memory"].source,
        _mingru_memory,
    ),
}

# Peak rates of AdamW's weights and of Muon's matrices; those of the stories' recipes where no other
# did better.
_RATES: dict[str, tuple[float, float]] = {
    "gpt2": (3e-3, 1.2e-2),
    "conv-attention": (2e-2, 2.4e-2),
    "gru-memory": (6e-3, 1.2e-2),
    "gru-memory-pure": (6e-3, 1.2e-2),
    "mingru-memory": (6e-3, 1.2e-2),
}

RECIPES = {
    f"{name}-1m": NamedRecipe(
        partial(_run, make, *_RATES.get(name, (1.2e-2, 1.2e-2))),
        f"{what}, 1 M parameters beside embedding and head, in bytes.",
        source,
    )
    for name, (what, source, make) in _SYSTEMS.items()
}
