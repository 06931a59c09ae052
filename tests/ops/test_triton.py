"""The Triton kernels, on a GPU or under Triton's interpreter, against the reference in float64.

By default a subset that the interpreter does in under a minute; all of it where there is a GPU
(`pytest -m gpu`) or RUNNEL_TRITON=full is set (`scripts/check --gpu-interpreter`).
"""

# B batch, T time, E inner width

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from ops.scan_cases import CASES, Trial, expected, results
from ops.test_scans_agree import check as compare
from runnel import ops
from runnel.ops import _triton, _triton_shapes
from runnel.ops._scan_op import CODES
from runnel.ops._triton_shapes import Shape, Shapes

pytestmark = pytest.mark.gpu
INTERPRETED = not torch.cuda.is_available()
DEVICE = "cpu" if INTERPRETED else "cuda"
FULL = not INTERPRETED or os.environ.get("RUNNEL_TRITON") == "full"
full = pytest.mark.skipif(not FULL, reason="in full by scripts/check --gpu-interpreter")

# Many runs and tiles, and several readings ahead, from short sequences.
TILES = Shape(False, 8, 8, 2, shortest=12)
WALK = Shape(True, 4, 8, 1, shortest=12, positions_back=3)
KINDS = {"tiles": TILES, "walk": WALK}
REAL = [name for name, case in CASES.items() if not case.complex_state]
EVERY = [("tiles", case) for case in CASES] + [("walk", case) for case in REAL]


def there(x: Tensor) -> Tensor:
    return x.to(DEVICE)


def check(triton: ModuleType, trial: Trial) -> None:
    compare(triton, trial, there)


def take(monkeypatch: pytest.MonkeyPatch, shape: Shape) -> None:
    wide = TILES if shape.walks else shape
    monkeypatch.setattr(_triton_shapes, "CHOSEN", Shapes(shape, shape, wide))


@pytest.fixture(autouse=True)
def _small_tiles_and_poisoned_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Memory that no kernel wrote holds NaN."""
    pytest.importorskip("triton", reason="Triton is not installed")
    take(monkeypatch, TILES)
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
    take(monkeypatch, TILES._replace(positions=1))
    check(triton, Trial(case, 1, 27, 3, torch.float64, seed))


def test_several_runs_of_time_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    for shape in KINDS.values():
        take(monkeypatch, shape)
        assert _triton._plan(torch.empty(1, 27, 3)).runs > 1
        assert _triton._plan(torch.empty(1, 9, 3)).runs == 1


def test_a_shape_is_chosen_by_the_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    full, few = Shape(True, 16, 64, 1, programs=3), Shape(True, 8, 32, 1, programs=16)
    monkeypatch.setattr(_triton_shapes, "CHOSEN", Shapes(full, few, TILES))
    monkeypatch.setattr(_triton, "_processors", lambda device: 132)
    large, long = torch.empty(16, 4096, 2048, device="meta"), torch.empty(1, 65536, 512)
    assert _triton._plan(large)[:3] == (full, 64, 1)  # 512 programs, and no cut
    plan = _triton._plan(long.to("meta"))
    assert (plan.shape, plan.width, plan.blocks) == (few, 32, 16)
    assert plan.runs * plan.span >= 65536
    assert plan.runs * plan.blocks >= 132 * 12
    assert _triton._plan(large.to(torch.complex64)).shape is TILES
    assert _triton._plan(large).options(backward=True, sequences=2)["AHEAD"] == 16
    assert plan._replace(shape=WALK).options(backward=True, sequences=2)["AHEAD"] == 3
    assert plan._replace(shape=WALK).options(backward=False, sequences=3)["AHEAD"] == 2


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("runs", [2, 4, 5, 6, 11])
def test_many_runs_are_chained_at_once(
    triton: ModuleType, runs: int, dtype: torch.dtype, behind: bool, seed: int
) -> None:
    """Whole chunks of them, one more and one less; a product of zero cuts, even from NaN."""
    generator = torch.Generator().manual_seed(seed)
    product, ends = torch.randn(2, 2, runs, 9, dtype=dtype, generator=generator).mul(0.6)
    product[1, runs // 2, 3] = 0
    given = torch.randn(2, 9, dtype=dtype, generator=generator)
    product, ends, given = there(product), there(ends), there(given)
    plan = _triton._plan(product)._replace(runs=runs)
    order = range(runs - 1, -1, -1) if behind else range(runs)
    h, expected = given, torch.empty_like(product)
    for run in order:
        expected[:, run] = h
        h = product[:, run] * h + ends[:, run]
    found = triton._enter(plan, product, ends, given, product, behind)
    torch.testing.assert_close(found, expected)
    product[1, runs // 2, 3], ends[1, order[0], 3] = 0, torch.nan
    found = triton._enter(plan, product, ends, None, product, behind)[1, order[runs // 2 + 1 :], 3]
    assert not found.isnan().any()


@pytest.mark.parametrize("length", [1, 2, 27])
@pytest.mark.parametrize(("kind", "case"), EVERY)
def test_agrees_with_the_reference(
    triton: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    case: str,
    length: int,
    seed: int,
) -> None:
    """Values and every gradient; 27 positions are two runs of two tiles each."""
    take(monkeypatch, KINDS[kind])
    check(triton, Trial(case, 1, length, 3, torch.float64, seed, reset_share=0.15))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["linear", "mingru", "minlstm", "hgru"])
def test_bfloat16_accumulates_in_float32(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str, case: str, seed: int
) -> None:
    take(monkeypatch, KINDS[kind])
    check(triton, Trial(case, 1, 13, 3, torch.bfloat16, seed))


# The interpreter, which is numpy, tells of each exponential that becomes infinite.
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["mingru", "minlstm", "hgru", "hgru-rotated"])
def test_gates_near_zero_and_one(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str, case: str, seed: int
) -> None:
    take(monkeypatch, KINDS[kind])
    check(triton, Trial(case, 1, 13, 3, torch.float32, seed, drive=100.0))


@pytest.mark.parametrize("kind", KINDS)
def test_repeats_to_the_bit(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str, seed: int
) -> None:
    take(monkeypatch, KINDS[kind])
    trial = Trial("hgru", 1, 27, 3, torch.float32, seed)
    first, second = (results(triton, trial, there) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("kind", "case"),
    [("tiles", "mingru"), ("tiles", "linear-complex"), *(("walk", case) for case in REAL)],
)
def test_not_a_numbers_stop_at_resets(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str, case: str, seed: int
) -> None:
    take(monkeypatch, KINDS[kind])
    x, reset_BT = Trial(case, 1, 13, 3, torch.float32, seed, reset_share=0).inputs()
    cut = 5
    position = -1 - cut if CASES[case].reverse else cut
    x[CASES[case].inputs[1]][:, -3 if CASES[case].reverse else 2] = torch.nan
    reset_BT[:, position] = True
    states, last = CASES[case].call(triton, {n: there(t) for n, t in x.items()}, there(reset_BT))
    behind = states[:, : position + 1] if CASES[case].reverse else states[:, position:]
    assert states.isnan().any()
    assert not behind.isnan().any()
    assert not last.isnan().any()


def test_empty(triton: ModuleType) -> None:
    for batch, length, width in ((0, 5, 3), (2, 0, 3), (2, 5, 0)):
        trial = Trial("mingru", batch, length, width, torch.float32, seed=0)
        found, wanted = results(triton, trial, there), expected(trial)
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
        assert _triton.fault(DEVICE, op) == ""
    assert torch.equal(torch.get_rng_state(), before)


def test_the_fault_finder_tells_what_it_finds(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = _triton.mingru_scan
    _triton.fault.cache_clear()
    monkeypatch.setattr(_triton, "mingru_scan", lambda *x: [y * 1.01 for y in scan(*x)])
    assert _triton.fault(DEVICE).startswith("mingru_scan is off by ")
    _triton.fault.cache_clear()
    monkeypatch.setattr(_triton, "_kernels", lambda: 1 // 0)
    assert _triton.fault(DEVICE, "linear_scan").startswith("ZeroDivisionError: ")
    _triton.fault.cache_clear()


def test_more_positions_than_32_bits_count_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected at most 2,147,479,552 .*got T=2,147,483,648"):
        _triton._plan(torch.empty(1, 2**31, 1, device="meta"))
    assert _triton._plan(torch.empty(1, _triton.LONGEST, 1, device="meta")).runs > 0


@full
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("length", "width"), [(2, 33), (63, 33), (257, 5 if INTERPRETED else 129)])
@pytest.mark.parametrize(("kind", "case"), EVERY)
def test_agrees_in_full(
    triton: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    case: str,
    length: int,
    width: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    """The interpreter scans number by number, so that the longest are narrow there."""
    take(monkeypatch, KINDS[kind])
    check(triton, Trial(case, 2, length, width, dtype, seed))


@full
@pytest.mark.parametrize("case", ["linear", "mingru", "minlstm", "hgru"])
@pytest.mark.parametrize("kind", KINDS)
def test_long_sequences(
    triton: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str, case: str, seed: int
) -> None:
    tiles = Shape(False, 64, 4, 2, shortest=128)
    take(monkeypatch, {"tiles": tiles, "walk": WALK._replace(shortest=128)}[kind])
    check(triton, Trial(case, 1, 8192 if INTERPRETED else 65_536, 3, torch.float32, seed))


def _compiled(*scans: str) -> list[dict[str, Any]]:
    """What Triton's compiler says of the kernels, in a process that does not interpret them."""
    if not Path(triton_package().__file__ or "").with_name("backends").joinpath("nvidia").is_dir():
        pytest.skip("this Triton has no compiler for GPUs of NVIDIA")
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "TRITON_DEFAULT_FP_FUSION": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "ops.compile_for_gpu", *scans],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def triton_package() -> ModuleType:
    return pytest.importorskip("triton")


@full
@pytest.mark.parametrize("scan", CODES)
def test_every_candidate_compiles_and_keeps_to_its_registers(scan: str) -> None:
    """As far as that can be told without a GPU."""
    for line in _compiled(scan):
        assert line["spilled"] <= 64, line
