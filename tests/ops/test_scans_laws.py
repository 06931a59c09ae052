"""What must hold of every recurrence, whoever computes it."""

# B batch, T time, E inner width

from itertools import pairwise
from types import ModuleType

import pytest
import torch
from torch import Tensor

from ops.scan_cases import CASES, Trial
from tolerances import assert_near

Inputs = dict[str, Tensor]


def cut(x: Inputs, *index: slice) -> Inputs:
    """The inputs over (B, T, E) at part of batch and time; the others as they are."""
    return {name: value[index] if name.endswith("_BTE") else value for name, value in x.items()}


@pytest.mark.parametrize("split", [0, 17, 37])
@pytest.mark.parametrize("case", CASES)
def test_split_anywhere_and_carried_is_whole(
    any_backend: ModuleType, case: str, split: int, seed: int
) -> None:
    x, reset_BT = Trial(case, 2, 37, 5, torch.float64, seed).inputs()
    run = CASES[case].call
    whole = run(any_backend, x, reset_BT)
    order = [slice(None, split), slice(split, None)]
    if CASES[case].reverse:
        order.reverse()
    parts, carried = [], x
    for part in order:
        states, last = run(any_backend, cut(carried, slice(None), part), reset_BT[:, part])
        parts.append(states)
        carried = {**x, "initial_BE": last}
    together = parts[::-1] if CASES[case].reverse else parts
    assert_near(torch.cat(together, dim=1), whole[0], torch.float64)
    assert_near(last, whole[1], torch.float64)


@pytest.mark.parametrize("case", CASES)
def test_reset_starts_anew(any_backend: ModuleType, case: str, seed: int) -> None:
    """Documents packed with resets give what each gives alone from a state of zeros."""
    x, _ = Trial(case, 1, 30, 5, torch.float64, seed).inputs()
    run = CASES[case].call
    reset_BT = torch.zeros(1, 30, dtype=torch.bool)
    bounds = [0, 1, 12, 29, 30]
    if CASES[case].reverse:
        reset_BT[:, [end - 1 for end in bounds[1:]]] = True
    else:
        reset_BT[:, bounds[:-1]] = True
    packed, last = run(any_backend, x, reset_BT)
    alone = {**x, "initial_BE": torch.zeros_like(x["initial_BE"])}
    none = torch.zeros_like(reset_BT)
    separate = [
        run(any_backend, cut(alone, slice(None), slice(a, b)), none[:, a:b])
        for a, b in pairwise(bounds)
    ]
    assert_near(packed, torch.cat([states for states, _ in separate], dim=1), torch.float64)
    final = separate[0 if CASES[case].reverse else -1][1]
    assert_near(last, final, torch.float64)


@pytest.mark.parametrize("case", CASES)
def test_last_is_the_last_state(any_backend: ModuleType, case: str, seed: int) -> None:
    x, reset_BT = Trial(case, 2, 9, 5, torch.float64, seed).inputs()
    states, last = CASES[case].call(any_backend, x, reset_BT)
    assert torch.equal(last, states[:, 0 if CASES[case].reverse else -1])


@pytest.mark.parametrize("case", CASES)
def test_batch_entries_do_not_meet(any_backend: ModuleType, case: str, seed: int) -> None:
    x, reset_BT = Trial(case, 3, 9, 5, torch.float64, seed).inputs()
    run = CASES[case].call
    states, last = run(any_backend, x, reset_BT)
    for b in range(3):
        one = slice(b, b + 1)
        alone = {**cut(x, one), "initial_BE": x["initial_BE"][one]}
        states_alone, last_alone = run(any_backend, alone, reset_BT[one])
        assert_near(states_alone, states[one], torch.float64)
        assert_near(last_alone, last[one], torch.float64)


def test_reverse_is_the_scan_of_flipped_time(any_backend: ModuleType, seed: int) -> None:
    x, reset_BT = Trial("linear", 2, 9, 5, torch.float64, seed).inputs()
    a, b, h = x["decay_BTE"], x["input_BTE"], x["initial_BE"]
    backward = any_backend.linear_scan(a, b, h, reset_BT, reverse=True)
    forward = any_backend.linear_scan(a.flip(1), b.flip(1), h, reset_BT.flip(1))
    assert_near(backward[0], forward[0].flip(1), torch.float64)
    assert_near(backward[1], forward[1], torch.float64)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_dtypes_of_results(any_backend: ModuleType, case: str, dtype: torch.dtype) -> None:
    if dtype is torch.bfloat16 and not CASES[case].bfloat16:
        pytest.skip("there is no complex bfloat16")
    x, reset_BT = Trial(case, 2, 3, 5, dtype, seed=0).inputs()
    states, last = CASES[case].call(any_backend, x, reset_BT)
    assert states.dtype == x[CASES[case].inputs[-1]].dtype
    assert last.dtype == x["initial_BE"].dtype


def test_gates_are_those_of_the_papers(any_backend: ModuleType) -> None:
    """One step by hand, from the equations as printed."""
    one, two, three, h = (
        torch.full((1, 1, 1), v, dtype=torch.float64) for v in (0.3, -1.2, -0.7, 2.0)
    )
    sigma, gamma = torch.sigmoid, torch.full((1,), 0.25, dtype=torch.float64)
    z = sigma(one)
    for u, g in ((two, sigma(two)), (-two, -two + 0.5)):
        states, _ = any_backend.mingru_scan(one, u, h[:, 0])
        torch.testing.assert_close(states, (1 - z) * h + z * g)
        f, i = sigma(one), sigma(three)
        states, _ = any_backend.minlstm_scan(one, three, u, h[:, 0])
        torch.testing.assert_close(states, f / (f + i) * h + i / (f + i) * g)
    lam = gamma + (1 - gamma) * sigma(one)
    states, _ = any_backend.hgru_scan(one, two, gamma, None, h[:, 0])
    torch.testing.assert_close(states, lam * h + (1 - lam) * two)
    c, theta = torch.complex(two, three), torch.full((1,), 0.9, dtype=torch.float64)
    k = torch.complex(h, -h)
    states, _ = any_backend.hgru_scan(one, c, gamma, theta, k[:, 0])
    torch.testing.assert_close(states, lam * torch.exp(1j * theta) * k + (1 - lam) * c)


def test_shares_hold_where_both_sigmoids_underflow(any_backend: ModuleType) -> None:
    """f/(f + i) is sigmoid(x - y) far below zero, in float32 too."""
    for dtype in (torch.float32, torch.float64):
        x = torch.tensor([[[-120.0, -1000.0, -200.0, -90.0, 100.0, 90.0, -100.0]]], dtype=dtype)
        y = torch.tensor([[[-121.0, -1002.0, -200.0, -95.0, 100.0, -80.0, 100.0]]], dtype=dtype)
        u = torch.full_like(x, 0.5)
        states, _ = any_backend.minlstm_scan(x, y, u, torch.zeros_like(x[:, 0]))
        wide_x, wide_y = x.double(), y.double()
        share = torch.sigmoid(
            torch.nn.functional.logsigmoid(wide_y) - torch.nn.functional.logsigmoid(wide_x)
        )
        torch.testing.assert_close(states.double(), share, rtol=2e-5, atol=1e-30)
