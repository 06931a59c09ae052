"""The loss in pieces is torch's, and so are its gradients."""

import pytest
import torch
from torch.nn import functional as F

from runnel.data.loader import IGNORED
from runnel.training.loss import cross_entropy
from tolerances import TOLERANCES, assert_near


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(1, 2), (700, 257), (63, 5000), (1000, 300)])
@pytest.mark.parametrize("share", [1.0, 0.25])
@pytest.mark.parametrize("ignored", [10**6, 2])
def test_cross_entropy(
    shape: tuple[int, int], dtype: torch.dtype, share: float, ignored: int
) -> None:
    torch.manual_seed(0)
    logits_NV = (4 * torch.randn(shape)).to(dtype).requires_grad_()
    targets_N = torch.randint(0, shape[1], shape[:1])
    targets_N[ignored - 1 :: ignored] = IGNORED
    wide = torch.promote_types(dtype, torch.float32)
    expected = F.cross_entropy(logits_NV.to(wide), targets_N)
    found = cross_entropy(logits_NV, targets_N)
    assert found.dtype is wide
    assert_near(found, expected, wide)
    grads = [torch.autograd.grad(share * loss, logits_NV)[0] for loss in (expected, found)]
    relative, absolute = TOLERANCES[dtype]
    # Gradients are as small as one over the positions.
    torch.testing.assert_close(grads[1], grads[0], rtol=relative, atol=absolute / shape[0])
