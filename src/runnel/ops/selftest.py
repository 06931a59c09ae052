"""A numerical self-test of every backend: fresh random inputs against the reference in float64."""

# B batch, T time, E inner width

from typing import NamedTuple

import torch
from torch import Tensor

from runnel import ops

_SHAPE = (3, 257, 33)
OPS = ("linear_scan", "mingru_scan", "minlstm_scan", "hgru_scan")
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
    return [one(backend, op, device) for op in OPS]


def one(
    backend: str, op: str, device: str = "cpu", shape: tuple[int, int, int] = _SHAPE
) -> Outcome:
    """Test one op of a backend over inputs of a shape (B, T, E)."""
    inputs = _inputs(op, shape)
    wanted = _values_and_gradients("reference", op, [x.double() for x in inputs], "cpu")
    found = _values_and_gradients(backend, op, [x.float() for x in inputs], device)
    errors = [
        ((f.double().cpu() - w).abs().max() / w.abs().max()).nan_to_num(torch.inf).item()
        for f, w in zip(found, wanted, strict=True)
    ]
    return Outcome(backend, op, max(errors))


def _inputs(op: str, shape: tuple[int, int, int]) -> list[Tensor]:
    batch, _, inner = shape
    sequences = {"linear_scan": 2, "mingru_scan": 2, "minlstm_scan": 3, "hgru_scan": 2}[op]
    inputs = [torch.randn(shape) for _ in range(sequences)]
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
    batch, time = sequences[0].shape[:2]
    reset_BT = torch.zeros(batch, time, dtype=torch.bool, device=device)
    reset_BT[0, 5] = reset_BT[-1, 2 * time // 5] = True
    theta = (None,) if op == "hgru_scan" else ()
    run_op = getattr(ops.BACKENDS[backend], op)
    states, last = run_op(*sequences, *theta, initial_BE, reset_BT)
    weight = torch.linspace(-1, 1, states.numel(), dtype=states.dtype, device=device)
    loss = (states * weight.view_as(states)).sum() + last.sum()
    return states.detach(), last.detach(), *torch.autograd.grad(loss, leaves)
