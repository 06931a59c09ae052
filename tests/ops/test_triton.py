"""The Triton kernels, on a GPU or under Triton's interpreter, against the reference in float64.

By default a subset that the interpreter does in under a minute; all of it where there is a GPU or
RUNNEL_TRITON=full is set (`scripts/check --gpu-interpreter`).
"""

# B batch, T time, E inner width

import os
import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from ops.scan_cases import CASES, Trial, expected, results
from ops.test_scans_agree import check
from runnel import ops
from runnel.ops import _triton

INTERPRETED = not torch.cuda.is_available()
FULL = not INTERPRETED or os.environ.get("RUNNEL_TRITON") == "full"
full = pytest.mark.skipif(not FULL, reason="in full by scripts/check --gpu-interpreter")


@pytest.fixture(autouse=True)
def _small_tiles_and_poisoned_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Many runs and tiles from short sequences; memory that no kernel wrote holds NaN."""
    pytest.importorskip("triton", reason="Triton is not installed")
    monkeypatch.setattr(_triton, "TILE", (8, 8))
    monkeypatch.setattr(_triton, "SHORTEST_RUN", 12)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def triton() -> ModuleType:
    if not _triton.available():
        pytest.skip(_triton.unavailable_reason())
    return _triton


@pytest.mark.parametrize("case", CASES)
def test_agrees_one_position_at_a_time(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch, case: str, seed: int
) -> None:
    """As on a GPU, whose tiles the interpreter leaves out for being slow."""
    monkeypatch.setattr(_triton, "TILE", (1, 8))
    check(triton, Trial(case, 1, 27, 3, torch.float64, seed))


def test_several_runs_of_time_are_tried(triton: ModuleType) -> None:
    assert _triton._plan(torch.empty(1, 27, 3)).runs > 1
    assert _triton._plan(torch.empty(1, 9, 3)).runs == 1


@pytest.mark.parametrize("length", [1, 27])
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_reference(triton: ModuleType, case: str, length: int, seed: int) -> None:
    """Values and every gradient; 27 positions are two runs of two tiles each."""
    check(triton, Trial(case, 1, length, 3, torch.float64, seed, reset_share=0.15))


@pytest.mark.parametrize("case", ["linear", "mingru", "minlstm", "hgru"])
def test_bfloat16_accumulates_in_float32(triton: ModuleType, case: str, seed: int) -> None:
    check(triton, Trial(case, 1, 13, 3, torch.bfloat16, seed))


# The interpreter, which is numpy, tells of each exponential that becomes infinite.
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("case", ["mingru", "minlstm", "hgru-rotated"])
def test_gates_near_zero_and_one(triton: ModuleType, case: str, seed: int) -> None:
    check(triton, Trial(case, 1, 13, 3, torch.float32, seed, drive=100.0))


def test_repeats_to_the_bit(triton: ModuleType, seed: int) -> None:
    trial = Trial("hgru", 1, 27, 3, torch.float32, seed)
    first, second = results(triton, trial), results(triton, trial)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("case", ["mingru", "linear-complex"])
def test_not_a_numbers_stop_at_resets(triton: ModuleType, case: str, seed: int) -> None:
    x, reset_BT = Trial(case, 1, 13, 3, torch.float32, seed, reset_share=0).inputs()
    cut = 5
    position = -1 - cut if CASES[case].reverse else cut
    x[CASES[case].inputs[1]][:, -3 if CASES[case].reverse else 2] = torch.nan
    reset_BT[:, position] = True
    states, last = CASES[case].call(triton, x, reset_BT)
    behind = states[:, : position + 1] if CASES[case].reverse else states[:, position:]
    assert states.isnan().any()
    assert not behind.isnan().any()
    assert not last.isnan().any()


def test_empty(triton: ModuleType) -> None:
    for batch, length, width in ((0, 5, 3), (2, 0, 3), (2, 5, 0)):
        trial = Trial("mingru", batch, length, width, torch.float32, seed=0)
        found, wanted = results(triton, trial), expected(trial)
        for name, value in wanted.items():
            torch.testing.assert_close(found[name].double(), value, msg=name)


def test_a_device_that_computes_wrongly_falls_back_loudly(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each op by itself."""
    monkeypatch.setattr(_triton, "fault", lambda device, op: "off by 1" * (op == "hgru_scan"))
    ops._gpu_backend.cache_clear()
    with pytest.warns(RuntimeWarning, match=r"kernels of hgru_scan fail .*off by 1.*plain torch"):
        assert ops.backend_for("cuda", "hgru_scan") == "torch"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ops.backend_for("cuda") == "triton"
    assert ops.shortcoming("cuda", "hgru_scan") == "off by 1"
    assert ops.shortcoming("cuda") == ""
    ops._gpu_backend.cache_clear()


@pytest.mark.parametrize("op", ["mingru_scan", "hgru_scan"])
def test_the_fault_finder_finds_none_here(triton: ModuleType, op: str) -> None:
    before = torch.get_rng_state()
    with torch.inference_mode():
        assert _triton.fault("cpu" if INTERPRETED else "cuda", op) == ""
    assert torch.equal(torch.get_rng_state(), before)


def test_the_fault_finder_tells_what_it_finds(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = "cpu" if INTERPRETED else "cuda"
    scan = _triton.mingru_scan
    _triton.fault.cache_clear()
    monkeypatch.setattr(_triton, "mingru_scan", lambda *x: [y * 1.01 for y in scan(*x)])
    assert _triton.fault(device).startswith("mingru_scan is off by ")
    _triton.fault.cache_clear()
    monkeypatch.setattr(_triton, "_kernels", lambda: 1 // 0)
    assert _triton.fault(device, "linear_scan").startswith("ZeroDivisionError: ")
    _triton.fault.cache_clear()


def test_more_positions_than_32_bits_count_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected at most 2,147,479,552 .*got T=2,147,483,648"):
        _triton._plan(torch.empty(1, 2**31, 1, device="meta"))
    assert _triton._plan(torch.empty(1, _triton.LONGEST, 1, device="meta")).runs > 0


@full
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("length", [2, 63, 257])
@pytest.mark.parametrize("case", CASES)
def test_agrees_in_full(
    triton: ModuleType, case: str, length: int, dtype: torch.dtype, seed: int
) -> None:
    check(triton, Trial(case, 2, length, 33, dtype, seed))


@full
@pytest.mark.parametrize("case", ["linear", "mingru", "minlstm", "hgru"])
def test_long_sequences(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch, case: str, seed: int
) -> None:
    monkeypatch.setattr(_triton, "TILE", (64, 8))
    check(triton, Trial(case, 1, 8192 if INTERPRETED else 65_536, 3, torch.float32, seed))
