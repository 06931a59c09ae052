"""How far two ways to compute the same thing may differ, by the dtype of the inputs."""

import torch
from torch import Tensor

# dtype: (relative, absolute as a share of the largest expected number, at least of one). Float32
# accumulates up to a thousand steps; bfloat16 rounds its results to 8 bits, and its gradients are
# made from states that were rounded so.
TOLERANCES = {
    torch.float64: (1e-10, 1e-11),
    torch.complex128: (1e-10, 1e-11),
    torch.float32: (1e-5, 4e-6),
    torch.complex64: (1e-5, 4e-6),
    torch.bfloat16: (1e-2, 1e-2),
    torch.float16: (2e-3, 2e-3),
}


def assert_near(actual: Tensor, expected: Tensor, dtype: torch.dtype, what: str = "") -> None:
    """Raises AssertionError where `actual` is further from `expected` than `dtype` excuses."""
    assert actual.shape == expected.shape, f"{what}: {actual.shape} is not {expected.shape}"
    relative, absolute = TOLERANCES[dtype]
    wide = torch.complex128 if expected.is_complex() else torch.float64
    scale = max(1.0, expected.abs().max().item()) if expected.numel() else 1.0
    torch.testing.assert_close(
        actual.to(wide),
        expected.to(wide),
        rtol=relative,
        atol=absolute * scale,
        msg=lambda message: f"{what}: {message}",
    )
