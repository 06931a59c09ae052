"""The bound on what building a model may take: it never counts too little."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from runnel.storage.allowance import Allowance

_MAKERS: dict[str, Callable[[], Tensor]] = {
    "empty": lambda: torch.empty(100, 10),
    "empty of a tuple": lambda: torch.empty((100, 10), dtype=torch.int8),
    "zeros of a size": lambda: torch.zeros(size=(10, 10, 10)),
    "ones": lambda: torch.ones(1000),
    "randn": lambda: torch.randn((500, 2)),
    "full": lambda: torch.full((1000,), 5.0),
    "full of zeros": lambda: torch.full((1000,), 0),
    "arange": lambda: torch.arange(1000),
    "arange down": lambda: torch.arange(999, -1, -1),
    "linspace": lambda: torch.linspace(0, 1, 1000),
    "linspace by name": lambda: torch.linspace(0.0, 1.0, steps=1000),
    "logspace": lambda: torch.logspace(torch.tensor(1.0), torch.tensor(2.0), 1000, 2),
    "new_zeros": lambda: torch.empty(1).new_zeros(1000, 1),
    "new_full": lambda: torch.empty(1).new_full((10, 100), 0),
    "eye": lambda: torch.eye(32),
    "linear": lambda: nn.Linear(100, 10).weight,
    "embedding": lambda: nn.Embedding(100, 10).weight,
    "gru": lambda: next(nn.GRU(10, 34).parameters()),
}


@pytest.mark.parametrize("maker", _MAKERS.values(), ids=_MAKERS)
def test_what_is_made_is_charged(maker: Callable[[], Tensor]) -> None:
    with Allowance(10_000):
        assert maker().numel() >= 1000
    with Allowance(999), pytest.raises(ValueError, match="larger than those in the file"):
        maker()


def test_many_small_tensors_add_up() -> None:
    with Allowance(100):
        for _ in range(10):
            torch.zeros(10)
        with pytest.raises(ValueError, match="larger"):
            torch.zeros(1)


def test_nothing_is_made_that_is_too_large() -> None:
    with Allowance(100), pytest.raises(ValueError, match="larger"):
        torch.ones(10**15)
    assert torch.ones(1000).sum() == 1000
