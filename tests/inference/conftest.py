"""Small models to read and write with: random stacks, and one that knows its text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.data.tokenizers import ByteTokenizer
from runnel.mixers import MIXERS
from runnel.models.model import Model, ModelConfig
from runnel.models.stack import StackConfig


def _random_stack(mixers: tuple[str, ...], dtype: torch.dtype) -> Model[Any]:
    torch.manual_seed(0)
    kinds: Any = {"attention": {"window": 5}}
    built = tuple(MIXERS[name](dim=16, **kinds.get(name, {})) for name in mixers)
    model = StackConfig(dim=16, layers=2, mixers=built, vocab_size=256).build()
    with torch.no_grad():  # a new stack's branches are zero and would remember nothing
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.2)
    model.tokenizer = ByteTokenizer()
    return model.to(dtype).eval()


@pytest.fixture(params=["mingru", "attention", "hybrid"])
def model(request: pytest.FixtureRequest) -> Model[Any]:
    """A stack in float64, so that equal means equal to many digits."""
    mixers = ("mingru", "attention") if request.param == "hybrid" else (request.param,)
    return _random_stack(mixers, torch.float64)


@pytest.fixture
def mingru() -> Model[Any]:
    return _random_stack(("mingru",), torch.float32)


class Place(NamedTuple):
    read_B: Tensor


@dataclass(frozen=True, kw_only=True)
class ReciterConfig(ModelConfig):
    name: ClassVar[str] = "reciter"
    dim: int = 1
    layers: int = 1
    script: bytes

    def build(self) -> "Reciter":
        return Reciter(self)


class Reciter(Model[Place]):
    """Predicts its script byte by byte, whatever it reads, and then the end token."""

    config: ReciterConfig

    def __init__(self, config: ReciterConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = ByteTokenizer()
        self.script_N = torch.tensor([*config.script, 0])

    def init_state(self, batch_size: int) -> Place:
        return Place(torch.zeros(batch_size, dtype=torch.int64))

    def forward(
        self, tokens_BT: Tensor, state: Place | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, Place]:
        read_B = (state or self.init_state(len(tokens_BT))).read_B
        read_BT = read_B[:, None] + torch.arange(tokens_BT.shape[1])
        return self._logits(read_BT), Place(read_B + tokens_BT.shape[1])

    def step(self, token_B: Tensor, state: Place) -> tuple[Tensor, Place]:
        return self._logits(state.read_B), Place(state.read_B + 1)

    def _logits(self, read: Tensor) -> Tensor:
        right = self.script_N[read.clamp(max=len(self.script_N) - 1)]
        return 50.0 * F.one_hot(right, self.config.vocab_size)


@pytest.fixture
def reciter() -> Callable[[str], Model[Any]]:
    return lambda script: ReciterConfig(script=script.encode()).build()
