"""A run in its directory: steps, lines of metrics, evaluations, samples and checkpoints."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from runnel.data.tokenizers import Tokenizer
from runnel.errors import InputError
from runnel.inference import generate
from runnel.models.growing import GrowingModel
from runnel.models.model import Model
from runnel.storage.background import BackgroundWriter
from runnel.storage.checkpoint import Checkpoint, DamagedCheckpoint, read_model, step_of
from runnel.storage.run import RunDirectory
from runnel.training.card import model_card
from runnel.training.config import Interval
from runnel.training.divergence import refuse_bad_weights
from runnel.training.growth import stage_of
from runnel.training.ledger import Ledger, due
from runnel.training.picture import draw_loss
from runnel.training.progress import Progress
from runnel.training.saved import check_judged, numbers
from runnel.training.schedule import Spent
from runnel.training.signals import Aborted, Signals
from runnel.training.subject import Judgement, Subject
from runnel.training.trainer import Step, Trainer, build_model, load_weights

_SAMPLE_TOKENS = 300
_STATE = {
    "trainer": dict,
    "ledger": dict,
    "best": dict,
    "owed": bool,
    "outcome": dict,
    "corpus": str,
    "budget": str,
}


class Run:
    """What happens around the trainer's steps; `train` goes on from wherever the state is."""

    def __init__(
        self,
        trainer: Trainer,
        subject: Subject,
        directory: RunDirectory,
        progress: Progress,
        signals: Signals,
    ) -> None:
        self.outcome: dict[str, Any] = {}
        """what the finished run reached; empty before"""
        self._trainer, self._subject, self._directory = trainer, subject, directory
        self._progress, self._signals = progress, signals
        self._training = trainer.recipe.training
        self._ledger = Ledger()
        self._best: dict[str, Any] = {}
        self._owed = False
        self._announce: dict[str, Any] = {}
        prompts = trainer.recipe.prompts
        # If the tokenizer reads none of them, the beginning of a document.
        self._prompts = readable(prompts, subject.tokenizer) or [""] * bool(prompts)

    @property
    def best_step(self) -> int | None:
        """The step of the lowest validation loss so far; none before the first evaluation."""
        return self._best.get("step")

    def begin(self) -> None:
        """Start from nothing: drop what a run that never saved may have left."""
        self._directory.metrics.truncate_after(-1)
        self._directory.truncate_samples_after(-1)

    def restore(self, checkpoint: Checkpoint, longer: bool) -> bool:
        """Take a checkpoint's state up; True if there is nothing left to do."""
        state = checkpoint.state
        try:
            if {name: type(value) for name, value in state.items()} != _STATE:
                raise TypeError("other fields")
            check_judged(state["best"], state["outcome"], checkpoint.step)
            self._ledger = numbers(Ledger, state["ledger"], "ledger")
            self._trainer.load(checkpoint.model, checkpoint.training, state["trainer"])
        except (KeyError, TypeError) as error:
            raise InputError(
                f"expected a training run's state in the checkpoint of step {checkpoint.step}; "
                f"got {error}; resume with the version that wrote it"
            ) from None
        spent = self._trainer.spent
        # The evaluation that ends a run has been done, or is owed.
        undone = self._trainer.budget.exhausted(spent) and not (state["owed"] or state["best"])
        if spent.steps != checkpoint.step or undone:
            raise InputError(
                f"expected the state of a run after {checkpoint.step} steps; got one after "
                f"{spent.steps}, judged {'never' if undone else 'as it should be'}; resume from "
                "another checkpoint"
            )
        self._best, self._owed, self.outcome = state["best"], state["owed"], state["outcome"]
        if longer:
            self.outcome = {}
            self._announce = {"budget": str(self._trainer.budget), "budget_before": state["budget"]}
        if not self.outcome:
            # An evaluation that is owed may have left its line before a crash.
            written = checkpoint.step - self._owed
            self._directory.metrics.truncate_after(written)
            self._directory.truncate_samples_after(written)
        return bool(self.outcome)

    def train(self) -> None:
        """Step until the budget is spent or a signal comes; then finish, or save and stop."""
        trainer, training = self._trainer, self._training
        log, evaluation, save = map(
            Interval.parse, (training.log_every, training.evaluate_every, training.save_every)
        )
        self._progress.start(self._heading(), trainer.budget, self._subject.measure)
        with BackgroundWriter(self._directory) as writer:
            try:
                if self._owed:
                    self._evaluate(writer)
                before = trainer.spent
                while not trainer.budget.exhausted(trainer.spent):
                    if self._signals.received is not None:
                        raise Aborted
                    trainer.advance()
                    if trainer.waits or self._is_noted(before, log, evaluation, save):
                        self._take_in()
                    after = trainer.spent
                    self._progress.step(after)
                    last = trainer.budget.exhausted(after)
                    if last or due(evaluation, before, after):
                        self._owed = True
                        self._evaluate(writer)
                    elif due(log, before, after) or self._stage_is_new():
                        self._write_line({})
                    if not last and due(save, before, after):
                        self._save(writer)
                    before = after
                self._finish(writer)
            except Aborted:
                self._take_in()
                self._save(writer)

    def publish(self) -> None:
        """Write the best weights where everyone who loads this run finds them."""
        self._directory.publish(self._best_weights())

    def _is_noted(self, before: Spent, *intervals: Interval) -> bool:
        """Whether something has to be written down after the step that was just taken."""
        after = self._trainer.spent
        marked = any(due(interval, before, after) for interval in intervals)
        return marked or self._trainer.budget.exhausted(after) or self._stage_is_new()

    def _take_in(self) -> None:
        """Count in what the steps so far measured; DivergedError if one was not finite."""
        for step in self._trainer.measured():
            self._ledger.add(step)
            if step.spike:
                self._report_spike(step)

    def _evaluate(self, writer: BackgroundWriter) -> None:
        """Judge the weights, write the line, the samples and the picture, and save a new best.

        What is owed stays owed until all of it is done, for a signal may abort it.
        """
        step = self._trainer.spent.steps
        self._progress.evaluating()
        with self._trainer.keeping() as model:
            judgement = self._judge(model, self._training.evaluate_tokens)
            with self._signals.abortable():
                texts = [(prompt, self._sample(model, prompt)) for prompt in self._prompts]
        self._owed = False
        loss = judgement.line["validation_loss"]
        self._write_line(judgement.line)
        body = "".join(f"\n{_quoted(prompt + text)}\n" for prompt, text in texts)
        self._directory.append_text(
            "samples.md", f"## step {step}, validation loss {loss:.4f}\n{body}\n"
        )
        if texts:
            self._progress.sample("".join(texts[0]))
        self._draw()
        if not self._best or loss < self._best["validation_loss"]:
            self._best = {"step": step, "validation_loss": loss}
            if not self._trainer.budget.exhausted(self._trainer.spent):
                self._save(writer)

    def _finish(self, writer: BackgroundWriter) -> None:
        """Judge the best weights on what is to be judged by; card, checkpoint, last the weights."""
        writer.wait()
        self._progress.evaluating()
        weights = self._best_weights()
        spent, best = self._trainer.spent, self._best["step"]
        if best == spent.steps:
            with self._trainer.keeping() as model:
                judgement = self._judge(model, self._training.judge_tokens)
        else:
            with torch.random.fork_rng(devices=[]):
                model = build_model(self._trainer.recipe, self._trainer.device)
            load_weights(model, weights)
            judgement = self._judge(model, self._training.judge_tokens)
        whole = judgement.line
        self.outcome = {**whole, "best_step": best, "protocol": judgement.protocol}
        line = self._directory.metrics.read()[-1]
        if line.get("validation_tokens") != whole["validation_tokens"] or best != spent.steps:
            # A crash after this line may have left it, the same.
            if "best_step" not in line:
                self._write({**line, **whole, "best_step": best})
            self._draw()
        card = model_card(
            self._trainer.recipe, self._subject, model, spent, self.outcome, self._trainer.dtype
        )
        self._directory.write_text("README.md", card)
        self._save(writer)
        writer.wait()
        self._directory.publish(weights)

    def _judge(self, model: Model[Any], limit: int | None) -> Judgement:
        with self._signals.abortable():
            return self._subject.judge(model, limit)

    def _sample(self, model: Model[Any], prompt: str) -> str:
        return generate(model, prompt, _SAMPLE_TOKENS, seed=self._training.seed)

    def _best_weights(self) -> Mapping[str, torch.Tensor]:
        """The weights of the best step: the trainer's own, or those of that step's checkpoint."""
        here = self._trainer.spent.steps
        path = self._directory.best()
        if self._best["step"] != here:
            try:
                if path is not None and step_of(path.name) == self._best["step"]:
                    return read_model(path)
                damage = f"step {self._best['step']} is not there"
            except DamagedCheckpoint as error:
                damage = str(error)
            self._progress.note(f"the best checkpoint is lost, the last stands in: {damage}")
        self._best = {**self._best, "step": here}
        return self._trainer.weights()

    def _save(self, writer: BackgroundWriter) -> None:
        step, weights = self._trainer.spent.steps, self._trainer.weights()
        refuse_bad_weights(weights, step)
        state = {
            "trainer": self._trainer.plain(),
            "ledger": self._ledger.plain(),
            "best": self._best,
            "owed": self._owed,
            "outcome": self.outcome,
            "corpus": self._subject.sha256,
            "budget": str(self._trainer.budget),
        }
        checkpoint = Checkpoint(
            step=step, model=weights, training=self._trainer.tensors(), state=state
        )
        writer.save(checkpoint, best=self._best.get("step") == step)

    def _write_line(self, more: dict[str, Any]) -> None:
        line = {**self._ledger.line(self._trainer.spent), **more, **self._announce}
        self._announce = {}
        model = self._trainer.model
        if isinstance(model, GrowingModel) and self._stage_is_new():
            news = model.news()
            self._ledger.stage = news["stage"]
            self._progress.note(", ".join(f"{name} {number:,}" for name, number in news.items()))
            line |= news
        self._write(line)

    def _report_spike(self, step: Step) -> None:
        done = "skipped" if step.skipped else "training.skip_spikes=true would skip such steps"
        self._progress.note(f"step {step.number:,}: the loss jumped to {step.loss:.4f}; {done}")

    def _stage_is_new(self) -> bool:
        return stage_of(self._trainer.model) != self._ledger.stage

    def _write(self, line: dict[str, Any]) -> None:
        self._directory.metrics.append(line)
        self._progress.line(line)

    def _draw(self) -> None:
        picture = draw_loss(
            self._directory.metrics.read(),
            title=f"{self._trainer.recipe.model.name} on {self._subject.name}",
            bytes_per_token=self._subject.bytes_per_token,
        )
        self._directory.write_text("loss.svg", picture)

    def _heading(self) -> str:
        parameters = sum(p.numel() for p in self._trainer.model.parameters())
        return (
            f"{self._trainer.recipe.model.name}, {parameters:,} parameters, on "
            f"{self._subject.name} ({self._subject.amount}), {self._trainer.budget}, "
            f"{self._trainer.device}, {str(self._trainer.dtype).removeprefix('torch.')}"
        )


def readable(prompts: Iterable[str], tokenizer: Tokenizer) -> list[str]:
    """The prompts that the tokenizer can read."""
    found = []
    for prompt in prompts:
        try:
            tokenizer.encode(prompt)
        except InputError:
            continue
        found.append(prompt)
    return found


def _quoted(text: str) -> str:
    """The text as a quotation in Markdown, whatever stands in it."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
