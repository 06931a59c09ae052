"""GRU with attention and memory (kavyamali/tinystoriesgru), and its form that trains in parallel.

Like the original: characters, the first nine tenths of the text to train, dropout 0.1, AdamW at a
constant 8e-4 with torch's defaults, 4,800 steps of 64 windows of 256.
"""

from runnel.data.config import DataConfig
from runnel.mixers.memory import MemoryConfig
from runnel.mixers.mingru_memory import MinGRUMemoryConfig
from runnel.models.plain import PlainConfig
from runnel.recipes.recipe import NamedRecipe, first_line
from runnel.training.config import OptimizerConfig, Recipe, ScheduleConfig, TrainingConfig

CHARACTERS = 98  # of the TinyStories validation text; training counts those of its own


def _run(mixer: MemoryConfig | MinGRUMemoryConfig, clip: float = 0.0) -> Recipe:
    return Recipe(
        model=PlainConfig(vocab_size=CHARACTERS, dim=mixer.dim, mixer=mixer),
        data=DataConfig(source="tinystories", tokenizer="char", split="tail"),
        training=TrainingConfig(
            steps=4800,
            batch=64,
            learning_rate=8e-4,
            optimizer=OptimizerConfig(weight_decay=1e-2, betas=(0.9, 0.999), clip=clip),
            schedule=ScheduleConfig(shape="constant", warmup=0.0),
        ),
    )


def gru_memory_2_5m() -> Recipe:
    """The GRU with attention and memory, 2.5 M parameters, width 384."""
    return _run(MemoryConfig(dim=384, heads=6, dropout=0.1))


def gru_memory_0_2m() -> Recipe:
    """The GRU with attention and memory, 0.2 M parameters, width 96."""
    return _run(MemoryConfig(dim=96, heads=6, dropout=0.1))


def gru_memory_pure() -> Recipe:
    """The GRU with memory alone, width 124, its recurrent spectral radii bounded by 0.95."""
    return _run(MemoryConfig(dim=124, attention=False, radius=0.95), clip=1.0)


def mingru_memory_2_5m() -> Recipe:
    """The form that trains in parallel, as large as gru-memory-2.5m."""
    return _run(MinGRUMemoryConfig(dim=474, heads=6, dropout=0.1))


RECIPES = {
    name: NamedRecipe(make, first_line(make), "kavyamali/tinystoriesgru")
    for name, make in {
        "gru-memory-2.5m": gru_memory_2_5m,
        "gru-memory-0.2m": gru_memory_0_2m,
        "gru-memory-pure": gru_memory_pure,
        "mingru-memory-2.5m": mingru_memory_2_5m,
    }.items()
}
