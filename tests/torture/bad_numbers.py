"""NaN and Inf in data, loss or gradient: exit 3, named, not taken in, no good checkpoint lost.

A run saves at every second step. At some step something goes bad: the embeddings of some tokens (so
that the batch that reads them is bad), the loss of a batch, or a gradient. The message must name
the step, the documents of that batch, and the first layer or tensor; what was saved before must
still be there, and the run goes on from it to the same end once nothing is bad any more.
"""

import math
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, final

import pytest
import torch
from torch import Tensor, nn

from runnel.errors import DivergedError, tell_error
from runnel.storage import checkpoint as checkpoints
from runnel.training import Recipe, randomness, train
from runnel.training.divergence import _listed
from runnel.training.loss import next_token_loss
from runnel.training.subject import open_subject
from runnel.training.trainer import Trainer
from torture import child, tiny
from torture.bench import Bench, Part
from torture.essence import differences

STEPS, INTERVAL = 10, 2
KINDS = ("data", "loss", "gradient")
_BAD = (math.nan, math.inf, -math.inf)
_LINE = re.compile(
    r"error: training diverged at step (?P<step>\d+): expected finite numbers; got a loss of "
    r"(?P<loss>\S+) and (?P<first>[^;]+); documents (?P<documents>[^;]+) of the training text; "
    r"batch at [^;]+; the last good checkpoint is kept; [^\n]+\n"
)


class Plan(NamedTuple):
    """What goes bad, where and when."""

    kind: str
    step: int
    batch: int
    """which of the step's batches, from 0"""
    value: float
    draw: int


@final
class Broken:
    """A trainer's method that counts its batches, and spoils one."""

    def __init__(self, plan: Plan, batches: int) -> None:
        self._plan, self._at = plan, (plan.step - 1) * batches + plan.batch
        self._seen, self._bad = 0, None
        self.said = ""
        """what the error must name as the first"""

    def learn(self, real: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """In the place of Trainer._learn."""

        def learn(trainer: Trainer, batch: Any) -> Tensor:
            if self._bad is None:
                self._bad = batch if self._seen == self._at else None
                self._seen += 1
            # The same batch stays bad when it is read again to see where that came from.
            if batch is not self._bad:
                return real(trainer, batch)
            weights = [(n, p) for n, p in trainer.model.named_parameters() if p.requires_grad]
            if self._plan.kind == "data":
                return self._with_bad_token(trainer, batch, real)
            if self._plan.kind == "gradient":
                name, weight = random.Random(self._plan.draw).choice(weights)
                hook = weight.register_hook(lambda gradient: gradient + self._plan.value)
                self.said = f"NaN or Inf in the gradient of {name}"
                try:
                    return real(trainer, batch)
                finally:
                    hook.remove()
            # The last weight's gradient is the first that a bad loss reaches.
            self.said = f"NaN or Inf in the gradient of {weights[-1][0]}"
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("runnel.training.trainer.next_token_loss", self._bad_loss)
                return real(trainer, batch)

        return learn

    def _bad_loss(self, *arguments: Any) -> Tensor:
        loss: Tensor = next_token_loss(*arguments) * self._plan.value
        return loss

    def _with_bad_token(self, trainer: Trainer, batch: Any, real: Callable[..., Tensor]) -> Tensor:
        """The embedding of a token of this batch is bad, as if the data had said so."""
        name, table = next((n, m) for n, m in trainer.model.named_modules() if _is_table(m))
        token = batch.tokens_BT.flatten()[self._plan.draw % batch.tokens_BT.numel()]

        def spoil(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            return torch.where((inputs[0] == token).unsqueeze(-1), self._plan.value, output)

        self.said = f"NaN or Inf first in the output of {name}"
        # It stays, for who is to say what went bad first reads the batch once more.
        table.register_forward_hook(spoil)
        return real(trainer, batch)


def _is_table(module: nn.Module) -> bool:
    return isinstance(module, nn.Embedding)


def _documents(recipe: Recipe, plan: Plan) -> str:
    """The documents of that batch, from a loader that only counts."""
    subject = open_subject(recipe)
    loader = subject.loader(recipe.training, randomness.derive(recipe.training.seed, "order"))
    for _ in range((plan.step - 1) * recipe.training.accumulate):
        next(loader)
    return _listed(loader.documents(loader.position(), plan.batch))


def _train(recipe: Recipe, out: Path, plan: Plan | None) -> int:
    broken = Broken(plan, recipe.training.accumulate) if plan is not None else None
    with pytest.MonkeyPatch.context() as patch:
        if broken is not None:
            patch.setattr(Trainer, "_learn", broken.learn(Trainer._learn))
        try:
            train(recipe, out, device="cpu", quiet=True)
        except DivergedError as error:
            code = tell_error(error)
            assert broken is not None
            print(broken.said)
            return code
    return 0


def run(bench: Bench) -> None:
    """One undisturbed run of each sort, then others that go bad."""
    text = tiny.write_text(bench.folder / "text.txt")
    sorts: dict[tuple[int, float], tuple[Recipe, Path]] = {}
    with tiny.quickly(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        for number in range(bench.size(20, 200)):
            dice = bench.dice("nan", number)
            sort = (dice.choice([1, 2]), dice.choice([0.0, 0.9]))
            if sort not in sorts:
                recipe = tiny.recipe(
                    text,
                    steps=STEPS,
                    save_every=INTERVAL,
                    evaluate_every=0,
                    accumulate=sort[0],
                    average=sort[1],
                    seed=bench.seed,
                )
                whole = bench.folder / f"whole-{len(sorts)}"
                code = child.run(lambda: _train(recipe, whole, None))  # noqa: B023
                bench.check(code == 0, f"the undisturbed run: {code}")
                sorts[sort] = recipe, whole
            recipe, whole = sorts[sort]
            kind = KINDS[number % 3]
            step, value = dice.randint(1, STEPS), dice.choice(_BAD)
            plan = Plan(kind, step, dice.randrange(sort[0]), value, dice.randrange(1000))
            what = f"trial {number}, {value} in the {kind} of step {step}, batch {plan.batch}"
            with bench.trial(what):
                _try(bench, what, recipe, whole, plan)
            shutil.rmtree(bench.folder / "out", ignore_errors=True)
            bench.counts[kind] += 1


def _try(bench: Bench, what: str, recipe: Recipe, whole: Path, plan: Plan) -> None:
    out = bench.folder / "out"
    said = child.measured(lambda: _train(recipe, out, plan))
    bench.check(
        said.code == DivergedError.exit_code, f"{what}: status {said.code}: {said.error[-400:]}"
    )
    found = _LINE.fullmatch(said.error)
    if bench.check(found is not None, f"{what}: said {said.error[-600:]}") and found is not None:
        bench.check(int(found["step"]) == plan.step, f"{what}: named step {found['step']}")
        first = said.out.strip()
        bench.check(found["first"] == first, f"{what}: named {found['first']}, not {first}")
        documents = _documents(recipe, plan)
        named = found["documents"]
        bench.check(named == documents, f"{what}: named documents {named}, not {documents}")
    kept = [path.name for path in checkpoints.find(out / "checkpoints")]
    saved = [checkpoints.directory_name(s) for s in range(INTERVAL, plan.step, INTERVAL)]
    bench.check(kept == saved[::-1][:2], f"{what}: kept {kept} of {saved}")
    for path in checkpoints.find(out / "checkpoints"):
        tensors = checkpoints.read(path).model.values()
        bench.check(all(bool(torch.isfinite(t).all()) for t in tensors), f"{what}: {path.name}")
    again = child.measured(lambda: _train(recipe, out, None))
    bench.check(again.code == 0, f"{what}: then status {again.code}: {again.error[-300:]}")
    wrong = differences(whole, out)
    bench.check(not wrong, f"{what}: {', '.join(wrong)}")


PART = Part(
    "nan",
    "NaN or Inf in data, loss or gradient: exit 3, named, nothing taken in, nothing lost",
    run,
)
