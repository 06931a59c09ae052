"""A numerical self-test of every backend: fresh random inputs against the reference in float64."""

# B batch, T time, E inner width

from typing import NamedTuple

import torch
from torch import Tensor

from runnel import ops

_SHAPE = (3, 257, 33)
_TOLERANCE = 1e-4


class Outcome(NamedTuple):
    """How one op of one backend fared."""

    backend: str
    op: str
    error: float
    """largest difference from the float64 reference, relative to its largest value; NaN counts"""

    @property
    def passed(self) -> bool:
        """Whether the error is that of float32 arithmetic."""
        return self.error < _TOLERANCE


def run(backend: str, device: str = "cpu") -> list[Outcome]:
    """Test values and gradients of every op of a backend on a device, with resets and a state."""
    outcomes = []
    for op in ("linear_scan", "mingru_scan", "minlstm_scan", "hgru_scan"):
        inputs = _inputs(op)
        wanted = _values_and_gradients("reference", op, [x.double() for x in inputs], "cpu")
        found = _values_and_gradients(backend, op, [x.float() for x in inputs], device)
        errors = [
            ((f.double().cpu() - w).abs().max() / w.abs().max()).nan_to_num(torch.inf).item()
            for f, w in zip(found, wanted, strict=True)
        ]
        outcomes.append(Outcome(backend, op, max(errors)))
    return outcomes


def _inputs(op: str) -> list[Tensor]:
    batch, _, inner = _SHAPE
    sequences = {"linear_scan": 2, "mingru_scan": 2, "minlstm_scan": 3, "hgru_scan": 2}[op]
    inputs = [torch.randn(_SHAPE) for _ in range(sequences)]
    if op == "linear_scan":
        inputs[0] = torch.sigmoid(inputs[0])
    if op == "hgru_scan":
        inputs.append(torch.rand(inner))
    return [*inputs, torch.randn(batch, inner)]


def _values_and_gradients(
    backend: str, op: str, inputs: list[Tensor], device: str
) -> tuple[Tensor, ...]:
    leaves = [x.to(device).requires_grad_(True) for x in inputs]
    *sequences, initial_BE = leaves
    reset_BT = torch.zeros(_SHAPE[:2], dtype=torch.bool, device=device)
    reset_BT[0, 5] = reset_BT[2, 100] = True
    theta = (None,) if op == "hgru_scan" else ()
    run_op = getattr(ops.BACKENDS[backend], op)
    states, last = run_op(*sequences, *theta, initial_BE, reset_BT)
    weight = torch.linspace(-1, 1, states.numel(), dtype=states.dtype, device=device)
    loss = (states * weight.view_as(states)).sum() + last.sum()
    return states.detach(), last.detach(), *torch.autograd.grad(loss, leaves)
