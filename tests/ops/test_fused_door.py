"""What the passes around a scan refuse, and what they say then."""

import pytest
import torch
from torch import Tensor

from runnel.ops import fused


def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(shape, dtype=dtype)


X, TAPS, TAIL = zeros(2, 5, 6), zeros(3, 6), zeros(2, 2, 6)


@pytest.mark.parametrize(
    ("x", "taps", "tail", "reset", "message"),
    [
        (zeros(2, 5), TAPS, TAIL, None, r"x_BTD of shape \(B, T, E\); got \(2, 5\)"),
        (X.to(torch.int64), TAPS, TAIL, None, "x_BTD of a float"),
        (X.to(torch.complex64), TAPS, TAIL, None, "x_BTD to be real"),
        (X, zeros(6), TAIL, None, r"weight_KD of shape \(6, 6\) to fit x_BTD; got \(6,\)"),
        (X, zeros(0, 6), TAIL, None, "with K >= 1"),
        (X, zeros(3, 7), TAIL, None, r"\(3, 6\) to fit x_BTD; got \(3, 7\)"),
        (X, TAPS, zeros(2, 3, 6), None, r"tail_BPD of shape \(2, 2, 6\)"),
        (X, TAPS.double(), TAIL, None, "weight_KD of dtype torch.float32"),
        (X, TAPS, TAIL.double(), None, "tail_BPD of dtype torch.float32"),
        (X, TAPS, TAIL, zeros(2, 4, dtype=torch.bool), r"reset_BT of shape \(2, 5\)"),
        (X, TAPS, TAIL, zeros(2, 5), "reset_BT of dtype torch.bool"),
    ],
)
def test_convolution_refuses(
    x: Tensor, taps: Tensor, tail: Tensor, reset: Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fused.causal_convolution(x, taps, tail, reset)


@pytest.mark.parametrize(
    ("x", "weight", "message"),
    [
        (zeros(), zeros(1), "at least one dimension"),
        (zeros(2, 3, dtype=torch.int64), zeros(3), "float dtype"),
        (zeros(2, 3), zeros(2), r"weight_D of shape \(3,\) to fit x; got \(2,\)"),
        (zeros(2, 3), zeros(3, dtype=torch.float64), "weight_D of dtype torch.float32"),
    ],
)
def test_norm_refuses(x: Tensor, weight: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fused.rms_norm(x, weight, 1e-6)


@pytest.mark.parametrize("op", ["squared_relu", "gated_silu"])
def test_activations_refuse(op: str) -> None:
    run = getattr(fused, op)
    for x, bias, message in (
        (zeros(), None, "at least one dimension"),
        (zeros(2, 4, dtype=torch.int64), None, "float dtype"),
        (zeros(2, 4), zeros(3), r"bias_D of shape \(4,\) to fit x; got \(3,\)"),
        (zeros(2, 4), zeros(4, dtype=torch.float64), "bias_D of dtype torch.float32"),
    ):
        with pytest.raises(ValueError, match=f"{op}: expected .*{message}"):
            run(x, bias)


def test_a_gate_needs_a_value() -> None:
    with pytest.raises(ValueError, match=r"even last dimension.*got \(2, 5\)"):
        fused.gated_silu(zeros(2, 5))
