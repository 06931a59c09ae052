"""Tiny runs: a text of two hundred short documents and a model that learns it in seconds."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from runnel.data import DataConfig
from runnel.mixers.mingru import MinGRUConfig
from runnel.models.diverging import DivergingConfig
from runnel.models.model import ModelConfig
from runnel.models.stack import BlockConfig, StackConfig
from runnel.training import Recipe, TrainingConfig

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny products are not worth sharing between threads."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_pictures_short_samples_and_no_flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of a tiny run's time would go into them; nothing here survives a loss of power."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr("runnel.training.run.draw_loss", lambda lines, **options: "<svg/>")
    monkeypatch.setattr("runnel.training.run._SAMPLE_TOKENS", 30)


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences of four words each, drawn from small lists, so that there is much to learn."""
    draw = random.Random(0)
    words = [["the", "a"], ["cat", "dog", "crow"], ["sees", "hears"], ["rain", "snow", "wind"]]
    documents = [
        "".join(" ".join(map(draw.choice, words)) + ".\n" for _ in range(draw.randint(1, 8)))
        for _ in range(200)
    ]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("<|endoftext|>".join(documents))
    return path


@pytest.fixture
def make_recipe(text_file: Path) -> MakeRecipe:
    """A tiny recipe; other keywords than these few go to its TrainingConfig."""

    def make(
        *,
        dropout: float = 0.0,
        dim: int = 16,
        grows: bool = False,
        prompts: tuple[str, ...] = (),
        **training: Any,
    ) -> Recipe:
        if not training.keys() & {"steps", "tokens", "minutes"}:
            training["steps"] = 12
        parts: dict[str, Any] = {
            "dim": dim,
            "mixers": (MinGRUConfig(dim=dim),),
            "block": BlockConfig(expansion=2.0, dropout=dropout),
        }
        model: ModelConfig = StackConfig(layers=1, **parts)
        if grows:
            model = DivergingConfig(layers=4, stages=(1, 2, 4), rank=4, **parts)
        small = TrainingConfig(
            **{
                "batch": 4,
                "length": 16,
                "log_every": 1,
                "evaluate_every": 5,
                "save_every": 4,
                "evaluate_tokens": 500,
                **training,
            }
        )
        data = replace(DataConfig(), source=str(text_file))
        return Recipe(model=model, data=data, training=small, prompts=prompts)

    return make
