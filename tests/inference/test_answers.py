"""A model as a task sees it: chunks and shared beginnings change nothing."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import runnel.inference.answers as answers
from runnel.data.loader import IGNORED, Batch
from runnel.models.model import Model


def _batch(shared: int) -> Batch:
    draw = np.random.default_rng(0)
    tokens_BT = draw.integers(1, 256, (3, 50))
    tokens_BT[:, :shared] = tokens_BT[0, :shared]
    targets_BT = np.where(draw.random((3, 50)) < 0.3, draw.integers(0, 256, (3, 50)), IGNORED)
    targets_BT[:, :shared] = IGNORED
    return Batch(tokens_BT, targets_BT, np.zeros((3, 50), dtype=np.bool_))


@pytest.mark.parametrize("shared", [0, 20, 40])
@pytest.mark.parametrize("length", [7, 512])
def test_equals_one_forward_over_all(
    model: Model[Any], shared: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_LENGTH", length)
    batch = _batch(shared)
    nats_BT, best_BT = answers.answer(model, batch)
    with torch.inference_mode():
        logits_BTV, _ = model(torch.from_numpy(batch.tokens_BT))
    expected = F.cross_entropy(
        logits_BTV.flatten(0, 1), torch.from_numpy(batch.targets_BT).flatten(), reduction="none"
    )
    torch.testing.assert_close(torch.from_numpy(nats_BT), expected.unflatten(0, (3, 50)))
    assert np.array_equal(best_BT, logits_BTV.argmax(-1).numpy())
    assert not nats_BT[batch.targets_BT == IGNORED].any()
