"""The native passes around a scan: threads, instruction sets, torch's rules for operators."""

# B batch, T time, D width

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from ops.fused_cases import EPS, OPS, inputs, results, widened, without_bias
from runnel.ops import _fused_native, _fused_torch, _library, fused
from tolerances import assert_near


@pytest.fixture(autouse=True)
def _restored(native: ModuleType) -> Iterator[None]:
    """Threads and instruction set as they were before."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    _library.use_variant("best")


@pytest.mark.parametrize("op", OPS)
def test_bits_do_not_depend_on_threads(op: str, seed: int) -> None:
    arguments = inputs(op, 7, 300, 33, torch.float32, seed, resets=0.01)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(results(_fused_native, op, arguments, seed))
    for other in found[1:]:
        for name, value in found[0].items():
            assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("op", OPS)
def test_every_instruction_set_agrees(op: str, dtype: torch.dtype, seed: int) -> None:
    arguments = inputs(op, 3, 21, 37, dtype, seed)
    expected = results(_fused_torch, op, widened(arguments), seed)
    for variant in _library.variants():
        _library.use_variant(variant)
        found = results(_fused_native, op, arguments, seed)
        for name, value in expected.items():
            assert_near(found[name], value, dtype, f"{variant}, {name}")


def _calls(seed: int) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Every operator with arguments that ask for all its gradients."""
    calls: dict[str, tuple[Any, tuple[Any, ...]]] = {}
    for op in OPS:
        arguments: dict[str, Any] = inputs(op, 2, 5, 6, torch.float64, seed)
        if op == "rms_norm":
            arguments["eps"] = EPS
        calls[op] = (getattr(torch.ops.runnel, op).default, tuple(arguments.values()))
        if "bias_D" in arguments:
            bare = without_bias(arguments)
            calls[f"{op} without bias"] = (calls[op][0], tuple(bare.values()))
    return calls


@pytest.mark.parametrize("name", list(_calls(0)))
def test_operator_keeps_torchs_rules(name: str, seed: int) -> None:
    operator, arguments = _calls(seed)[name]
    leaves = [
        x.requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x
        for x in arguments
    ]
    torch.library.opcheck(operator, tuple(leaves))


@pytest.mark.parametrize("name", list(_calls(0)))
def test_gradients_by_differences(name: str, seed: int) -> None:
    operator, arguments = _calls(seed)[name]
    places = [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.is_floating_point()]

    def run(*given: Tensor) -> Any:
        full = list(arguments)
        for i, x in zip(places, given, strict=True):
            full[i] = x
        found = operator(*full)
        # The norm's second result, the inverse, has no gradient.
        return found[0] if name == "rms_norm" else found

    leaves = [arguments[i].detach().requires_grad_() for i in places]
    assert torch.autograd.gradcheck(run, leaves)


def test_kernel_alone_gives_the_operators_bits(seed: int) -> None:
    """Where no gradient is recorded the operator is left out."""
    for op in OPS:
        arguments: dict[str, Any] = inputs(op, 2, 5, 6, torch.float32, seed)
        if op == "rms_norm":
            arguments["eps"] = EPS
        recorded = getattr(fused, op)(**arguments)
        with torch.no_grad():
            alone = getattr(fused, op)(**arguments)
        for x, y in zip(recorded, alone, strict=True):
            assert torch.equal(x, y)


def _whole(x: Tensor, weight: Tensor, taps: Tensor, tail: Tensor) -> Tensor:
    y, after = fused.causal_convolution(x, taps, tail)
    hidden = fused.squared_relu(fused.rms_norm(y, weight, EPS), weight)
    return fused.gated_silu(hidden) * after.sum()


@pytest.mark.parametrize("grad", [False, True])
def test_compiles_as_one_graph(grad: bool, seed: int) -> None:
    x, weight = torch.randn(2, 5, 6), torch.randn(6)
    given = [x, weight, torch.randn(3, 6), torch.randn(2, 2, 6)]
    compiled: Callable[..., Tensor] = torch.compile(_whole, fullgraph=True, backend="aot_eager")
    for y in given:
        y.requires_grad_(grad)
    with torch.set_grad_enabled(grad):
        found, expected = compiled(*given), _whole(*given)
    assert_near(found, expected, torch.float32)
    if grad:
        grads = [torch.autograd.grad(y.square().sum(), given) for y in (found, expected)]
        for a, b in zip(*grads, strict=True):
            assert_near(a, b, torch.float32)
