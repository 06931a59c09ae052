"""Transformers: GPT-2, its modern variant, convolution-attention; whole and for two minutes."""

from dataclasses import replace

from runnel.data.config import DataConfig
from runnel.mixers.attention import AttentionConfig
from runnel.models.conv_attention import ConvAttentionConfig
from runnel.models.gpt2 import GPT2Config
from runnel.models.model import ModelConfig
from runnel.models.size import count_parameters, match_parameters
from runnel.models.stack import BlockConfig, StackConfig
from runnel.recipes.quick import stories
from runnel.recipes.recipe import GPT2_VOCABULARY, named
from runnel.training.config import OptimizerConfig, Recipe, ScheduleConfig, TrainingConfig

_STEPS, _STEP_TOKENS = 19_073, 524_288
MODERN = BlockConfig(convolution=0, feedforward="gated", expansion=8 / 3)


def gpt2_15m() -> Recipe:
    """GPT-2 of 15 M parameters with the original's optimiser, 524,288 tokens to a step."""
    return _large(GPT2Config(vocab_size=GPT2_VOCABULARY, dim=192, layers=12, heads=6, context=256))


def transformer_modern() -> Recipe:
    """The same with RMSNorm, rotary positions and gated feed-forward layers."""
    attention = AttentionConfig(dim=192, heads=6, window=256)
    return _large(
        StackConfig(
            vocab_size=GPT2_VOCABULARY,
            dim=192,
            layers=12,
            mixers=(attention,),
            block=MODERN,
            tied=True,
        )
    )


def conv_attention_9m() -> Recipe:
    """Convolution-attention of 9.24 M parameters: 1024 tokens in 16 positions of width 384."""
    model = ConvAttentionConfig(vocab_size=GPT2_VOCABULARY, dim=48, layers=17, tied=True)
    return _large(model, length=model.context)


def gpt2_stories() -> Recipe:
    """GPT-2 on the bundled corpus, for two minutes on two CPU cores."""
    return _quick(GPT2Config(dim=90, layers=4, heads=3, context=512), 6e-3)


def transformer_modern_stories() -> Recipe:
    """The modern transformer on the bundled corpus, for two minutes on two CPU cores."""
    attention = AttentionConfig(dim=96, heads=3, window=512)
    block = replace(MODERN, expansion=2.5)
    return _quick(StackConfig(dim=96, layers=4, mixers=(attention,), block=block), 1.2e-2)


def conv_attention_stories() -> Recipe:
    """Convolution-attention on the bundled corpus, for two minutes on two CPU cores."""
    return _quick(ConvAttentionConfig(dim=34, layers=5, stages=2, context=512), 1.2e-2)


def _large(model: ModelConfig, length: int = 256) -> Recipe:
    batch = 4096 // length
    return Recipe(
        model=model,
        data=DataConfig(source="tinystories"),
        training=TrainingConfig(
            steps=_STEPS,
            batch=batch,
            length=length,
            accumulate=_STEP_TOKENS // (batch * length),
            learning_rate=6e-4,
            optimizer=OptimizerConfig(weight_decay=0.1, betas=(0.9, 0.95), clip=1.0),
            schedule=ScheduleConfig(shape="cosine", warmup_steps=715, final=0.1),
        ),
    )


def _quick(model: ModelConfig, learning_rate: float) -> Recipe:
    """The run of `mingru-stories` with another model, as wide as gives it the same parameters."""
    base = stories("mingru")
    return replace(
        base,
        model=match_parameters(model, count_parameters(base.model)),
        training=replace(base.training, learning_rate=learning_rate),
    )


RECIPES = (
    named(
        "GPT-2 after build-nanogpt: Radford et al. 2019; Karpathy 2024",
        gpt2_15m,
        gpt2_stories,
    )
    | named(
        "RMSNorm: Zhang and Sennrich 2019; rotary: Su et al. 2021; gated: Shazeer 2020",
        transformer_modern,
        transformer_modern_stories,
    )
    | named(
        "a convolution-attention transformer, its expander made causal",
        conv_attention_9m,
        conv_attention_stories,
    )
)
