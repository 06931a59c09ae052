"""Attention by products against torch's own, and dropout's share and mean."""

import pytest
import torch
from torch.nn import functional as F

from runnel.ops.attention import attention_by_products, causal_attention
from runnel.ops.dropout import dropout
from tolerances import assert_near


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("time", [1, 63, 64, 65, 200])
def test_equals_torchs_attention_in_values_and_gradients(time: int, dtype: torch.dtype) -> None:
    torch.manual_seed(time)
    inputs = [torch.randn(2, 3, time, 33, dtype=torch.float64).to(dtype) for _ in range(4)]
    grad = inputs.pop()
    fast, slow = ([x.detach().clone().requires_grad_() for x in inputs] for _ in range(2))
    q, k, v = (x.double() for x in slow)  # torch's own in full precision
    y = attention_by_products(*fast)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert y.dtype == dtype
    assert_near(y, expected, dtype, "outputs")
    gradients = torch.autograd.grad(y, fast, grad)
    for x, other in zip(gradients, torch.autograd.grad(expected, slow, grad.double()), strict=True):
        assert_near(x, other, dtype, "gradients")


def test_what_is_wide_and_bfloat16_goes_by_products() -> None:
    for width, dtype in ((64, torch.bfloat16), (16, torch.bfloat16), (64, torch.float32)):
        q, k, v = (torch.randn(1, 2, 70, width, dtype=dtype, requires_grad=True) for _ in range(3))
        same = torch.equal(causal_attention(q, k, v), attention_by_products(q, k, v))
        assert same == (width == 64 and dtype == torch.bfloat16)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.999])
def test_dropout_has_its_share_and_keeps_the_mean(fraction: float) -> None:
    torch.manual_seed(1)
    x = torch.ones(1001, 999, requires_grad=True)
    y = dropout(x, fraction, training=True)
    assert (y == 0).float().mean().item() == pytest.approx(fraction, abs=2e-3)
    assert y.mean().item() == pytest.approx(1, abs=0.1 if fraction > 0.9 else 5e-3)
    y.sum().backward()
    assert torch.equal(x.grad, y)  # type: ignore[arg-type]
    assert dropout(x, fraction, training=False) is x
    torch.manual_seed(1)
    assert torch.equal(dropout(x, fraction, training=True), y)
