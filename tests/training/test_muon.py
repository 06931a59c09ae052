"""Muon equals torch's own where that runs, and its fast forms equal the slow one."""

import pytest
import torch
from torch import Tensor, nn

from runnel.training.muon import Muon, orthogonalize

# Relative to the norm of the result.
_TOLERANCE = 1e-3
# torch's own always multiplies in bfloat16, whose 8 bits show where ours takes float32.
_TOLERANCE_BESIDE_TORCH = {torch.float32: 2e-2, torch.bfloat16: 1e-3}


def _orthogonalize_slowly(x_RC: Tensor) -> Tensor:
    x_RC = x_RC / x_RC.norm()
    for _ in range(5):
        gram_RR = x_RC @ x_RC.T
        x_RC = 3.4445 * x_RC - 4.7750 * gram_RR @ x_RC + 2.0315 * gram_RR @ gram_RR @ x_RC
    return x_RC


def _distance(x: Tensor, y: Tensor) -> float:
    return float((x.double() - y.double()).norm() / y.double().norm())


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (8, 8), (32, 40), (32, 64), (33, 257)])
@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6])
def test_fast_forms_equal_the_definition_in_float64(
    shape: tuple[int, int], condition: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(*shape, generator=generator, dtype=torch.float64)
    left, _, right = torch.linalg.svd(random, full_matrices=False)
    values = torch.logspace(0, -torch.tensor(condition).log10().item(), min(shape)).double()
    x_RC = (left * values) @ right
    expected = _orthogonalize_slowly(x_RC)
    found = orthogonalize(x_RC.float().unsqueeze(0))[0]
    assert _distance(found, expected) < _TOLERANCE


def test_singular_values_move_to_about_one() -> None:
    x_NRC = torch.randn(3, 24, 96, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(x_NRC))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_zero_stays_zero() -> None:
    assert orthogonalize(torch.zeros(2, 4, 12)).abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_ten_steps_equal_torch_muon(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = {"a": (12, 20), "b": (20, 12), "c": (12, 20), "d": (16, 16), "e": (8, 64)}
    starts = {n: torch.randn(*s, generator=generator) / 4 for n, s in shapes.items()}
    ours = {n: nn.Parameter(w.clone()) for n, w in starts.items()}
    theirs = {n: nn.Parameter(w.clone()) for n, w in starts.items()}
    reference = torch.optim.Muon(
        list(theirs.values()), lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    muon = Muon(ours, momentum=0.95, weight_decay=0.1, dtype=dtype)
    for _ in range(10):
        for name, weight in starts.items():
            gradient = torch.randn(weight.shape, generator=generator)
            ours[name].grad, theirs[name].grad = gradient, gradient.clone()
        muon.step(0.02)
        reference.step()
    for name, weight in starts.items():
        moved = _distance(ours[name].detach() - weight, theirs[name].detach() - weight)
        assert moved < _TOLERANCE_BESIDE_TORCH[dtype], name
        momentum = reference.state[theirs[name]]["momentum_buffer"]
        torch.testing.assert_close(muon.momenta()[name], momentum)


def test_weights_without_gradient_only_decay() -> None:
    weight = nn.Parameter(torch.ones(4, 6))
    Muon({"w": weight}, momentum=0.9, weight_decay=0.5, dtype=torch.float32).step(0.1)
    torch.testing.assert_close(weight.detach(), torch.full((4, 6), 0.95))


def test_only_matrices_are_admitted() -> None:
    with pytest.raises(ValueError, match=r"wants matrices; b has shape \(3,\)"):
        Muon({"b": nn.Parameter(torch.ones(3))}, momentum=0.9, weight_decay=0, dtype=torch.float32)
