"""HGRN over grids: equal to plain loops, seeing what it should see, and able to learn."""

# B batch, H rows, W columns, D model width

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from runnel.mixers.hgrn import HGRNConfig
from runnel.models.grid import GridHGRN, ImageConfig

DIM = 6


def grid(state: str = "complex", *, bidirectional: bool = True) -> GridHGRN:
    torch.manual_seed(11)
    mixers, bounds = HGRNConfig(dim=DIM, state=state).build_layers(3)  # type: ignore[arg-type]
    bounds.double()
    module = GridHGRN(mixers[2], bidirectional=bidirectional).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.4)
    return module


@pytest.mark.parametrize("state", ["complex", "real"])
def test_one_axis_one_way_is_the_causal_mixer(state: str) -> None:
    module = grid(state, bidirectional=False)
    x_BTD = torch.randn(2, 21, DIM, dtype=torch.float64)
    torch.testing.assert_close(module(x_BTD), module.mixer(x_BTD)[0])


def looped(module: GridHGRN, x_BHWD: Tensor) -> Tensor:
    """Every line of every axis on its own, both ways, one cell after another."""
    mixer, (B, H, W, _) = module.mixer, x_BHWD.shape
    forget, candidate, gate = mixer.projected(x_BHWD)
    decay, E = mixer.decays(x_BHWD), mixer.inner
    value = candidate
    if mixer.parts == 2:
        value = torch.complex(candidate[..., :E], candidate[..., E:])
    total = torch.zeros_like(value)
    rows = [[(i, j) for j in range(W)] for i in range(H)]
    columns = [[(i, j) for i in range(H)] for j in range(W)]
    for b in range(B):
        for line in rows + columns:
            ways = [(line, mixer.theta_E), (line[::-1], module.theta_back_E)]
            for way, theta_E in ways[: 2 if module.bidirectional else 1]:
                turn_E = torch.ones(E) if theta_E is None else torch.exp(1j * theta_E)
                h_E = torch.zeros_like(value[0, 0, 0])
                for i, j in way:
                    h_E = decay[b, i, j] * turn_E * h_E + (1 - decay[b, i, j]) * value[b, i, j]
                    total[b, i, j] += h_E
    flat = torch.cat([total.real, total.imag], -1) if mixer.parts == 2 else total
    assert forget.shape == decay.shape
    return mixer.read_out(flat, gate)


@pytest.mark.parametrize("state", ["complex", "real"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_two_axes_equal_plain_loops(state: str, bidirectional: bool) -> None:
    module = grid(state, bidirectional=bidirectional)
    x_BHWD = torch.randn(2, 3, 5, DIM, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(module(x_BHWD), looped(module, x_BHWD))


@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_place_sees_its_row_and_its_column(bidirectional: bool) -> None:
    module = grid(bidirectional=bidirectional)
    x_BHWD = torch.randn(1, 4, 5, DIM, dtype=torch.float64, requires_grad=True)
    module(x_BHWD)[0, 2, 1].square().sum().backward()
    assert x_BHWD.grad is not None
    seen_HW = x_BHWD.grad[0].abs().sum(-1) > 0
    expected_HW = torch.zeros(4, 5, dtype=torch.bool)
    expected_HW[2, :] = expected_HW[:, 1] = True
    if not bidirectional:
        expected_HW[2, 2:] = expected_HW[3:, 1] = False
    assert seen_HW.equal(expected_HW)


def test_turning_a_picture_round_turns_the_result_round() -> None:
    module = grid()
    x_BHWD = torch.randn(1, 3, 4, DIM, dtype=torch.float64)
    before = module(x_BHWD)
    mixer = module.mixer
    assert mixer.theta_E is not None
    assert module.theta_back_E is not None
    with torch.no_grad():
        mixer.theta_E.data, module.theta_back_E.data = module.theta_back_E.data, mixer.theta_E.data
    torch.testing.assert_close(module(x_BHWD.flip(1, 2)).flip(1, 2), before)


def test_bounds_rise_with_depth_and_rows_and_columns_look_alike() -> None:
    """Without patches of more than a pixel a picture and its mirror at the diagonal are one."""
    torch.manual_seed(12)
    hgrn = HGRNConfig(dim=16)
    model = ImageConfig(hgrn=hgrn, layers=3, patch=1, channels=1).build()
    bounds = [m.mixer.lower_bound() for m in model.mixers]  # type: ignore[union-attr,operator]
    assert all((low < high).all() for low, high in pairwise(bounds))
    images_BCHW = torch.randn(2, 1, 5, 5)
    torch.testing.assert_close(model(images_BCHW.mT), model(images_BCHW))


def test_a_classifier_learns_which_way_bars_run() -> None:
    """Bars at random places in noise; patches of two pixels see a part of one."""
    torch.manual_seed(12)
    config = ImageConfig(hgrn=HGRNConfig(dim=16), layers=1, patch=2, channels=1, classes=2)
    model = config.build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def draw() -> tuple[Tensor, Tensor]:
        images_BCHW, way_B = torch.randn(32, 1, 6, 6) * 0.3, torch.randint(0, 2, (32,))
        for image_HW, way in zip(images_BCHW[:, 0], way_B, strict=True):
            line_HW = image_HW if way else image_HW.T
            line_HW[torch.randint(0, 6, ())] += 2
        return images_BCHW, way_B

    losses = []
    for _ in range(60):
        images_BCHW, way_B = draw()
        loss = torch.nn.functional.cross_entropy(model(images_BCHW), way_B)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < 0.5 * 0.69
