"""Rows of several documents through somebody else's recurrence: as if each were run alone."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from runnel.ops.documents import Run, run_by_document
from tolerances import assert_near

ROWS, TIME, WIDTH = 4, 23, 5


def _one_by_one(
    cell: nn.GRU, x_BTD: Tensor, h_BE: Tensor, reset_BT: Tensor
) -> tuple[Tensor, Tensor]:
    """The slow twin: a token at a time."""
    outputs = []
    for t in range(x_BTD.shape[1]):
        h_BE = torch.where(reset_BT[:, t, None], 0, h_BE)
        y_B1E, h_1BE = cell(x_BTD[:, t : t + 1], h_BE.unsqueeze(0))
        h_BE = h_1BE.squeeze(0)
        outputs.append(y_B1E)
    return torch.cat(outputs, dim=1), h_BE


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_documents_are_run_as_if_alone(share: float) -> None:
    generator = torch.Generator().manual_seed(3)
    reset_BT = torch.rand(ROWS, TIME, generator=generator) < share
    reset_BT[0], reset_BT[1, 0] = False, True
    cell = nn.GRU(WIDTH, WIDTH, batch_first=True, dtype=torch.float64)
    results = []
    for by_document in (True, False):
        torch.manual_seed(4)
        x_BTD = torch.randn(ROWS, TIME, WIDTH, dtype=torch.float64, requires_grad=True)
        h_BE = torch.randn(ROWS, WIDTH, dtype=torch.float64, requires_grad=True)
        if by_document:
            y_BTE, (last_BE,) = run_by_document(_run(cell), x_BTD, (h_BE,), reset_BT)
        else:
            y_BTE, last_BE = _one_by_one(cell, x_BTD, h_BE, reset_BT)
        wanted = (x_BTD, h_BE, *cell.parameters())
        loss = (y_BTE * torch.randn_like(y_BTE)).sum() + last_BE.square().sum()
        results.append((y_BTE, last_BE, *torch.autograd.grad(loss, wanted)))
    for actual, expected in zip(*results, strict=True):
        assert_near(actual.detach(), expected.detach(), torch.float64)


def test_nothing_is_padded() -> None:
    reset_BT = torch.zeros(3, 100, dtype=torch.bool)
    reset_BT[0, ::2] = True
    seen: list[PackedSequence] = []

    def run(
        x: PackedSequence, states: tuple[Tensor, ...]
    ) -> tuple[PackedSequence, tuple[Tensor, ...]]:
        seen.append(x)
        return x, states

    x_BTD = torch.randn(3, 100, 2)
    y_BTD, _ = run_by_document(run, x_BTD, (torch.zeros(3, 2),), reset_BT)
    assert torch.equal(y_BTD, x_BTD)
    assert [len(packed.data) for packed in seen] == [300]
    assert seen[0].batch_sizes.tolist() == [52, 52, *[2] * 98]


def _run(cell: nn.GRU) -> Run:
    def run(
        x: PackedSequence, states: tuple[Tensor, ...]
    ) -> tuple[PackedSequence, tuple[Tensor, ...]]:
        y, last_1NE = cell(x, states[0].unsqueeze(0))
        return y, (last_1NE.squeeze(0),)

    return run
