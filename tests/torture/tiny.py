"""Runs that take a second: a text of short documents and a model that learns something of it."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from runnel.data import DataConfig
from runnel.mixers.mingru import MinGRUConfig
from runnel.models.stack import BlockConfig, StackConfig
from runnel.recipes import RECIPES
from runnel.training import Recipe, TrainingConfig

WORDS = [["the", "a"], ["cat", "dog", "crow"], ["sees", "hears"], ["rain", "snow", "wind"]]


def write_text(path: Path, documents: int = 200) -> Path:
    """Sentences of four words each, drawn from small lists, so that there is much to learn."""
    draw = random.Random(0)
    made = [
        "".join(" ".join(map(draw.choice, WORDS)) + ".\n" for _ in range(draw.randint(1, 8)))
        for _ in range(documents)
    ]
    path.write_text("<|endoftext|>".join(made))
    return path


def recipe(text: Path, *, dropout: float = 0.0, dim: int = 8, **training: Any) -> Recipe:
    """One layer; other keywords than these go to its TrainingConfig."""
    small: dict[str, Any] = {"batch": 4, "length": 16, "log_every": 1, "evaluate_tokens": 300}
    return Recipe(
        model=StackConfig(
            dim=dim,
            layers=1,
            mixers=(MinGRUConfig(dim=dim),),
            block=BlockConfig(expansion=2.0, dropout=dropout),
        ),
        data=DataConfig(source=str(text)),
        training=TrainingConfig(**{**small, **training}),
        prompts=("the ",),
    )


FLAGS = [
    *("--batch", "4", "--length", "16", "--seed", "3", "--device", "cpu"),
    *("--set", "model.dim=8", "--set", "model.layers=1", "--set", "training.log_every=1"),
    *("--set", "training.evaluate_tokens=300", "--precision", "float32"),
]
"""`runnel train mingru-stories --data TEXT --steps N FLAGS` is such a run, too"""


@contextmanager
def quickly() -> Iterator[None]:
    """One thread, short samples, no pictures: most of a tiny run's time would go into these."""
    # Its width is found by counting parameters, which forks then need not do again.
    RECIPES["mingru-stories"].make()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runnel.training.run.draw_loss", lambda lines, **options: "<svg/>")
        patch.setattr("runnel.training.run._SAMPLE_TOKENS", 8)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def machine() -> dict[str, Any]:
    """What ran it."""
    import os

    from runnel.bench.measure import machine as measured

    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return measured() | {
        "cores": len(os.sched_getaffinity(0)),
        "commit": commit.stdout.strip(),
    }
