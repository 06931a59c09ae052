"""The GRU with a memory: the hand-written gradient against the loop's, and the bound on radii."""

import pytest
import torch
from torch import Tensor

from runnel.ops.gru_memory import CellWeights, gru_memory_loop, gru_memory_scan
from runnel.ops.spectral import spectral_radius
from tolerances import assert_near

DIM = 7


def draw(time: int, dtype: torch.dtype, gates: float) -> list[Tensor]:
    """Gates, weights, h and M; `gates` shifts r, z and p towards 0 or 1."""
    torch.manual_seed(time)
    shapes = [(3, time, 3 * DIM), (3 * DIM, DIM), (3 * DIM,), (3 * DIM, DIM), (DIM + 1, DIM)]
    shapes += [(DIM + 1,), (3, DIM), (3, DIM)]
    tensors = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
    for weights in (tensors[1], tensors[3], tensors[4]):
        weights *= DIM**-0.5  # larger ones make the recurrence chaotic, in any precision
    tensors[0][..., : 2 * DIM] += gates
    tensors[5][-1] += gates
    return [t.to(dtype).requires_grad_() for t in tensors]


def run(function: object, inputs: list[Tensor], reset_BT: Tensor | None) -> list[Tensor]:
    gates, *weights, h, memory = inputs
    h_BTD, last = function(gates, CellWeights(*weights), h, memory, reset_BT)  # type: ignore[operator]
    if h_BTD.shape[1]:
        scale = torch.linspace(-1, 1, h_BTD.numel(), dtype=h_BTD.dtype).view_as(h_BTD)
        loss = (h_BTD * scale).sum() + last.square().sum()
    else:
        loss = last.square().sum()
    grads = torch.autograd.grad(loss, inputs, materialize_grads=True)
    return [h_BTD, last, *grads]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("gates", [0.0, 20.0, -20.0])
@pytest.mark.parametrize("time", [0, 1, 63, 200])
def test_equals_the_loop_in_values_and_gradients(
    time: int, gates: float, dtype: torch.dtype
) -> None:
    inputs = draw(time, dtype, gates)
    for reset_BT in (None, torch.rand(3, time) < 0.2):
        fast = run(gru_memory_scan, inputs, reset_BT)
        slow = run(gru_memory_loop, inputs, reset_BT)
        for i, (x, y) in enumerate(zip(fast, slow, strict=True)):
            assert_near(x, y, dtype, f"output {i}")


@pytest.mark.parametrize("dim", [1, 2, 30, 124])
def test_spectral_radius_is_never_below_and_near_the_largest_eigenvalue(dim: int) -> None:
    torch.manual_seed(dim)
    for scale in (1e-3, 1.0, 1e3):
        matrix = scale * torch.randn(dim, dim)
        exact = torch.linalg.eigvals(matrix.double()).abs().max().item()
        assert exact * (1 - 1e-5) <= spectral_radius(matrix).item() <= 1.02 * exact


def test_spectral_radius_of_rotations_and_of_what_dies_out() -> None:
    turn = torch.tensor([[0.0, -0.7], [0.7, 0.0]])
    assert spectral_radius(turn).item() == pytest.approx(0.7, rel=1e-3)
    assert spectral_radius(torch.zeros(3, 3)).item() == 0
    assert spectral_radius(torch.ones(4, 4).triu(1)).item() == 0
