"""HGRN language models: the WikiText-103 one of its paper, and the sizes released beside it.

The vocabularies are GPT-2's; its encoder.json and vocab.bpe are looked for in the folder gpt2-bpe,
or where `--set data.tokenizer=gpt2:DIR` says.
"""

from typing import Any

from runnel.data.config import DataConfig
from runnel.mixers.hgrn import HGRNConfig
from runnel.models.stack import BlockConfig, StackConfig
from runnel.recipes.recipe import GPT2_VOCABULARY, named
from runnel.training.config import OptimizerConfig, Recipe, ScheduleConfig, TrainingConfig

_GPT2 = "gpt2:gpt2-bpe"
_RELEASED_VOCABULARY = 50_272  # config.json of OpenNLPLab/HGRN-150M


def _model(
    dim: int, layers: int, expansion: float, vocab_size: int, dropout: float = 0.0, **options: Any
) -> StackConfig:
    """LayerNorm, HGRU, LayerNorm, gated linear unit; no convolution; the embedding reads out."""
    return StackConfig(
        vocab_size=vocab_size,
        dim=dim,
        layers=layers,
        mixers=(HGRNConfig(dim=dim, **options),),
        block=BlockConfig(
            convolution=0,
            norm="layer",
            feedforward="gated",
            expansion=expansion,
            dropout=dropout,
        ),
        tied=True,
    )


def _training() -> TrainingConfig:
    """Adam, 8,000 steps of warm-up, then 1 / sqrt(step): 100,000 steps of 65,536 tokens."""
    return TrainingConfig(
        steps=100_000,
        batch=128,
        length=512,
        learning_rate=5e-4,
        optimizer=OptimizerConfig(betas=(0.9, 0.98), weight_decay=0.2, clip=0.0),
        schedule=ScheduleConfig(shape="inverse-sqrt", warmup_steps=8000),
    )


def hgrn_44m() -> Recipe:
    """HGRN of 44 M parameters with its WikiText-103 settings (published: perplexity 24.14).

    The gated linear unit is 1.5 D wide, which gives that size; the paper's width is not known here.
    """
    return Recipe(
        model=_model(512, 6, 1.5, GPT2_VOCABULARY, dropout=0.1),
        data=DataConfig(source="hf:wikitext-103-raw", tokenizer=_GPT2),
        training=_training(),
    )


def hgrn_150m() -> Recipe:
    """HGRN of 150 M parameters, of the shape of the released weights."""
    return _released(768, 14, 2.0)


def hgrn_355m() -> Recipe:
    """HGRN of 355 M parameters, real states, the shape of the released code's defaults.

    That they are the shape of the released 355 M weights is inferred from their size.
    """
    return _released(1024, 24, 2.75, state="real")


def hgrn_1b() -> Recipe:
    """HGRN of 1 B parameters, real states, in the proportions of hgrn-355m.

    The shape of the released weights of that size was not found.
    """
    return _released(2048, 18, 2.75, state="real")


def _released(dim: int, layers: int, expansion: float, **options: Any) -> Recipe:
    """The released models normalise before they gate."""
    model = _model(dim, layers, expansion, _RELEASED_VOCABULARY, order="norm-then-gate", **options)
    return Recipe(
        model=model, data=DataConfig(source="pile", tokenizer=_GPT2), training=_training()
    )


RECIPES = named("Qin et al. 2023, arXiv 2311.04823", hgrn_44m) | named(
    "OpenNLPLab/HGRN on the Hugging Face hub", hgrn_150m, hgrn_355m, hgrn_1b
)
