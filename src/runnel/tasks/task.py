"""The contract of every task: what a model is asked, and how its answers are judged.

A task is a frozen configuration; `TASKS` finds it by name. Examples are sequences in which some
targets count and the others are `IGNORED`. A batch is a pure function of the seed and its number,
so that a run that goes on reads what it would have read.
"""

# B sequences, T positions of the longest, N answers

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from runnel.data.hashing import make_key
from runnel.data.loader import IGNORED, Batch
from runnel.data.tokenizers import CharTokenizer, Tokenizer
from runnel.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_TRAIN, _TEST = 0, 1
_TEST_ROWS = 32


class Reading(NamedTuple):
    """What a model makes of a batch, at the targets that count."""

    nats_BT: Floats
    """loss of each target; zero where it does not count"""
    best_BT: Ints
    """the likeliest token at each position"""


Read = Callable[[Batch], Reading]
"""a model as a task sees it"""


@dataclass(frozen=True)
class Part:
    """Answers and how many of them were right."""

    accuracy: float
    """part of the answers that are right"""
    answers: int
    chance: float
    """the accuracy of guessing: of always the commonest answer, or of any of those offered"""
    loss: float | None = None
    """nats per answer, where answers are tokens"""


@dataclass(frozen=True)
class Score(Part):
    """How well a model does a task."""

    parts: dict[str, dict[str, Part]] = field(default_factory=dict)
    """the same by length, distance or kind"""

    def plain(self) -> dict[str, Any]:
        """The score as JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """Something that a model can be judged by."""

    name: ClassVar[str]
    """its name in the registry"""
    source: ClassVar[str]
    """where it comes from"""

    @abstractmethod
    def score(self, read: Read, tokenizer: Tokenizer, limit: int | None = None) -> Score:
        """Judge a model that reads this tokenizer's tokens.

        With `limit`, on the first batches that make up so many tokens.
        """


@dataclass(frozen=True, kw_only=True)
class TrainableTask(Task):
    """A task that brings its own examples to train on, and examples of its own to judge by."""

    @abstractmethod
    def tokenizer(self) -> Tokenizer:
        """The tokens of its sequences."""

    @abstractmethod
    def longest(self) -> int:
        """Positions of the longest sequence to train on."""

    @abstractmethod
    def training_batch(self, seed: int, index: int, size: int) -> Batch:
        """The index-th batch of a seed; it depends on nothing else."""

    @abstractmethod
    def test_batches(self) -> Iterator[tuple[str, Batch]]:
        """The examples to judge by, always the same, each batch with the part that it belongs to.

        Batches of different parts take turns, so that the first few speak for all.
        """

    @property
    @abstractmethod
    def parted_by(self) -> str:
        """What the parts are: length, say; empty where there are none."""

    def fingerprint(self) -> str:
        """What else the examples depend on, such as the SHA-256 of files; empty: nothing."""
        return ""

    def score(self, read: Read, tokenizer: Tokenizer, limit: int | None = None) -> Score:
        """See `Task.score`; an answer is a target that counts, right if it is the likeliest."""
        own = self.tokenizer()
        if tokenizer != own:
            raise InputError(
                f"expected a model of the {own.vocab_size} tokens of the task {self.name}; got one "
                f"of the {tokenizer.vocab_size} of its {tokenizer.name} tokenizer; train one: "
                f"runnel list recipes names those for {self.name}"
            )
        tallies: dict[str, _Tally] = {}
        positions = 0
        for part, batch in self.test_batches():
            if limit is not None and positions >= limit:
                break
            tallies.setdefault(part, _Tally()).add(batch, read(batch))
            positions += batch.tokens_BT.size
        whole = sum(tallies.values(), _Tally()).part()
        parts = {name: tally.part() for name, tally in tallies.items()}
        return Score(**asdict(whole), parts={self.parted_by: parts} if self.parted_by else {})


@dataclass(frozen=True, kw_only=True)
class GeneratedTask(TrainableTask):
    """A task whose examples are drawn, in any number."""

    tests: int = 1024
    """examples to judge by, of each part"""

    @property
    @abstractmethod
    def alphabet(self) -> str:
        """The characters of its sequences."""

    @abstractmethod
    def draw(self, random: np.random.Generator, size: int, length: int | None = None) -> Batch:
        """Some examples; with `length` all of that length, else as in training."""

    @abstractmethod
    def test_lengths(self) -> tuple[int, ...]:
        """The lengths to judge at."""

    @property
    def parted_by(self) -> str:
        """See `TrainableTask.parted_by`."""
        return "length" if len(self.test_lengths()) > 1 else ""

    def tokenizer(self) -> CharTokenizer:
        """See `TrainableTask.tokenizer`."""
        return CharTokenizer(self.alphabet)

    def training_batch(self, seed: int, index: int, size: int) -> Batch:
        """See `TrainableTask.training_batch`."""
        return self.draw(_generator(seed, _TRAIN, index), size)

    def test_batches(self) -> Iterator[tuple[str, Batch]]:
        """See `TrainableTask.test_batches`."""
        for first in range(0, self.tests, _TEST_ROWS):
            size = min(_TEST_ROWS, self.tests - first)
            for length in self.test_lengths():
                random = _generator(first, _TEST, length)
                yield str(length), self.draw(random, size, length)


def asked(question_BT: Ints, answer_BN: Ints, mark: int) -> Batch:
    """Sequences of the end token, a question, and a mark for each token of the answer."""
    rows, width = question_BT.shape
    answers = answer_BN.shape[1]
    tokens_BT = np.full((rows, 1 + width + answers), mark, dtype=np.int64)
    tokens_BT[:, 0] = 0
    tokens_BT[:, 1 : 1 + width] = question_BT
    targets_BT = np.full_like(tokens_BT, IGNORED)
    targets_BT[:, 1 + width :] = answer_BN
    return Batch(tokens_BT, targets_BT, np.zeros(tokens_BT.shape, dtype=np.bool_))


def padded(sequences: list[npt.NDArray[Any]], answers: list[int]) -> Batch:
    """Sequences of different lengths, each with the target of its last token."""
    width = 1 + max(len(sequence) for sequence in sequences)
    tokens_BT = np.zeros((len(sequences), width), dtype=np.int64)
    targets_BT = np.full_like(tokens_BT, IGNORED)
    for row, (sequence, answer) in enumerate(zip(sequences, answers, strict=True)):
        tokens_BT[row, 1 : 1 + len(sequence)] = sequence
        targets_BT[row, len(sequence)] = answer
    return Batch(tokens_BT, targets_BT, np.zeros(tokens_BT.shape, dtype=np.bool_))


def _generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(make_key(*key)))


@dataclass
class _Tally:
    right: int = 0
    nats: float = 0.0
    wanted: Counter[int] = field(default_factory=Counter)
    """how often each token was the answer"""

    def add(self, batch: Batch, reading: Reading) -> None:
        counted_BT = batch.targets_BT != IGNORED
        self.right += int(((reading.best_BT == batch.targets_BT) & counted_BT).sum())
        self.wanted.update(batch.targets_BT[counted_BT].tolist())
        self.nats += float(reading.nats_BT[counted_BT].sum())

    def __add__(self, other: "_Tally") -> "_Tally":
        return _Tally(self.right + other.right, self.nats + other.nats, self.wanted + other.wanted)

    def part(self) -> Part:
        answers = self.wanted.total()
        of = max(1, answers)
        commonest = max(self.wanted.values(), default=0)
        return Part(self.right / of, answers, commonest / of, self.nats / of)
