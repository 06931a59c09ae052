"""One run of a comparison in a process of its own: trains, measures, leaves its result.

`python -m runnel.reports.worker OUT RECIPE SEED` is what `runnel compare` starts for each run, so
that peak memory is that of one recipe and a crash takes nothing else along.
"""

import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, final

from runnel import files, strict_json
from runnel.configuration import from_plain
from runnel.data import open_corpus
from runnel.errors import KNOWN, InputError, tell_error
from runnel.inference.evaluate import CARRIED
from runnel.reports import measure
from runnel.reports.guests import judged_guest
from runnel.reports.memory import PeakMemory
from runnel.reports.plan import read_plan
from runnel.reports.results import Comparison, Entry, Run
from runnel.reports.store import run_directory, write_run
from runnel.storage.load import load_model
from runnel.storage.run import RunDirectory
from runnel.training import Progress, Recipe, train
from runnel.training.precision import choose_device
from runnel.training.progress import seconds_left
from runnel.training.run import readable
from runnel.training.schedule import Budget, Spent

_EVERY = 0.25


@final
class Telling(Progress):
    """Tells the parent, in lines of JSON, how far the run is, and watches its memory."""

    def __init__(self, memory: PeakMemory) -> None:
        self._memory = memory
        self._budget: Budget | None = None
        self._told = 0.0

    def start(self, heading: str, budget: Budget, measure: str = "bits_per_byte") -> None:
        """See `Progress`."""
        self._budget = budget
        self._memory.start()

    def step(self, spent: Spent) -> None:
        """See `Progress`."""
        if time.monotonic() - self._told >= _EVERY:
            assert self._budget is not None
            self._told = time.monotonic()
            done = min(1.0, self._budget.used(spent) / self._budget.total)
            tell({"done": done, "left": seconds_left(self._budget, spent)})

    def evaluating(self) -> None:
        """See `Progress`."""

    def line(self, line: dict[str, Any]) -> None:
        """See `Progress`."""
        if "bits_per_byte" in line:
            tell({"bits_per_byte": line["bits_per_byte"]})

    def sample(self, text: str) -> None:
        """See `Progress`."""

    def note(self, text: str) -> None:
        """See `Progress`."""
        sys.stderr.write(text + "\n")

    def stop(self) -> None:
        """See `Progress`."""
        self._memory.stop()


def tell(event: dict[str, Any]) -> None:
    """One line to the parent; without one, save and stop as at a signal."""
    try:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the rest of the process
        os.kill(os.getpid(), signal.SIGTERM)


def work(out: Path, name: str, seed: int) -> int:
    """Train and measure; the exit code is that of the command line."""
    plan = read_plan(out)
    entry = next((e for e in plan.entries if e.name == name), None) if plan else None
    if plan is None or entry is None:
        raise InputError(f"expected a comparison with {name} in {out}; got none")
    if not entry.trained:
        tell({"measuring": True})
        first = next(e for e in plan.entries if e.trained)
        write_run(out, name, judged_guest(plan, entry, from_plain(Recipe, first.recipe)))
        return 0
    recipe = from_plain(Recipe, entry.recipe)
    training = dataclasses.replace(recipe.training, seed=seed)
    recipe = dataclasses.replace(recipe, training=training)
    path = run_directory(out, name, seed)
    memory = PeakMemory(choose_device(plan.device))
    # Samples are written once, at the end: at each evaluation they would cost more than the steps.
    silent = dataclasses.replace(recipe, prompts=())
    result = train(silent, path, device=plan.device, progress=Telling(memory))
    if result.interrupted_by:
        return 128 + result.interrupted_by
    notes = out / "runs" / f"{path.name}.memory.json"
    if memory.peak is not None:
        # Measuring may be interrupted, and the peak cannot be had again.
        held = {"peak": memory.peak, "start": memory.at_start}
        files.write_durably(notes, strict_json.render(held))
    held = strict_json.parse(files.read_regular(notes, 4096), notes.name) if notes.exists() else {}
    tell({"measuring": True})
    run = measured(plan, entry, recipe, path)
    rate = run.tokens_per_second
    write_run(
        out,
        name,
        dataclasses.replace(
            run,
            steps=result.steps,
            tokens=result.tokens,
            seconds=result.seconds,
            bits_per_byte=result.bits_per_byte,
            nats_per_token=result.validation_loss,
            seconds_per_batch=plan.conditions.batch_tokens / rate if rate else None,
            peak_bytes=held.get("peak"),
            start_bytes=held.get("start"),
        ),
    )
    return 0


def measured(plan: Comparison, entry: Entry, recipe: Recipe, path: Path) -> Run:
    """What the run left behind and what its model does."""
    model = load_model(path).to(choose_device(plan.device))
    corpus = open_corpus(recipe.data)
    tokens_N = measure.judged(corpus.validation.tokens_N, recipe.training.judge_tokens)
    tokenizer = corpus.tokenizer
    lines = RunDirectory.open(path).metrics.read()
    seed, first = recipe.training.seed, recipe.training.seed == plan.seeds[0]
    found = Run(
        seed=seed,
        status="finished",
        validation_tokens=len(tokens_N) - 1,
        validation_sha256=measure.fingerprint(tokens_N),
        tokenizer_sha256=files.sha256(strict_json.render(tokenizer.to_plain())),
        protocol=CARRIED,
        tokens_per_second=measure.speed(lines),
        curve=measure.curve(lines),
        by_position=measure.by_position(model, tokens_N, tokenizer, recipe.training.length),
        decode_tokens_per_second=measure.decode_tokens_per_second(model),
        recall=measure.recall(model, recipe.data.source),
    )
    if not first:
        return found
    # What the seed does not change, or is for people to read, is taken from the first one.
    return dataclasses.replace(
        found,
        state_bytes=measure.state_bytes(model, tokens_N),
        samples=measure.samples(model, readable(recipe.prompts, tokenizer) or [""], 0),
    )


def main(arguments: list[str]) -> int:
    """The exit codes of the command line, one line on standard error for a known failure."""
    out, name, seed = Path(arguments[0]), arguments[1], int(arguments[2])
    try:
        return work(out, name, seed)
    except KNOWN as error:
        return tell_error(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
