"""Rows that begin at cache lines: a layer's results and gradients, in another memory."""

# N rows, K inputs, V outputs

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing._internal.two_tensor import TwoTensor

from runnel.ops import aligned


def weights(width: int, bias: bool = True) -> tuple[Tensor, Tensor | None]:
    return (
        torch.randn(width, 7, requires_grad=True),
        torch.randn(width, requires_grad=True) if bias else None,
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2), (0,), (1, 0)])
@pytest.mark.parametrize("width", [1, 15, 16, 17, 257])
def test_as_torch_has_it(width: int, shape: tuple[int, ...], bias: bool, seed: int) -> None:
    torch.manual_seed(seed)
    given = torch.randn(*shape, 7, requires_grad=True), *weights(width, bias)
    leaves = [x for x in given if x is not None]
    grad = torch.randn(*shape, width)
    found, wanted = aligned.linear(*given), F.linear(*given)
    torch.testing.assert_close(found, wanted)
    for ours, theirs in zip(
        torch.autograd.grad(found, leaves, grad),
        torch.autograd.grad(wanted, leaves, grad),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
    with torch.no_grad():
        assert torch.equal(aligned.linear(*given), found)


def test_rows_begin_at_lines() -> None:
    x, (weight, bias) = torch.randn(4, 3, 7), weights(257)
    found = aligned.linear(x, weight, bias)
    assert found.stride() == (3 * 272, 272, 1)
    assert found.data_ptr() % 64 == 0
    assert aligned.linear(x.double(), weight.double()).stride(-2) == 257
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert aligned.linear(x, weight, bias).stride(-2) == 257


def test_changed_in_place(seed: int) -> None:
    torch.manual_seed(seed)
    x, (weight, bias) = torch.randn(4, 7), weights(17)
    more = torch.randn(4, 17, requires_grad=True)
    sums = [aligned.linear(x, weight, bias).add_(more), F.linear(x, weight, bias) + more]
    for ours, theirs in zip(
        *(torch.autograd.grad((s**2).sum(), [more, weight]) for s in sums), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_second_derivatives(seed: int) -> None:
    torch.manual_seed(seed)
    x, (weight, bias) = torch.randn(3, 7), weights(17)
    found, wanted = (
        torch.autograd.functional.hessian(lambda x, f=f: (f(x, weight, bias) ** 2).sum(), x)
        for f in (aligned.linear, F.linear)
    )
    torch.testing.assert_close(found, wanted)


def test_what_is_frozen_gets_no_gradient() -> None:
    weight, bias = (x.detach() for x in weights(17) if x is not None)
    assert not aligned.linear(torch.randn(4, 7), weight, bias).requires_grad
    x = torch.randn(4, 7, requires_grad=True)
    (grad,) = torch.autograd.grad(aligned.linear(x, weight, bias).sum(), x)
    torch.testing.assert_close(grad, weight.sum(0).expand(4, -1))


def test_weights_of_another_kind() -> None:
    weight = torch.randn(17, 7)
    found = aligned.linear(torch.randn(4, 7), TwoTensor(weight, weight.clone()))
    assert type(found) is TwoTensor
