"""The running mean of the weights."""

import pytest
import torch
from torch import nn

from runnel.errors import InputError
from runnel.training.average import Average


def _line(value: float) -> nn.Linear:
    line = nn.Linear(2, 2)
    with torch.no_grad():
        for parameter in line.parameters():
            parameter.fill_(value)
    return line


def test_the_mean_follows_its_definition() -> None:
    line = _line(1.0)
    average = Average(line, 0.9)
    expected = 1.0
    for step in range(200):
        with torch.no_grad():
            line.weight.fill_(float(step))
        average.update(step)
        keep = min(0.9, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * step
    assert average.state()["weight"].mean() == pytest.approx(expected, rel=1e-5)
    assert average.state()["bias"].mean() == pytest.approx(1.0)


def test_the_first_weights_are_soon_forgotten() -> None:
    line = _line(1000.0)
    average = Average(line, 0.999)
    with torch.no_grad():
        line.weight.fill_(1.0)
    for step in range(50):
        average.update(step)
    assert average.state()["weight"].mean() < 1.01


def test_within_the_context_the_model_has_the_mean_and_after_it_its_own_weights() -> None:
    line = _line(2.0)
    average = Average(line, 0.5)
    with torch.no_grad():
        line.weight.fill_(6.0)
    before, address = line.weight.detach().clone(), line.weight.data_ptr()
    held = []

    def look() -> None:
        with average.applied():
            held.append(float(line.weight.detach().mean()))
            raise KeyError

    with pytest.raises(KeyError):
        look()
    assert held == [2.0]
    assert torch.equal(line.weight, before)
    assert line.weight.data_ptr() == address
    assert average.state()["weight"].mean() == 2.0


def test_restored_means_are_equal_and_their_own() -> None:
    average = Average(_line(2.0), 0.5)
    other = Average(_line(3.0), 0.5)
    other.load_state(average.state())
    assert torch.equal(other.state()["weight"], average.state()["weight"])
    assert other.state()["weight"].data_ptr() != average.state()["weight"].data_ptr()


def test_a_missing_mean_is_named() -> None:
    average = Average(_line(2.0), 0.5)
    with pytest.raises(InputError, match="the mean of bias"):
        average.load_state({"weight": torch.zeros(2, 2)})
