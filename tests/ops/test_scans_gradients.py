"""The derivatives of every op on every backend, against finite differences in float64."""

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from ops.scan_cases import CASES, Trial
from runnel.ops import BACKENDS


@pytest.mark.parametrize("length", [1, 6])
@pytest.mark.parametrize("case", CASES)
def test_gradcheck(any_backend: ModuleType, case: str, length: int, seed: int) -> None:
    """To all inputs, the initial state among them, from the states and from the last state."""
    x, reset_BT = Trial(case, 2, length, 3, torch.float64, seed, reset_share=0.2).inputs()
    names = list(x)

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        return CASES[case].call(any_backend, dict(zip(names, values, strict=True)), reset_BT)

    leaves = [value.requires_grad_() for value in x.values()]
    assert torch.autograd.gradcheck(run, leaves)


def _states_of(module: ModuleType, case: str, seed: int) -> tuple[Any, list[Tensor]]:
    x, reset_BT = Trial(case, 1, 4, 2, torch.float64, seed).inputs()
    names = list(x)

    def run(*values: Tensor) -> Tensor:
        return CASES[case].call(module, dict(zip(names, values, strict=True)), reset_BT)[0]

    return run, [value.requires_grad_() for value in x.values()]


@pytest.mark.parametrize("name", ["reference", "torch"])
@pytest.mark.parametrize("case", CASES)
def test_gradgradcheck(name: str, case: str, seed: int) -> None:
    run, leaves = _states_of(BACKENDS[name], case, seed)
    assert torch.autograd.gradgradcheck(run, leaves)


@pytest.mark.parametrize("case", CASES)
def test_native_refuses_a_second_derivative(native: ModuleType, case: str, seed: int) -> None:
    """The kernels of the gradients are not differentiable, and say so instead of giving zeros."""
    run, leaves = _states_of(native, case, seed)
    grads = torch.autograd.grad(run(*leaves).abs().square().sum(), leaves, create_graph=True)
    with pytest.raises(RuntimeError, match="scan_backward"):
        torch.autograd.grad([grad.abs().square().sum() for grad in grads], leaves)


@pytest.mark.parametrize("case", CASES)
def test_only_what_is_asked_for(any_backend: ModuleType, case: str, seed: int) -> None:
    """A gradient to one input alone is what it is among all."""
    trial = Trial(case, 2, 5, 3, torch.float64, seed)
    x, reset_BT = trial.inputs()
    leaves = {name: value.requires_grad_() for name, value in x.items()}
    states, _ = CASES[case].call(any_backend, leaves, reset_BT)
    together = torch.autograd.grad(states.abs().sum(), list(leaves.values()))
    for (name, leaf), wanted in zip(leaves.items(), together, strict=True):
        others = {other: value.detach() for other, value in x.items()}
        states, _ = CASES[case].call(any_backend, {**others, name: leaf}, reset_BT)
        (alone,) = torch.autograd.grad(states.abs().sum(), leaf)
        torch.testing.assert_close(alone, wanted)
