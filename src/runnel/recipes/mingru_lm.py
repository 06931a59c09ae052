"""The MinGRU byte model of 18 M parameters (dame-cell/MinGru): its faults mended, and tuned."""

from runnel.data.config import DataConfig
from runnel.mixers.mingru import MinGRUConfig
from runnel.models.stack import BlockConfig, StackConfig
from runnel.recipes.recipe import named
from runnel.training.config import OptimizerConfig, Recipe, ScheduleConfig, TrainingConfig


def mingru_18m() -> Recipe:
    """The MinGRU byte model of 17.6 M parameters with its original hyper-parameters."""
    return Recipe(
        model=StackConfig(
            dim=512,
            layers=6,
            mixers=(MinGRUConfig(dim=512, project=False),),
            block=BlockConfig(convolution=3, pointwise=True, feedforward="gelu"),
        ),
        data=DataConfig(source="tinystories"),
        training=TrainingConfig(
            tokens=180_000 * 512 * 30,
            batch=204,
            length=512,
            learning_rate=4e-3,
            optimizer=OptimizerConfig(weight_decay=1e-2, betas=(0.9, 0.999)),
            schedule=ScheduleConfig(shape="linear", warmup=0.1),
        ),
    )


def mingru_18m_tuned() -> Recipe:
    """The MinGRU byte model at the same size, as one would train it on one GPU today.

    Chosen by reasoning from small runs on a CPU (docs/LOG.md), not by a full run: Muon for the
    matrices; a squared ReLU; the pointwise layer's parameters spent on an output projection that
    starts at zero; half-lives to 512 bytes, for names; windows that hold whole stories; the rate
    level, then linear to zero; three tenths of the original's budget.
    """
    return Recipe(
        model=StackConfig(
            dim=512,
            layers=6,
            mixers=(MinGRUConfig(dim=512, half_lives=(1.0, 512.0)),),
            block=BlockConfig(convolution=4, feedforward="squared-relu"),
        ),
        data=DataConfig(source="tinystories"),
        training=TrainingConfig(
            tokens=830_000_000,
            batch=64,
            length=1024,
            learning_rate=4e-3,
            optimizer=OptimizerConfig(kind="muon", matrix_learning_rate=8e-3),
            schedule=ScheduleConfig(shape="linear", warmup=0.01, level=0.5),
        ),
    )


RECIPES = named("dame-cell/MinGru, corrected", mingru_18m) | named("runnel", mingru_18m_tuned)
