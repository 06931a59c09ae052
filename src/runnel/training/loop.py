"""Training: from a recipe to a run directory, and on from where an earlier call stopped."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runnel.allocator import keep_freed_memory
from runnel.configuration import from_plain, to_plain
from runnel.errors import InputError
from runnel.storage.checkpoint import Checkpoint
from runnel.storage.run import RunDirectory, holds_run
from runnel.training import randomness
from runnel.training.config import Recipe
from runnel.training.determinism import deterministic
from runnel.training.precision import choose_device
from runnel.training.progress import Progress, choose_progress
from runnel.training.resume import check_same_run
from runnel.training.run import Run
from runnel.training.signals import Signals
from runnel.training.subject import Subject, open_subject
from runnel.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended."""

    path: Path
    """the run directory"""
    steps: int
    tokens: int
    seconds: float
    """of training steps"""
    validation_loss: float | None
    """of the published weights on all validation text (nats/token); none if interrupted"""
    bits_per_byte: float | None
    """none for a task"""
    accuracy: float | None
    """part of a task's answers that are right; none for text"""
    best_step: int | None
    """the step whose weights are published"""
    interrupted_by: int | None
    """the number of the signal that ended the run early, after it had saved"""
    already_finished: bool
    """there was nothing left to do"""


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    resume: Literal["auto", "never", "must"] = "auto",
    device: str = "auto",
    quiet: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Train `recipe` into the run directory `out` until its budget is spent.

    A run that `out` already holds is resumed if its configuration is the same but for a shorter
    budget; `resume` says whether there may be one (auto), must be none (never) or must be one
    (must). On a CPU, and on a GPU with `training.deterministic`, a resumed run with a budget in
    steps or tokens ends with the same bits as an undisturbed one. Raises InputError before
    anything is written, DivergedError at the first loss or gradient that is not finite, DiskError
    when saving fails; the last good checkpoint stays in each case.
    """
    if resume not in ("auto", "never", "must"):
        raise InputError(f"expected resume to be auto, never or must; got {resume!r}")
    out = Path(out)
    place = choose_device(device)
    _check_directory(out, resume)
    if place.type == "cpu":
        keep_freed_memory()
    subject = open_subject(recipe)
    recipe = resolve(recipe, subject)
    shown = progress if progress is not None else choose_progress(quiet)
    signals = Signals()
    repeats = deterministic(recipe.training.deterministic, place)
    with repeats, randomness.own_generators(place), signals.watch():
        trainer = Trainer(recipe, subject, place)
        directory, checkpoint, longer = _open(out, recipe, subject, resume, shown)
        with directory:
            run = Run(trainer, subject, directory, shown, signals)
            finished = checkpoint is not None and run.restore(checkpoint, longer)
            if checkpoint is None:
                run.begin()
            if not finished:
                if checkpoint is not None:
                    shown.note(f"resumed after {trainer.spent.steps:,} steps")
                try:
                    run.train()
                finally:
                    shown.stop()
            else:
                run.publish()
                shown.note(f"{out} is finished: {trainer.budget} are spent; nothing to do")
        outcome = run.outcome or {}
        return Result(
            path=out,
            steps=trainer.spent.steps,
            tokens=trainer.spent.tokens,
            seconds=trainer.spent.seconds,
            validation_loss=outcome.get("validation_loss"),
            bits_per_byte=outcome.get("bits_per_byte"),
            accuracy=outcome.get("accuracy"),
            best_step=run.best_step,
            interrupted_by=None if run.outcome else signals.received,
            already_finished=finished,
        )


def resolve(recipe: Recipe, subject: Subject) -> Recipe:
    """The recipe with its model's vocabulary and its data made those of the subject as it is.

    A task says how long its sequences are.
    """
    size = subject.tokenizer.vocab_size
    try:
        model = dataclasses.replace(recipe.model, vocab_size=size)
    except ValueError as error:
        raise InputError(str(error)) from error
    training = recipe.training
    if recipe.task is not None:
        training = dataclasses.replace(training, length=recipe.task.longest())
    data = subject.data or recipe.data
    return dataclasses.replace(recipe, model=model, data=data, training=training)


def _check_directory(out: Path, resume: str) -> None:
    """Refuse early, before minutes go into reading a corpus, what would be refused later."""
    there = holds_run(out)
    if resume == "never" and there:
        raise InputError(
            f"expected an --out without a run, because of --resume never; got {out}, which holds "
            "one; choose another, or --resume auto to resume it"
        )
    if resume == "must" and not there:
        raise InputError(
            f"expected a run to resume in {out}; there is none; use --resume auto to start one"
        )


def _open(
    out: Path, recipe: Recipe, subject: Subject, resume: str, shown: Progress
) -> tuple[RunDirectory, Checkpoint | None, bool]:
    """The locked run directory, what to go on from, and whether the budget is a longer one."""
    if not holds_run(out):
        created = RunDirectory.create(out, to_plain(recipe), subject.tokenizer.to_plain())
        return created, None, False
    directory = RunDirectory.open(out)
    directory.lock()
    try:
        saved = from_plain(Recipe, directory.config())
        longer = check_same_run(saved, recipe, str(out))
        checkpoint, skipped = directory.find_resumable(resume == "must")
        for reason in skipped:
            shown.note(f"skipped a damaged checkpoint: {reason}")
        if checkpoint is not None and checkpoint.state.get("corpus") != subject.sha256:
            raise InputError(
                f"expected the text that the run in {out} was trained on; it has changed since; "
                "restore it, or choose another --out"
            )
        if longer:
            directory.write_config(to_plain(recipe))
        return directory, checkpoint, longer
    except BaseException:
        directory.close()
        raise
