"""The MinGRU byte model of 18 M parameters (dame-cell/MinGru), with its faults mended."""

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


RECIPES = named("dame-cell/MinGru, corrected", mingru_18m)
