"""Small checkpoints and runs that every test of storage starts from."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from runnel.storage import Checkpoint, RunDirectory

CONFIG = {"model": {"type": "stack"}, "training": {"steps": 100}}
BYTES = {"format": 1, "type": "byte"}


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[[int], Checkpoint]:
    """A checkpoint whose every value follows from its step."""

    def make(step: int) -> Checkpoint:
        draw = torch.Generator().manual_seed(step)
        weight = torch.randn(5, 3, generator=draw)
        return Checkpoint(
            step=step,
            model={"embedding.weight": weight, "head.weight": weight, "norm": torch.ones(3)},
            training={
                "moment": torch.randn(5, 3, generator=draw).bfloat16(),
                "random": draw.get_state(),
                "count": torch.tensor(step),
            },
            state={"position": {"offset": 7, "random": 2**127 + step}, "loss": 0.1 + step},
        )

    return make


@pytest.fixture(scope="session")
def same() -> Callable[[Checkpoint, Checkpoint], bool]:
    """Whether two checkpoints agree to the bit."""

    def tensors(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
        return a.keys() == b.keys() and all(
            a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and torch.equal(a[k], b[k])
            for k in a
        )

    def compare(a: Checkpoint, b: Checkpoint) -> bool:
        return (
            (a.step, a.state) == (b.step, b.state)
            and tensors(a.model, b.model)
            and tensors(a.training, b.training)
        )

    return compare


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], RunDirectory]:
    """Make a run below the test's own directory; the caller is its writer."""

    def make(name: str) -> RunDirectory:
        return RunDirectory.create(tmp_path / name, CONFIG, BYTES)

    return make
