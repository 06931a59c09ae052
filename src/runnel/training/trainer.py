"""One optimizer step after another: the part of a run that decides its weights."""

# B sequences, T tokens of a sequence, V vocabulary

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor

from runnel.errors import InputError
from runnel.models.growing import GrowingModel
from runnel.models.model import Model, countable
from runnel.training import growth, randomness
from runnel.training.average import Average
from runnel.training.clipping import clip_to, clip_unread
from runnel.training.compiling import maybe_compiled
from runnel.training.config import Recipe, TrainingConfig
from runnel.training.divergence import diverged
from runnel.training.feed import Placed, feed
from runnel.training.loss import next_token_loss
from runnel.training.memory import refuse_larger_batches, refuse_larger_models
from runnel.training.optimizers import Optimizers
from runnel.training.precision import choose_precision
from runnel.training.saved import numbers
from runnel.training.schedule import Budget, Spent, rate
from runnel.training.spikes import Spikes
from runnel.training.subject import Subject

# So many steps at most are under way before what they measured is read.
_MOST_PENDING = 100


@dataclass(frozen=True)
class Step:
    """What one optimizer step measured."""

    number: int
    """counted from 1"""
    loss: float
    """mean over its tokens (nats/token)"""
    gradient_norm: float
    """before clipping"""
    learning_rate: float
    """of AdamW"""
    spike: bool = False
    """the loss stood far above those before it"""
    skipped: bool = False
    """no weight was moved, because of the spike"""


class _Taken(NamedTuple):
    """A step whose measurements lie on the device, and what it takes to do it again."""

    number: int
    position: dict[str, Any]
    generators: dict[str, Tensor]
    learning_rate: float
    numbers: Tensor
    """the losses of its batches, and the norm of its gradient"""


def waits(training: TrainingConfig, device: torch.device) -> bool:
    """Whether a step is looked at before it moves the weights.

    On a GPU nobody waits for that: the step moves them by nothing if it must not. To leave out
    spikes somebody has to know them.
    """
    return device.type != "cuda" or training.skip_spikes


class Trainer:
    """Weights, moments, running mean, data position and generators, advanced by `step`.

    Everything that the next step depends on is in `tensors` and `plain`, so that a trainer which
    loaded them goes on bit for bit. torch's default generators belong to it.

    Where it does not wait for the device, a loss or gradient that is not finite closes a gate that
    lies there: from that step on nothing moves, until `measured` reads it and raises.
    """

    def __init__(self, recipe: Recipe, subject: Subject, device: torch.device) -> None:
        training = recipe.training
        self.recipe, self.device = recipe, device
        self.waits = waits(training, device)
        """whether `measured` knows a step as soon as it is taken"""
        self.budget = Budget.of(training)
        self.spent, self._spikes = Spent(), Spikes()
        self.dtype = choose_precision(training.precision, device)
        seed = training.seed
        order = randomness.derive(seed, "order")
        # The loader comes first: it says cheaply that a text is too short.
        self.loader = subject.loader(training, order)
        self._feed = feed(self.loader, device)
        refuse_larger_batches(training, subject.tokenizer.vocab_size, device)
        torch.manual_seed(randomness.derive(seed, "weights"))
        self.model = build_model(recipe, device)
        self.model.tokenizer = subject.tokenizer
        if training.recompute:
            recompute_activations(self.model)
        torch.manual_seed(randomness.derive(seed, "dropout"))
        if isinstance(self.model, GrowingModel):
            self.model.begin()
        self._taken: list[_Taken] = []
        self._known: list[Step] = []
        self._open = torch.ones((), dtype=torch.bool, device=device)
        self._follow_parameters()

    def step(self) -> Step:
        """`advance`, and what that step measured."""
        self.advance()
        return self.measured()[-1]

    def advance(self) -> None:
        """Read the batches of one optimizer step and take it, grown before it where that is due.

        No weight changes if loss or gradient is not finite: raises DivergedError if the trainer
        waits, else `measured` does.
        """
        begin = time.perf_counter()
        training = self.recipe.training
        if len(self._taken) >= _MOST_PENDING:
            self._read()
        if growth.is_due(self.model, self.budget, self.spent):
            self._read()
            self._grow()
        position, generators = self._feed.position(), {}
        if not self.waits:
            generators = randomness.state(self.device)
        batches = [next(self._feed) for _ in range(training.accumulate)]
        losses = torch.stack([self._learn(batch) for batch in batches])
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        tokens = sum(batch.tokens_BT.numel() for batch in batches)
        cost = Spent(1, tokens, self.spent.seconds / max(1, self.spent.steps))
        progress = self.budget.progress(self.spent, cost)
        factor = rate(progress, training.schedule, self.spent.steps + 0.5)
        taken = _Taken(
            self.spent.steps + 1,
            position,
            generators,
            training.learning_rate * factor,
            torch.cat([losses, norm.reshape(1)]),
        )
        if self.waits:
            # One transfer for all, because each would wait for the device.
            step = self._judged(taken, taken.numbers.tolist(), batches)
            self._known.append(step)
            clip_to(training.optimizer.clip, step.gradient_norm, gradients)
            if not step.skipped:
                self._move(factor, None)
        else:
            self._taken.append(taken)
            self._open = self._open & torch.isfinite(taken.numbers).all()
            clip_unread(training.optimizer.clip, norm, gradients)
            self._move(factor, self._open)
        for parameter in self._parameters:
            parameter.grad = None
        self.spent = Spent(
            self.spent.steps + 1,
            self.spent.tokens + tokens,
            self.spent.seconds + time.perf_counter() - begin,
        )

    def measured(self) -> list[Step]:
        """What the steps since the last call measured; waits for the device.

        Raises DivergedError at the first whose loss or gradient is not finite.
        """
        begin = time.perf_counter()
        if self._taken:
            self._read()
            seconds = self.spent.seconds + time.perf_counter() - begin
            self.spent = replace(self.spent, seconds=seconds)
        known, self._known = self._known, []
        return known

    @contextmanager
    def keeping(self) -> Iterator[Model[Any]]:
        """The model with the weights that are judged and kept: the running mean if there is one."""
        self.model.eval()
        try:
            mean = self._average.applied() if self._average is not None else nullcontext()
            with growth.merged(self.model), mean:
                yield self.model
        finally:
            self.model.train()

    def weights(self) -> dict[str, Tensor]:
        """The weights that are judged and kept; the running mean's tensors, not copies of them."""
        if isinstance(self.model, GrowingModel):
            with self.keeping() as model:
                copies = deepcopy(dict(model.state_dict(keep_vars=True)))
            return {name: tensor.detach() for name, tensor in copies.items()}
        kept = self._average.state() if self._average is not None else {}
        by_parameter = {id(p): kept[n] for n, p in self.model.named_parameters() if n in kept}
        state = self.model.state_dict(keep_vars=True)
        return {name: by_parameter.get(id(t), t.detach()) for name, t in state.items()}

    def tensors(self) -> dict[str, Tensor]:
        """What else the next step depends on, apart from `plain`."""
        found = {f"optimizer.{n}": t for n, t in self._optimizers.state().items()}
        found |= {f"random.{n}": t for n, t in randomness.state(self.device).items()}
        if self._weights_apart:
            found |= {f"weight.{n}": t for n, t in self.model.state_dict().items()}
        return found

    def plain(self) -> dict[str, Any]:
        """The numbers that go with `tensors`; all steps must have been read."""
        assert not self._taken, "measured() was not called"
        return {
            **asdict(self.spent),
            "loader": self._feed.position(),
            "stage": growth.stage_of(self.model),
            "spikes": self._spikes.plain(),
        }

    @torch.no_grad()
    def load(
        self, weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor], plain: Mapping[str, Any]
    ) -> None:
        """Take what `weights`, `tensors` and `plain` gave; InputError if it does not fit."""
        spent = numbers(Spent, {f.name: plain.get(f.name) for f in fields(Spent)}, "trainer")
        spikes = numbers(Spikes, plain.get("spikes"), "trainer.spikes")
        for _ in range(growth.stages_to(self.model, plain.get("stage"))):
            self._grow()
        with growth.merged(self.model):
            load_weights(self.model, weights)
            if self._average is not None:
                self._average.load_state(dict(self.model.named_parameters()))
        if self._weights_apart:
            load_weights(self.model, _below("weight.", tensors))
        self._optimizers.load_state(_below("optimizer.", tensors))
        randomness.load_state(_below("random.", tensors), self.device)
        self._feed.load_position(plain.get("loader", {}))
        self.spent, self._spikes = spent, spikes

    def _follow_parameters(self) -> None:
        """Make what goes along with the parameters for those that the model has now."""
        training = self.recipe.training
        self._optimizers = Optimizers(self.model, training, self.dtype)
        with growth.merged(self.model):
            self._average = Average(self.model, training.average) if training.average else None
        self._parameters = [p for p in self.model.parameters() if p.requires_grad]
        self._forward = maybe_compiled(self.model, training, self.device)

    def _grow(self) -> None:
        """Let the model enter its next stage; copies of a weight get its moments and its mean."""
        assert isinstance(self.model, GrowingModel)
        moments, means = self._optimizers.state(), self._average
        origins = self.model.grow()
        self._follow_parameters()
        trained = {n: o for n, o in origins.items() if self.model.get_parameter(n).requires_grad}
        self._optimizers.load_state(growth.carried(moments, Optimizers.KINDS, trained))
        if self._average is not None and means is not None:
            self._average.load_state(growth.carried(means.state(), [""], origins))

    @property
    def _weights_apart(self) -> bool:
        """Whether the weights that are trained are others than those that are kept."""
        return self._average is not None or isinstance(self.model, GrowingModel)

    def _learn(self, batch: Placed) -> Tensor:
        """Add a batch's part to the gradients; its loss."""
        loss = next_token_loss(self._forward, *batch, self.dtype)
        (loss / self.recipe.training.accumulate).backward()
        return loss.detach()

    def _move(self, factor: float, gate: Tensor | None) -> None:
        """Let the optimizers and the mean take the gradients in, if the gate is open or none."""
        self._optimizers.step(factor, gate)
        if self._average is not None:
            with growth.merged(self.model):
                self._average.update(self.spent.steps, gate)

    def _read(self) -> None:
        """Wait for the steps under way, and judge them in their order."""
        if not self._taken:
            return
        rows = torch.stack([taken.numbers for taken in self._taken]).tolist()
        steps, self._taken = list(zip(self._taken, rows, strict=True)), []
        self._known += [self._judged(taken, numbers, None) for taken, numbers in steps]

    def _judged(
        self, taken: _Taken, numbers: Sequence[float], batches: list[Placed] | None
    ) -> Step:
        """What a step measured; DivergedError if that is not finite.

        The step's gradients are made again for that unless they are those of the given `batches`.
        """
        *each, gradient_norm = numbers
        loss = sum(each) / len(each)
        if not (isfinite(loss) and isfinite(gradient_norm)):
            batches = batches or self._again(taken)
            bad = next((i for i, x in enumerate(each) if not isfinite(x)), None)
            # Losses that are finite do not say whose gradient is not.
            if bad is None:
                bad = self._bad_gradient(batches)
            read = range(len(batches)) if bad is None else [bad]
            tokens_BT, _, reset_BT = batches[read[0]]
            documents = {n for i in read for n in self._feed.documents(taken.position, i)}
            raise diverged(
                self.model,
                tokens_BT,
                reset_BT,
                step=taken.number,
                loss=each[read[0]],
                position=taken.position,
                documents=sorted(documents),
            )
        training = self.recipe.training
        limit = self._spikes.limit(training.spike)
        self._spikes.add(loss, limit)
        spike = loss > limit
        skipped = spike and training.skip_spikes
        return Step(taken.number, loss, gradient_norm, taken.learning_rate, spike, skipped)

    def _bad_gradient(self, batches: Sequence[Placed]) -> int | None:
        """Which batch's own gradient is not finite; None if only all of them together are not."""
        if len(batches) == 1:
            return 0
        together = [p.grad for p in self._parameters]
        found = None
        for number, batch in enumerate(batches):
            for parameter in self._parameters:
                parameter.grad = None
            self._learn(batch)
            own = [p.grad for p in self._parameters if p.grad is not None]
            if not bool(torch.isfinite(torch.nn.utils.get_total_norm(own))):
                found = number
                break
        for parameter, gradient in zip(self._parameters, together, strict=True):
            parameter.grad = gradient
        return found

    def _again(self, taken: _Taken) -> list[Placed]:
        """A step's gradients, for those after it took their place; its batches.

        The weights have not moved since, the generators stand as they stood then.
        """
        for parameter in self._parameters:
            parameter.grad = None
        self._feed.load_position(taken.position)
        randomness.load_state(taken.generators, self.device)
        batches = [next(self._feed) for _ in range(self.recipe.training.accumulate)]
        for batch in batches:
            self._learn(batch)
        return batches


def build_model(recipe: Recipe, device: torch.device) -> Model[Any]:
    """A fresh model in training mode; InputError for dimensions that cannot be."""
    try:
        with countable(), refuse_larger_models(recipe.model, device):
            return recipe.model.build().to(device).train()
    except ValueError as error:
        raise InputError(str(error)) from error


def recompute_activations(model: Model[Any]) -> None:
    """Let a model compute its blocks again in the backward pass; InputError if it cannot."""
    if model.recompute is None:
        raise InputError(
            f"expected a model that can recompute its blocks; got {model.config.name}; leave out "
            "training.recompute"
        )
    model.recompute = True


def load_weights(model: Model[Any], weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a model; InputError where names or shapes are not the model's."""
    own = model.state_dict()
    for name in sorted(own.keys() ^ weights.keys()):
        there = "surplus" if name in weights else "missing"
        raise InputError(
            f"expected the weights of this model in the checkpoint; {name} is {there}; "
            "resume with the configuration that wrote it"
        )
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape:
            raise InputError(
                f"expected {name} of shape {tuple(tensor.shape)}; got "
                f"{tuple(weights[name].shape)} in the checkpoint; "
                "resume with the configuration that wrote it"
            )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
