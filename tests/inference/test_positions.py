"""The loss by position: every target of the windows once, at the age of its context."""

from typing import Any

import numpy as np
import pytest

from runnel.data.tokenizers import ByteTokenizer
from runnel.errors import InputError
from runnel.inference import evaluate, loss_by_position
from runnel.models.model import Model

_TEXT = ByteTokenizer().encode("The brook ran on and on, over stones. " * 9)


def test_the_mean_over_all_positions_is_the_loss_in_windows(model: Model[Any]) -> None:
    found = loss_by_position(model, _TEXT, ByteTokenizer(), length=20)
    whole = evaluate(model, _TEXT, ByteTokenizer(), windows=20)
    assert [(p.first, p.last) for p in found] == [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 20)]
    assert sum(p.tokens for p in found) == whole.tokens
    mean = sum(p.loss * p.tokens for p in found) / whole.tokens
    assert mean == pytest.approx(whole.loss, rel=1e-9)
    assert sum(p.bytes for p in found) == whole.bytes


def test_a_document_inside_a_window_begins_at_the_first_position(model: Model[Any]) -> None:
    tokens_N = np.concatenate([_TEXT[:8], [0], _TEXT[:8]])
    found = loss_by_position(model, tokens_N, ByteTokenizer(), length=16)
    assert [p.tokens for p in found] == [2, 2, 4, 8]
    assert found[-1].last == 8


def test_too_short_a_text_is_refused(model: Model[Any]) -> None:
    with pytest.raises(InputError, match="at least 401 tokens"):
        loss_by_position(model, _TEXT, ByteTokenizer(), length=400)
