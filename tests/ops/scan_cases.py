"""Every recurrence with inputs to try it on, and the reference's answers in float64."""

# B batch, T time, E inner width

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from runnel.ops import _reference

Result = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Case:
    """An op, one way to call it, and the kinds of number that it takes."""

    name: str
    op: str
    inputs: tuple[str, ...]  # float inputs over (B, T, E), in order
    complex: tuple[str, ...] = ()  # those of them that are complex
    channels: tuple[str, ...] = ()  # float inputs over (E)
    reverse: bool = False
    bfloat16: bool = True

    @property
    def complex_state(self) -> bool:
        """Whether the state is complex."""
        return bool(self.complex)

    def call(self, module: ModuleType, x: dict[str, Tensor], reset_BT: Tensor | None) -> Result:
        """Runs the op of a backend, or of the door, on inputs by name."""
        arguments: dict[str, Any] = {name: x[name] for name in self.inputs + self.channels}
        if self.op == "hgru_scan":
            arguments.setdefault("theta_E", None)
        if self.reverse:
            arguments["reverse"] = True
        function: Callable[..., Result] = getattr(module, self.op)
        return function(**arguments, initial_BE=x.get("initial_BE"), reset_BT=reset_BT)


CASES = {
    case.name: case
    for case in (
        Case("linear", "linear_scan", ("decay_BTE", "input_BTE")),
        Case("linear-reverse", "linear_scan", ("decay_BTE", "input_BTE"), reverse=True),
        Case(
            "linear-complex",
            "linear_scan",
            ("decay_BTE", "input_BTE"),
            complex=("decay_BTE", "input_BTE"),
            reverse=True,
            bfloat16=False,
        ),
        Case(
            "linear-real-complex",
            "linear_scan",
            ("decay_BTE", "input_BTE"),
            complex=("input_BTE",),
            bfloat16=False,
        ),
        Case("mingru", "mingru_scan", ("gate_BTE", "candidate_BTE")),
        Case("minlstm", "minlstm_scan", ("forget_BTE", "input_BTE", "candidate_BTE")),
        Case("hgru", "hgru_scan", ("forget_BTE", "candidate_BTE"), channels=("lower_bound_E",)),
        Case(
            "hgru-rotated",
            "hgru_scan",
            ("forget_BTE", "candidate_BTE"),
            complex=("candidate_BTE",),
            channels=("lower_bound_E", "theta_E"),
        ),
    )
}

GATES = {"gate_BTE", "forget_BTE"}


@dataclass(frozen=True)
class Trial:
    """The size, dtype and contents of one call."""

    case: str
    batch: int
    length: int
    width: int
    dtype: torch.dtype
    seed: int
    drive: float = 2.0  # how far gates go before their sigmoid
    reset_share: float = 0.05

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def inputs(self) -> tuple[dict[str, Tensor], Tensor]:
        """Float inputs by name, and resets; float64 holds what float32 holds."""
        case, generator = CASES[self.case], self.generator()
        shape = (self.batch, self.length, self.width)
        real = self.dtype
        wide = torch.float32 if real is torch.bfloat16 else real

        def normal(*sizes: int, is_complex: bool = False) -> Tensor:
            dtype = torch.complex64 if is_complex else torch.float32
            return torch.randn(*sizes, dtype=dtype, generator=generator)

        x: dict[str, Tensor] = {}
        for name in case.inputs:
            value = normal(*shape, is_complex=name in case.complex)
            if name == "decay_BTE":
                value = value / value.abs().clamp_min(1e-3) * self._decay(value.abs())
            elif name in GATES or (case.op == "minlstm_scan" and name == "input_BTE"):
                value = value * self.drive
            x[name] = value.to(wide.to_complex() if value.is_complex() else real)
        for name in case.channels:
            x[name] = torch.rand(self.width, generator=generator).to(wide)
        state = wide.to_complex() if case.complex_state else wide
        x["initial_BE"] = normal(self.batch, self.width, is_complex=case.complex_state).to(state)
        reset_BT = torch.rand(shape[:2], generator=generator) < self.reset_share
        return x, reset_BT

    def _decay(self, magnitude: Tensor) -> Tensor:
        # Mostly long memories, a few at exactly one and some near nothing.
        return torch.where(magnitude > 2.0, 1.0, 1 - torch.exp(-4 * magnitude))

    def weights(self) -> tuple[Tensor, Tensor]:
        """What a loss multiplies states and last state by."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        dtype = torch.complex128 if CASES[self.case].complex_state else torch.float64
        states = torch.randn(self.batch, self.length, self.width, dtype=dtype, generator=generator)
        return states, torch.randn(self.batch, self.width, dtype=dtype, generator=generator)


def results(
    module: ModuleType,
    trial: Trial,
    change: Callable[[Tensor], Tensor] = lambda x: x,
) -> dict[str, Tensor]:
    """States, last state and every gradient, by name; `change` is done to all inputs before."""
    x, reset_BT = trial.inputs()
    leaves = {name: value.clone().requires_grad_() for name, value in x.items()}
    changed = {name: change(value) for name, value in leaves.items()}
    case = CASES[trial.case]
    states, last = case.call(module, changed, change(reset_BT))
    return {"states": states.detach().cpu(), "last": last.detach().cpu()} | dict(
        _gradients(trial, leaves, states, last)
    )


def _gradients(
    trial: Trial, leaves: dict[str, Tensor], states: Tensor, last: Tensor
) -> Iterator[tuple[str, Tensor]]:
    for_states, for_last = trial.weights()
    grads = torch.autograd.grad(
        (states, last),
        list(leaves.values()),
        (for_states.to(states), for_last.to(last)),
        allow_unused=True,
        materialize_grads=True,
    )
    for name, grad in zip(leaves, grads, strict=True):
        assert grad.dtype == leaves[name].dtype, name
        yield f"gradient of {name}", grad


def expected(trial: Trial) -> dict[str, Tensor]:
    """The reference's results in float64, from the inputs as the trial's dtype rounds them."""
    if trial.dtype is torch.float32:
        trial = replace(trial, dtype=torch.float64)
    return _expected(trial)


@cache
def _expected(trial: Trial) -> dict[str, Tensor]:
    return results(_reference, trial, _widen)


def _widen(x: Tensor) -> Tensor:
    if x.dtype is torch.bool:
        return x
    return x.to(torch.complex128 if x.is_complex() else torch.float64)
