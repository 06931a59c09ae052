"""Rows that begin at cache lines: the layer's own results and gradients, in another memory."""

# N rows, K inputs, V outputs

import pytest
import torch
from torch import nn

from runnel.ops.aligned import aligned


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2), (0,), (1, 0)])
@pytest.mark.parametrize("width", [1, 15, 16, 17, 257])
def test_as_the_layer(width: int, shape: tuple[int, ...], bias: bool, seed: int) -> None:
    torch.manual_seed(seed)
    layer = nn.Linear(7, width, bias=bias)
    x = torch.randn(*shape, 7, requires_grad=True)
    leaves = [x, *layer.parameters()]
    grad = torch.randn(*shape, width)
    found, wanted = aligned(layer, x), layer(x)
    torch.testing.assert_close(found, wanted)
    for ours, theirs in zip(
        torch.autograd.grad(found, leaves, grad),
        torch.autograd.grad(wanted, leaves, grad),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
    with torch.no_grad():
        assert torch.equal(aligned(layer, x), found)


def test_rows_begin_at_lines() -> None:
    layer, x = nn.Linear(8, 257), torch.randn(4, 3, 8)
    assert aligned(layer, x).stride() == (3 * 272, 272, 1)
    assert aligned(layer, x.bfloat16().float()).stride(-2) == 272
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert aligned(layer, x).stride(-2) == 257


def test_changed_in_place(seed: int) -> None:
    torch.manual_seed(seed)
    layer = nn.Linear(8, 17)
    x, more = torch.randn(4, 8), torch.randn(4, 17, requires_grad=True)
    sums = [aligned(layer, x).add_(more), layer(x) + more]
    for ours, theirs in zip(
        *(torch.autograd.grad((s**2).sum(), [more, layer.weight]) for s in sums), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_frozen_parts() -> None:
    layer = nn.Linear(8, 17).requires_grad_(False)
    assert not aligned(layer, torch.randn(4, 8)).requires_grad
    x = torch.randn(4, 8, requires_grad=True)
    (grad,) = torch.autograd.grad(aligned(layer, x).sum(), x)
    torch.testing.assert_close(grad, layer.weight.sum(0).expand(4, -1))
