"""The native library: threads, instruction sets, precision, its place among torch's operators."""

# B batch, T time, E inner width

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from ops.scan_cases import CASES, Trial, expected, results
from runnel import ops
from runnel.ops import _library, _torch
from runnel.ops._scan_op import CODES
from tolerances import assert_near


@pytest.fixture(autouse=True)
def _restored(native: ModuleType) -> Iterator[None]:
    """Threads and instruction set as they were before."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    _library.use_variant("best")


# Shapes that are divided by batch, by channels and by time.
SHAPES = [(8, 70, 40), (1, 40, 1500), (3, 60, 129), (1, 3000, 9), (2, 2500, 65)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES)
def test_bits_do_not_depend_on_threads(
    native: ModuleType, case: str, shape: tuple[int, int, int], seed: int
) -> None:
    trial = Trial(case, *shape, torch.float32, seed, reset_share=0.0005)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(results(native, trial))
    for other in found[1:]:
        for name, value in found[0].items():
            assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("drive", [1.0, 12.0])
@pytest.mark.parametrize("case", CASES)
def test_time_in_pieces(native: ModuleType, case: str, drive: float, seed: int) -> None:
    """Long and narrow, so that time is cut: against the logarithmic scan, with and without resets.

    Strongly driven gates remember across the cuts; weak ones forget within them.
    """
    for reset_share in (0.0, 0.001):
        trial = Trial(case, 1, 5000, 3, torch.float64, seed, drive, reset_share)
        found = results(native, trial)
        for name, value in results(_torch, trial).items():
            assert_near(found[name], value, torch.float64, name)


def test_memory_reaches_across_all_pieces(native: ModuleType) -> None:
    """A decay of one carries the first input to the last state, and the gradient back."""
    a, b = torch.ones(1, 10_000, 2), torch.zeros(1, 10_000, 2)
    b[:, 0] = torch.tensor([1.0, -2.0])
    b.requires_grad_()
    initial = torch.tensor([[0.5, 0.25]], requires_grad=True)
    states, last = native.linear_scan(a, b, initial)
    assert torch.equal(states, (b[:, :1] + initial).detach().expand_as(b))
    grads = torch.autograd.grad(last.sum(), (b, initial))
    assert all(torch.equal(grad, torch.ones_like(grad)) for grad in grads)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_instruction_set_agrees_with_the_reference(
    native: ModuleType, case: str, dtype: torch.dtype, seed: int
) -> None:
    if dtype is torch.bfloat16 and not CASES[case].bfloat16:
        pytest.skip("there is no complex bfloat16")
    trial = Trial(case, 2, 63, 37, dtype, seed, drive=10.0)
    for variant in _library.variants():
        _library.use_variant(variant)
        found = results(native, trial)
        for name, value in expected(trial).items():
            assert_near(found[name], value, dtype, f"{variant}, {name}")


def test_instruction_sets_are_different_code(native: ModuleType) -> None:
    """Else the test above would compare one variant with itself.

    The one for bfloat16 differs from AVX-512 in how it rounds, not in what it rounds.
    """
    x = torch.linspace(-20, 20, 100_001)
    bits = {}
    for variant in _library.variants():
        _library.use_variant(variant)
        bits[variant] = _library.sigmoid(x)
    distinct = [bits[name] for name in bits if name not in ("best", "avx512-bfloat16")]
    for i, one in enumerate(distinct):
        assert all(not torch.equal(one, other) for other in distinct[:i])
    with pytest.raises(ValueError, match="variant"):
        _library.use_variant("mmx")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sigmoid_is_right_to_the_last_places(native: ModuleType, dtype: torch.dtype) -> None:
    """Relative to the true value, in both tails, in units of the dtype's epsilon.

    Below exp(-87) a float is within 2e-38 instead.
    """
    bound, far = (16.0, 87.0) if dtype is torch.float32 else (40.0, 700.0)
    for variant in _library.variants():
        _library.use_variant(variant)
        for reach, units in ((bound, 2.5), (far, 5.0)):
            x = torch.linspace(-reach, reach, 400_001, dtype=dtype)
            true = _sigmoid_to_the_last_place(x)
            error = ((_library.sigmoid(x).double() - true) / true).abs().max().item()
            assert error < units * torch.finfo(dtype).eps, (variant, reach, error)
        edge = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.0, 200.0, -200.0], dtype=dtype)
        right = torch.tensor([torch.nan, 1.0, 0.0, 0.5, 1.0, 0.0], dtype=dtype)
        torch.testing.assert_close(
            _library.sigmoid(edge), right, rtol=1e-6, atol=2e-38, equal_nan=True
        )


def _sigmoid_to_the_last_place(x: Tensor) -> Tensor:
    # Right to about one unit in float64, which the bound there has room for.
    u = torch.exp(-x.double().abs())
    return torch.where(x >= 0, 1 / (1 + u), u / (1 + u))


def test_gates_of_bfloat16_err_less_than_its_rounding(native: ModuleType) -> None:
    """Every number of the format as a gate: the share that enters, unrounded, to 2^-12 of itself.

    Half a unit of bfloat16 is 2^-9. The candidate 1/2 becomes one, on a state of zero.
    """
    bits = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16)
    gate = bits.view(torch.bfloat16)
    gate = gate[gate.abs() <= 80].reshape(1, 1, -1)
    true = _sigmoid_to_the_last_place(gate[:, 0])
    for variant in _library.variants():
        _library.use_variant(variant)
        _, share = native.mingru_scan(gate, torch.full_like(gate, 0.5))
        error = ((share.double() - true) / true).abs().max().item()
        assert error < 2**-12, (variant, error)


@pytest.mark.parametrize("width", [32, 96, 100])
def test_pairs_of_bfloat16_take_any_number(native: ModuleType, width: int, seed: int) -> None:
    """Numbers out of the common range and none at all, among common ones: as one channel alone."""
    trial = Trial("mingru", 2, 40, width, torch.bfloat16, seed, drive=3.0)
    x, reset_BT = trial.inputs()
    odd = torch.tensor([torch.nan, torch.inf, -torch.inf, 200.0, -200.0, 90.0, -90.0, 1e30])
    for name in ("gate_BTE", "candidate_BTE"):
        places = torch.randint(0, x[name].numel(), (8,))
        x[name].view(-1)[places] = odd.bfloat16()
    leaves = [value.requires_grad_() for value in x.values()]

    def found(case: dict[str, Tensor]) -> list[Tensor]:
        states, last = CASES["mingru"].call(native, case, reset_BT)
        grads = torch.autograd.grad(states.float().sum() + last.sum(), leaves)
        return [states, last, *grads]

    for variant in _library.variants():
        _library.use_variant(variant)
        whole = found(x)
        # Narrower than a pair: the other way through the kernel.
        pieces = {name: value.split(7, dim=-1) for name, value in x.items()}
        apart = []
        for k in range(len(pieces["gate_BTE"])):
            case = {name: parts[k] for name, parts in pieces.items()}
            states, last = CASES["mingru"].call(native, case, reset_BT)
            apart.append((states, last))
        joined = [torch.cat(parts, -1) for parts in zip(*apart, strict=True)]
        grads = torch.autograd.grad(joined[0].float().sum() + joined[1].sum(), leaves)
        for one, other in zip(whole, [*joined, *grads], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2, equal_nan=True)


def test_bfloat16_rounds_to_nearest_even(native: ModuleType) -> None:
    """As torch does, at ties and at infinity; not-a-numbers stay so, whatever their bits."""
    bits = torch.randint(-(1 << 31), 1 << 31, (20_000,), dtype=torch.int64)
    ties = bits & ~0xFFFF | 0x8000
    special = torch.tensor([0x7F800000, 0xFF800000, 0x7F7FFFFF, 0x7FC00000, 0x7FFFFFFF, 0xFFFFFFFF])
    value = torch.cat([bits, ties, special]).to(torch.int32).view(torch.float32)[None]
    # Below the smallest normal number the library takes zero.
    value = torch.where(value.abs() < torch.finfo(torch.float32).tiny, 0.0, value)
    zeros = torch.zeros(1, 1, value.shape[1], dtype=torch.bfloat16)
    for variant in _library.variants():
        _library.use_variant(variant)
        states, last = native.linear_scan(torch.ones_like(zeros), zeros, value)
        torch.testing.assert_close(last, value, rtol=0, atol=0, equal_nan=True)
        rounded = value.to(torch.bfloat16)
        torch.testing.assert_close(states[:, 0], rounded, rtol=0, atol=0, equal_nan=True)


def test_not_a_numbers_are_seen_and_stop_at_resets(native: ModuleType) -> None:
    gate = torch.zeros(1, 6, 20)
    for name in ("gate", "candidate"):
        x = {"gate": gate.clone(), "candidate": gate.clone()}
        x[name][0, 1, 3] = torch.nan
        reset_BT = torch.tensor([[False, False, False, True, False, False]])
        states, last = native.mingru_scan(x["gate"], x["candidate"], None, reset_BT)
        assert states[0, 1:3, 3].isnan().all()
        assert not states[0, 3:].isnan().any()
        assert not last.isnan().any()


def test_results_do_not_lie_in_the_inputs(native: ModuleType, seed: int) -> None:
    """Inputs are read only, and outputs are new memory."""
    for case in CASES.values():
        x, reset_BT = Trial(case.name, 2, 9, 5, torch.float32, seed).inputs()
        before = {name: value.clone() for name, value in x.items()}
        states, last = case.call(native, x, reset_BT)
        assert all(torch.equal(value, before[name]) for name, value in x.items())
        assert states.data_ptr() not in {value.data_ptr() for value in x.values()}
        assert last.data_ptr() != x["initial_BE"].data_ptr()


@pytest.mark.parametrize("case", CASES)
def test_opcheck(native: ModuleType, case: str, seed: int) -> None:
    """torch's own examination: schema, fake kernel, registration of gradients, compiled graphs."""
    trial = Trial(case, 2, 5, 3, torch.float32, seed)
    bare = case in ("linear", "hgru")
    x, reset_BT = trial.inputs()
    first, second, *third = (x[name] for name in CASES[case].inputs)
    arguments = (
        CODES[CASES[case].op],
        CASES[case].reverse,
        first.requires_grad_(),
        second.requires_grad_(),
        third[0].requires_grad_() if third else None,
        x["lower_bound_E"].requires_grad_() if "lower_bound_E" in x else None,
        x["theta_E"].requires_grad_() if "theta_E" in x else None,
        None if bare else x["initial_BE"].requires_grad_(),
        None if bare else reset_BT,
    )
    torch.library.opcheck(native._scan, arguments)


def test_the_choice_of_a_backend_is_constant_to_the_compiler() -> None:
    """Said without importing the compiler, in the words of the torch that is installed."""
    said = vars(torch.compiler.assume_constant_result(lambda: None))
    assert said.items() <= vars(ops.backend_for).items()
    assert said


# torch's compiler warns of what it does itself to autograd functions.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "case"), [*(("native", case) for case in CASES), ("torch", "mingru")]
)
def test_compiles_to_one_graph(name: str, case: str, seed: int) -> None:
    """torch.compile(fullgraph=True) through the door, forward and backward, at two lengths."""
    module: Any = ops if name == "native" else ops.BACKENDS[name]
    torch._dynamo.reset()

    def loss(x: dict[str, Tensor], reset_BT: Tensor) -> Tensor:
        states, last = CASES[case].call(module, x, reset_BT)
        return states.abs().square().sum() + last.abs().sum()

    compiled: Callable[..., Tensor] = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for length in (4, 7):
        x, reset_BT = Trial(case, 2, length, 3, torch.float64, seed).inputs()
        leaves = [value.requires_grad_() for value in x.values()]
        wanted = torch.autograd.grad(loss(x, reset_BT), leaves)
        found = torch.autograd.grad(compiled(x, reset_BT), leaves)
        for one, other in zip(found, wanted, strict=True):
            assert_near(one, other, torch.float64)


def test_missing_library_says_why(native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_library, "_NAMES", ("libnothing.so",))
    library, reason = _library._load()
    assert library is None
    assert re.search("libnothing.so.*compiler", reason)


def test_broken_library_says_why(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "librunnel_ops.so").write_bytes(b"not a library")
    monkeypatch.setattr(ops, "__path__", [str(tmp_path)])
    library, reason = _library._load()
    assert library is None
    assert "does not load" in reason
