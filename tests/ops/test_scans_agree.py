"""Every backend computes what the reference loop computes in float64: values and all gradients."""

# B batch, T time, E inner width

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import Tensor

from ops.scan_cases import CASES, Trial, expected, results
from tolerances import assert_near

WIDTHS = {1: 129, 2: 1, 63: 33, 1000: 7}


def check(
    backend: ModuleType, trial: Trial, change: Callable[[Tensor], Tensor] | None = None
) -> None:
    if trial.dtype is torch.bfloat16 and not CASES[trial.case].bfloat16:
        pytest.skip("there is no complex bfloat16")
    found = results(backend, trial, change) if change else results(backend, trial)
    for name, value in expected(trial).items():
        assert_near(found[name], value, trial.dtype, f"{trial}, {name}")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("length", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_backend_agrees_with_the_reference(
    backend: ModuleType, case: str, length: int, dtype: torch.dtype, seed: int
) -> None:
    check(backend, Trial(case, 2, length, WIDTHS[length], dtype, seed))


@pytest.mark.parametrize("drive", [30.0, 100.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("case", ["mingru", "minlstm", "hgru", "hgru-rotated"])
def test_gates_driven_to_zero_and_one(
    backend: ModuleType, case: str, dtype: torch.dtype, drive: float, seed: int
) -> None:
    check(backend, Trial(case, 2, 63, 33, dtype, seed, drive=drive))


@pytest.mark.parametrize("width", [1, 7, 16, 72, 129, 1030])
@pytest.mark.parametrize("case", CASES)
def test_odd_widths(native: ModuleType, case: str, width: int, seed: int) -> None:
    check(native, Trial(case, 1, 9, width, torch.float32, seed))


def _spread(x: Tensor) -> Tensor:
    """The same values, every other element of a larger tensor, dimensions in another order."""
    wide = torch.stack([x, x.clone().fill_(1)], dim=-1)
    order = list(range(x.dim()))[::-1]
    return wide.permute(*order, x.dim()).contiguous().permute(*order, x.dim())[..., 0]


def _conjugated_twice(x: Tensor) -> Tensor:
    """The same values behind torch's lazy conjugation."""
    return x.conj().resolve_conj().conj() if x.is_complex() else x


@pytest.mark.parametrize("change", [_spread, _conjugated_twice])
@pytest.mark.parametrize("case", CASES)
def test_layout_does_not_matter(
    backend: ModuleType, case: str, change: Callable[[Tensor], Tensor], seed: int
) -> None:
    trial = Trial(case, 3, 5, 7, torch.float32, seed)
    x = trial.inputs()[0][CASES[case].inputs[-1]]
    assert change is _conjugated_twice or not change(x).is_contiguous()
    check(backend, trial, change)


@pytest.mark.parametrize("case", CASES)
def test_empty(any_backend: ModuleType, case: str) -> None:
    for batch, length, width in ((0, 5, 3), (2, 0, 3), (2, 5, 0), (0, 0, 0)):
        trial = Trial(case, batch, length, width, torch.float32, seed=0)
        found = results(any_backend, trial)
        assert found["states"].shape == (batch, length, width)
        initial, for_last = trial.inputs()[0]["initial_BE"], trial.weights()[1]
        if length == 0:
            assert torch.equal(found["last"], initial)
            assert_near(found["gradient of initial_BE"], for_last, torch.float32)


@pytest.mark.parametrize("case", ["mingru", "minlstm", "hgru", "linear"])
def test_float16_is_accepted(case: str, seed: int) -> None:
    from runnel import ops

    check(ops, Trial(case, 2, 9, 5, torch.float16, seed))


@pytest.mark.parametrize("case", CASES)
def test_optional_inputs_and_one_output_at_a_time(
    any_backend: ModuleType, case: str, seed: int
) -> None:
    """Without initial state and resets; with a loss on the states alone or the last alone."""
    trial = Trial(case, 2, 11, 5, torch.float64, seed)
    x, reset_BT = trial.inputs()
    zero = {**x, "initial_BE": torch.zeros_like(x["initial_BE"])}
    bare = {name: value for name, value in x.items() if name != "initial_BE"}
    wanted = CASES[case].call(any_backend, zero, torch.zeros_like(reset_BT))
    leaves = {name: value.requires_grad_() for name, value in bare.items()}
    found = CASES[case].call(any_backend, leaves, None)
    for value, right in zip(found, wanted, strict=True):
        assert_near(value, right, torch.float64)
    whole = torch.autograd.grad(
        [y.abs().square().sum() for y in found], list(leaves.values()), retain_graph=True
    )
    parts = [
        torch.autograd.grad(y.abs().square().sum(), list(leaves.values()), retain_graph=True)
        for y in found
    ]
    for total, one, other in zip(whole, *parts, strict=True):
        assert_near(one + other, total, torch.float64)
