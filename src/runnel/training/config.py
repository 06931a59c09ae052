"""A run as a value: what is trained, on what, and how."""

import math
import re
from dataclasses import dataclass, field
from typing import Literal

from runnel.data.config import DataConfig
from runnel.errors import InputError
from runnel.models.model import ModelConfig
from runnel.tasks import TrainableTask

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Interval:
    """How often something happens: every N steps, or every so many seconds of training."""

    steps: int | None
    seconds: float | None

    @classmethod
    def parse(cls, every: int | str) -> "Interval":
        """500 is steps; "60s", "5m" and "2h" are durations; 0 is never."""
        if isinstance(every, int) and every >= 0:
            return cls(every or None, None)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", str(every))
        if match is None or float(match[1]) == 0:
            raise InputError(
                f'expected a number of steps or a duration such as "60s"; got {every!r}'
            )
        return cls(None, float(match[1]) * _SECONDS[match[2]])


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW for all weights, or Muon for the blocks' matrices and AdamW for the rest."""

    kind: Literal["adamw", "muon"] = "adamw"
    """muon: orthogonalised momentum for the blocks' matrices (Jordan et al. 2024)"""
    matrix_learning_rate: float = 1.2e-2
    """peak learning rate of Muon's matrices"""
    betas: tuple[float, float] = (0.9, 0.95)
    """decay of AdamW's two moments"""
    momentum: float = 0.95
    """Muon's momentum"""
    weight_decay: float = 0.1
    """decoupled, on AdamW's matrices only"""
    matrix_weight_decay: float = 0.05
    """decoupled, on Muon's matrices"""
    clip: float = 1.0
    """gradients are scaled down to this norm; 0: never"""

    def __post_init__(self) -> None:
        for name in ("clip", "weight_decay", "matrix_weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(
                    f"training.optimizer.{name} must be finite and not negative; got "
                    f"{getattr(self, name)}; 0 turns it off"
                )
        if not all(0 <= decay < 1 for decay in (*self.betas, self.momentum)):
            raise InputError(
                f"training.optimizer wants betas and momentum in [0, 1); got {self.betas} and "
                f"{self.momentum}"
            )


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The learning rate against the budget: up over the warm-up, level, then down."""

    shape: Literal["constant", "linear", "cosine", "inverse-sqrt"] = "cosine"
    """how the rate falls after the level part; inverse-sqrt: as 1 / sqrt(step), whatever the end"""
    warmup: float = 0.02
    """part of the budget over which the rate rises (fraction)"""
    warmup_steps: int | None = None
    """optimizer steps over which the rate rises; none: the fraction `warmup`"""
    level: float = 0.0
    """part of the budget after the warm-up at the peak rate (fraction)"""
    final: float = 0.0
    """the last rate, as a fraction of the peak"""

    def __post_init__(self) -> None:
        parts = (self.warmup, self.level, self.final)
        if not (min(parts) >= 0 and self.warmup + self.level <= 1 and self.final <= 1):
            raise InputError(
                "schedule wants fractions with warmup + level <= 1 and final <= 1; got "
                f"warmup={self.warmup}, level={self.level}, final={self.final}"
            )
        if self.warmup_steps is not None and self.warmup_steps < 0:
            raise InputError(f"schedule wants warmup_steps of at least 0; got {self.warmup_steps}")
        rising = self.warmup if self.warmup_steps is None else self.warmup_steps
        if self.shape == "inverse-sqrt" and not rising + self.level:
            raise InputError(
                "an inverse-sqrt schedule falls from the end of its warm-up; got none; "
                "set schedule.warmup_steps, 8000 say"
            )


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The budget, the batches and the rates."""

    steps: int | None = None
    """budget in optimizer steps"""
    tokens: int | None = None
    """budget in tokens read"""
    minutes: float | None = None
    """budget in minutes of training steps (evaluating, sampling, saving not counted)"""
    batch: int = 16
    """sequences in a batch"""
    length: int = 256
    """tokens in a sequence"""
    accumulate: int = 1
    """batches whose gradients are averaged into one optimizer step; all are held at once"""
    learning_rate: float = 4e-3
    """peak learning rate of AdamW"""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """what turns gradients into steps"""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """the learning rate against the budget"""
    average: float = 0.0
    """weights are judged and kept as their running mean with this decay a step; 0: as they are"""
    spike: float = 6.0
    """losses so many standard deviations above their running mean are reported; 0: never"""
    skip_spikes: bool = False
    """leave the weights as they are at such a step, and go on with the next; on a GPU each step is
    then waited for"""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where the hardware multiplies it faster, else float32"""
    compile: Literal["auto", "never", "always"] = "auto"
    """through torch.compile: auto: on a GPU, unless the budget is under ten minutes"""
    deterministic: bool = False
    """a GPU's kernels repeat to the bit, so that a resumed run equals an undisturbed one, as on a
    CPU it always does; slower"""
    recompute: bool = False
    """keep only the blocks' inputs for the backward pass: half the memory, a third more time"""
    log_every: int | str = 10
    """steps, or a duration such as "5s", between lines of metrics"""
    evaluate_every: int | str = "60s"
    """steps, or a duration of training such as "60s", between evaluations"""
    evaluate_tokens: int = 200_000
    """validation tokens read at each evaluation but the last"""
    judge_tokens: int | None = None
    """validation tokens that the last evaluation reads; none: all"""
    save_every: int | str = "60s"
    """steps, or a duration of training such as "60s", between checkpoints"""
    seed: int = 0
    """seed of weights, order and dropout"""

    def __post_init__(self) -> None:
        if sum(b is not None for b in (self.steps, self.tokens, self.minutes)) != 1:
            raise InputError(
                "expected one budget of training.steps, training.tokens and training.minutes; got "
                f"steps={self.steps}, tokens={self.tokens}, minutes={self.minutes}"
            )
        budget = self.steps or self.tokens or self.minutes or 0
        if budget <= 0 or not math.isfinite(budget):
            raise InputError(f"the budget must be positive; got {budget}")
        for name in ("batch", "length", "accumulate", "evaluate_tokens"):
            if getattr(self, name) < 1:
                raise InputError(f"training.{name} must be at least 1; got {getattr(self, name)}")
        if self.judge_tokens is not None and self.judge_tokens < 1:
            raise InputError(
                f"training.judge_tokens must be at least 1, or none; got {self.judge_tokens}"
            )
        for name in ("log_every", "evaluate_every", "save_every"):
            Interval.parse(getattr(self, name))
        if not 0 <= self.spike < math.inf:
            raise InputError(f"training.spike must be finite and not negative; got {self.spike}")
        if self.deterministic and self.compile == "always":
            raise InputError(
                "training.deterministic wants kernels that are not chosen by their times; got "
                "training.compile=always; leave one of them out"
            )
        if not 0 <= self.average < 1:
            raise InputError(f"training.average must lie in [0, 1); got {self.average}")
        rates = (self.learning_rate, self.optimizer.matrix_learning_rate)
        if not all(0 < rate < math.inf for rate in rates):
            raise InputError(
                "training.learning_rate and training.optimizer.matrix_learning_rate must be "
                f"positive; got {rates[0]} and {rates[1]}"
            )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole run: the model, the data and the training."""

    model: ModelConfig
    """the architecture"""
    data: DataConfig = field(default_factory=DataConfig)
    """what is read"""
    task: TrainableTask | None = None
    """a task to train on in the place of text; none: text"""
    training: TrainingConfig
    """the budget, the batches and the rates"""
    prompts: tuple[str, ...] = ("Once upon a time",)
    """what samples are written from at each evaluation"""
