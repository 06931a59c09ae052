"""The native passes around a scan give what plain torch gives, values and gradients."""

# B batch, T time, D width, K taps

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from ops.fused_cases import EPS, OPS, inputs, results, widened, without_bias
from runnel.ops import _fused_library, _fused_native, _fused_torch, convolution, fused
from tolerances import assert_near

DTYPES = [torch.float32, torch.float64, torch.bfloat16]


@pytest.fixture(autouse=True)
def _needs_native(native: ModuleType) -> None:
    pass


def check(
    op: str, arguments: dict[str, Tensor | None], dtype: torch.dtype, seed: int, note: str
) -> None:
    found = results(_fused_native, op, arguments, seed)
    expected = results(_fused_torch, op, widened(arguments), seed)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # A parameter's gradient sums terms that were rounded to bfloat16 one by one and may cancel:
        # its error grows as the root of their number, whatever is left of the sum.
        summed = dtype == torch.bfloat16 and name.startswith(
            ("gradient of bias", "gradient of weight")
        )
        rows = next(iter(arguments.values()))
        terms = rows.numel() / max(1, value.shape[-1]) if summed and rows is not None else 1
        root = max(1.0, terms) ** 0.5
        assert_near(found[name] / root, value / root, dtype, f"{note}, {name}")
    for name, x in arguments.items():
        if x is not None and x.is_floating_point():
            assert found[f"gradient of {name}"].dtype == x.dtype, name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_odd_widths_and_lengths(op: str, dtype: torch.dtype, seed: int) -> None:
    # A norm over one number is its sign: its gradient is all cancellation.
    for width in (2 if op == "rms_norm" else 1, 7, 16, 33, 129):
        for time in (0, 1, 2, 63):
            arguments = inputs(op, 3, time, width, dtype, seed)
            check(op, arguments, dtype, seed, f"width {width}, time {time}")
    check(op, inputs(op, 0, 5, 7, dtype, seed), dtype, seed, "empty batch")
    check(op, inputs(op, 2, 300, 20, dtype, seed, resets=0.01), dtype, seed, "several tasks")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", range(1, 10))
def test_convolution_of_any_taps(taps: int, dtype: torch.dtype, seed: int) -> None:
    for time in (0, 1, 2, 5, 140):
        for resets in (None, 0.0, 0.03, 0.4, 1.0):
            arguments = inputs("causal_convolution", 2, time, 18, dtype, seed, taps, resets)
            check("causal_convolution", arguments, dtype, seed, f"time {time}, resets {resets}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["squared_relu", "gated_silu", "gelu"])
def test_activations_without_bias(op: str, dtype: torch.dtype, seed: int) -> None:
    for width in (1, 40, 20_000):
        arguments = without_bias(inputs(op, 1, 3, width, dtype, seed))
        check(op, arguments, dtype, seed, f"width {width}")


def strided(x: Tensor) -> Tensor:
    """The same numbers with gaps between them."""
    return torch.stack([x, x], -1)[..., 0]


@pytest.mark.parametrize("op", OPS)
def test_strides_do_not_matter(op: str, seed: int) -> None:
    arguments = inputs(op, 6, 18, 22, torch.float32, seed)
    gaps = {name: None if x is None else strided(x) for name, x in arguments.items()}
    assert not any(x.is_contiguous() for x in gaps.values() if x is not None)
    check(op, gaps, torch.float32, seed, "with gaps")


def test_a_gradient_with_strides(seed: int) -> None:
    x = torch.randn(4, 6, 5, requires_grad=True)
    weight = torch.randn(5)
    swapped = torch.randn(5, 6, 4).transpose(0, 2)
    runs: tuple[Callable[[Any], Tensor], ...] = (
        lambda backend: backend.rms_norm(x, weight, EPS),
        lambda backend: backend.squared_relu(x),
        lambda backend: backend.causal_convolution(x, torch.ones(2, 5), torch.zeros(4, 1, 5))[0],
    )
    for run in runs:
        (found,) = torch.autograd.grad(run(_fused_native), x, swapped)
        (expected,) = torch.autograd.grad(run(_fused_torch), x, swapped)
        assert_near(found, expected, torch.float32)


@pytest.mark.parametrize("only", [0, 1])
def test_convolution_with_a_gradient_of_one_result(only: int, seed: int) -> None:
    arguments = inputs("causal_convolution", 2, 6, 5, torch.float64, seed)
    grads = []
    for backend in (_fused_native, _fused_torch):
        leaves = {
            name: x.detach().requires_grad_(x.is_floating_point())
            for name, x in arguments.items()
            if x is not None
        }
        loss = backend.causal_convolution(**leaves)[only].square().sum()
        wanted = [leaves["x_BTD"], leaves["weight_KD"], leaves["tail_BPD"]]
        grads.append(torch.autograd.grad(loss, wanted, materialize_grads=True))
    for found, expected in zip(*grads, strict=True):
        assert_near(found, expected, torch.float64)


def test_convolution_by_steps(seed: int) -> None:
    arguments = inputs("causal_convolution", 3, 9, 5, torch.float64, seed, resets=None)
    x_BTD, weight_KD, tail = (arguments[n] for n in ("x_BTD", "weight_KD", "tail_BPD"))
    assert x_BTD is not None
    assert weight_KD is not None
    assert tail is not None
    y_BTD, after = fused.causal_convolution(x_BTD, weight_KD, tail)
    for t in range(9):
        y_BD, tail = convolution.causal_convolution_step(x_BTD[:, t], weight_KD, tail)
        assert_near(y_BTD[:, t], y_BD, torch.float64)
    assert torch.equal(after, tail)


def test_what_is_not_a_number_stays_visible() -> None:
    nan = torch.tensor([[float("nan"), 1.0, -1.0, 2.0]])
    assert fused.squared_relu(nan).isnan().tolist() == [[True, False, False, False]]
    assert fused.gated_silu(nan).isnan().tolist() == [[True, False]]
    assert fused.rms_norm(nan, torch.ones(4), EPS).isnan().all()
    x = nan.clone().requires_grad_()
    (grad,) = torch.autograd.grad(fused.squared_relu(x).sum(), x)
    assert grad.isnan().tolist() == [[True, False, False, False]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_gelu_of_what_is_not_finite(dtype: torch.dtype) -> None:
    inf = float("inf")
    x = torch.tensor([[inf, 1e30, 50.0, -50.0, float("nan"), 0.0]], dtype=dtype)
    y = fused.gelu(x)
    torch.testing.assert_close(y, torch.nn.functional.gelu(x), equal_nan=True)


def test_norm_of_extreme_rows(seed: int) -> None:
    x = torch.randn(3, 17, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    scale = torch.tensor([[0.0], [1e-12], [1e12]], dtype=torch.float64)
    arguments: dict[str, Tensor | None] = {"x": x * scale, "weight_D": torch.ones(17).double()}
    check("rms_norm", arguments, torch.float64, seed, "rows near zero and far from it")


def test_the_root_of_a_square_is_exact() -> None:
    """The squared ReLU's gradient is made from its result, to the last bit."""
    # No smaller, for the squares should stay normal numbers.
    x = torch.randn(10_000).sign() * (0.5 + torch.rand(10_000)) * torch.logspace(-15, 15, 10_000)
    x.requires_grad_()
    (grad,) = torch.autograd.grad(fused.squared_relu(x).sum(), x)
    assert torch.equal(grad, 2 * x.detach().relu())


def test_backend_is_chosen_by_dtype_and_export() -> None:
    assert fused._backend(torch.zeros(1)) is _fused_native
    assert fused._backend(torch.zeros(1, dtype=torch.float16)) is _fused_torch
    assert _fused_library.supports(torch.bfloat16)

    class Norm(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return fused.rms_norm(x, torch.ones(4), EPS)

    exported = torch.export.export(Norm(), (torch.ones(2, 4),))
    assert "runnel" not in str(exported.graph)
