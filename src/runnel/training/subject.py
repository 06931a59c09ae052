"""What a run is trained on and judged by: a text, or a task with examples of its own."""

import hashlib
import json
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Protocol, final

from runnel.configuration import to_plain
from runnel.data import Corpus, DataConfig, open_corpus
from runnel.data.loader import Batch, Loader
from runnel.data.tokenizers import Tokenizer
from runnel.inference import evaluate
from runnel.inference.answers import reader
from runnel.models.model import Model
from runnel.tasks.loader import TaskLoader
from runnel.tasks.task import Reading, TrainableTask
from runnel.training.config import Recipe, TrainingConfig


class Batches(Protocol):
    """Endless batches at a position that can be saved."""

    def __next__(self) -> Batch:
        """The next batch."""

    def position(self) -> dict[str, int]:
        """Where the next batch is."""

    def load_position(self, position: dict[str, Any]) -> None:
        """Go to a saved position."""

    def documents(self, position: dict[str, Any], batches: int) -> list[int]:
        """The numbers, from 1, of what a batch reads: that after `batches` others."""


class Judgement(NamedTuple):
    """How well the weights do."""

    line: dict[str, Any]
    """what it adds to a line of metrics: validation_loss, validation_tokens, a measure"""
    protocol: str
    """how it was measured"""


class Subject(ABC):
    """Batches to learn from, and a judge."""

    name: str
    description: str
    sha256: str
    """of all that is read"""
    tokenizer: Tokenizer
    data: DataConfig | None
    """what is really read, where a prepared dataset knows better; none for a task"""
    amount: str
    """how much there is of it, for people"""
    measure: str
    """what the judge measures beside the loss: bits_per_byte, or accuracy"""
    bytes_per_token: float | None
    """of the text that is trained on; None where there is no text"""
    limits: str
    """what the model card says that a model of it cannot do"""

    @abstractmethod
    def loader(self, training: TrainingConfig, seed: int) -> Batches:
        """The batches to train on."""

    @abstractmethod
    def judge(self, model: Model[Any], limit: int | None) -> Judgement:
        """Judge a model, on the first `limit` tokens only if there is a limit."""

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """What the model card tells of it."""


def open_subject(recipe: Recipe) -> Subject:
    """What the recipe names, opened."""
    if recipe.task is not None:
        return TaskSubject(recipe.task)
    return TextSubject(open_corpus(recipe.data))


@final
class TextSubject(Subject):
    """A corpus: the model predicts every token of it."""

    measure = "bits_per_byte"
    limits = """\
A small model of one body of text: it continues text in the manner of that text and knows nothing
else. What it writes is not checked for truth and may repeat what stands in the data. The loss holds
for the validation text above and for no other."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.name, self.description = corpus.name, corpus.description
        self.sha256, self.tokenizer = corpus.sha256, corpus.tokenizer
        self.data = corpus.config
        self.amount = f"{corpus.bytes / 1e6:,.1f} MB"
        self.bytes_per_token = corpus.train.bytes / len(corpus.train)

    def loader(self, training: TrainingConfig, seed: int) -> Batches:
        """See `Subject.loader`."""
        return Loader(
            self.corpus.train,
            batch=training.batch,
            length=training.length,
            seed=seed,
            resets=self.corpus.config.packing == "resets",
        )

    def judge(self, model: Model[Any], limit: int | None) -> Judgement:
        """See `Subject.judge`."""
        found = evaluate(model, self.corpus.validation.tokens_N, self.tokenizer, limit=limit)
        line = {
            "validation_loss": found.loss,
            "bits_per_byte": found.bits_per_byte,
            "validation_tokens": found.tokens,
        }
        return Judgement(line, found.protocol)

    def facts(self) -> dict[str, str]:
        """See `Subject.facts`."""
        train, judged = self.corpus.documents
        return {
            "documents": f"{train:,} to train, {judged:,} to validate; "
            f"{self.corpus.bytes / 1e6:,.2f} MB"
        }


@final
class TaskSubject(Subject):
    """A task: only the targets that are answers count."""

    measure = "accuracy"
    bytes_per_token = None
    data = None
    limits = """\
A small model of one task: it answers questions of that form and does nothing else. The figures hold
for examples drawn as above; on longer ones it may do worse."""

    def __init__(self, task: TrainableTask) -> None:
        self.task = task
        self.name, self.tokenizer = task.name, task.tokenizer()
        settings = {k: v for k, v in to_plain(task).items() if k != "type"}
        self.amount = f"sequences of {task.longest():,} tokens at most"
        self.description = f"the task {task.name} ({task.source}), {json.dumps(settings)}"
        self.sha256 = hashlib.sha256((self.description + task.fingerprint()).encode()).hexdigest()

    def loader(self, training: TrainingConfig, seed: int) -> Batches:
        """See `Subject.loader`."""
        return TaskLoader(self.task, batch=training.batch, seed=seed)

    def judge(self, model: Model[Any], limit: int | None) -> Judgement:
        """See `Subject.judge`."""
        read = reader(model)
        found = self.task.score(lambda batch: Reading(*read(batch)), self.tokenizer, limit)
        line: dict[str, Any] = {
            "validation_loss": found.loss,
            "accuracy": found.accuracy,
            "validation_tokens": found.answers,
        }
        if by := found.parts.get("length"):
            line["accuracy_by_length"] = {name: part.accuracy for name, part in by.items()}
        protocol = "the likeliest token at each answer, examples kept apart for it"
        return Judgement(line, f"{protocol}; {found.chance:.4f} by guessing")

    def facts(self) -> dict[str, str]:
        """See `Subject.facts`."""
        return {"sequences": f"{self.task.longest():,} tokens at most"}
