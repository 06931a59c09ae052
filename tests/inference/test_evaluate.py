"""Evaluation counts every target once, whatever the batch and the chunks."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runnel.data.tokenizers import ByteTokenizer, CharTokenizer
from runnel.errors import DivergedError, InputError
from runnel.inference import Evaluation, evaluate
from runnel.inference.evaluate import _documents
from runnel.inference.reading import chunk_length
from runnel.models.model import Model

TOKENIZER = ByteTokenizer()
Tokens = NDArray[np.uint16]


def text(documents: int, size: int, seed: int = 0) -> Tokens:
    """A stream of documents of uneven sizes, the end token before each."""
    rng = np.random.default_rng(seed)
    parts = [rng.integers(1, 256, rng.integers(1, 2 * size)) for _ in range(documents)]
    return np.concatenate([np.append(0, part) for part in parts]).astype(np.uint16)


def naive(model: Model[Any], tokens: Tokens, windows: int | None, limit: int | None) -> float:
    """Mean loss by one step after the other: the definition."""
    targets = len(tokens) - 1 if limit is None else min(limit, len(tokens) - 1)
    if windows is not None:
        targets -= targets % windows
    nats = []
    with torch.no_grad():
        for i in range(targets):
            if i == 0 or tokens[i] == 0 or (windows is not None and i % windows == 0):
                state = model.init_state(1)
            logits_BV, state = model.step(torch.tensor([int(tokens[i])]), state)
            nats.append(-float(logits_BV[0].double().log_softmax(-1)[int(tokens[i + 1])]))
    return math.fsum(nats) / len(nats)


@pytest.mark.parametrize(
    ("windows", "limit"), [(None, None), (None, 101), (13, None), (13, 100), (1, 9), (200, None)]
)
def test_evaluation_equals_the_definition(
    model: Model[Any], windows: int | None, limit: int | None
) -> None:
    tokens = text(documents=20, size=12)
    expected = naive(model, tokens, windows, limit)
    found = evaluate(model, tokens, TOKENIZER, windows=windows, limit=limit, batch=5, length=37)
    assert found.loss == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("windows", [None, 32])
@pytest.mark.parametrize(("documents", "size"), [(1, 300), (2, 150), (7, 50), (100, 3)])
def test_batch_and_length_do_not_matter(
    mingru: Model[Any], documents: int, size: int, windows: int | None
) -> None:
    tokens = text(documents, size)
    results = [
        evaluate(mingru, tokens, TOKENIZER, windows=windows, batch=batch, length=length)
        for batch, length in [(1, 10**6), (1, 50), (3, 37), (16, 2048), (64, 5)]
    ]
    for result in results:
        assert result.loss == pytest.approx(results[0].loss, abs=1e-6)
        assert (result.tokens, result.bytes) == (results[0].tokens, results[0].bytes)


@pytest.mark.parametrize("size", range(5, 18))
@pytest.mark.parametrize("windows", [None, 4])
def test_every_target_counts_once(mingru: Model[Any], size: int, windows: int | None) -> None:
    tokens = text(documents=12, size=4)[:size]
    result = evaluate(mingru, tokens, TOKENIZER, windows=windows, batch=4, length=3)
    whole = size - 1 if windows is None else (size - 1) // windows * windows
    assert result.tokens == result.bytes == whole
    assert result.loss == pytest.approx(naive(mingru, tokens, windows, None), abs=1e-5)


def test_units(mingru: Model[Any]) -> None:
    tokenizer = CharTokenizer([chr(c) for c in range(0x100, 0x1FF)])  # two bytes each
    tokens = np.append(0, np.arange(1, 200)).astype(np.uint16)
    result = evaluate(mingru, tokens, tokenizer)
    assert (result.tokens, result.bytes) == (199, 398)
    assert result.nats_per_byte == pytest.approx(result.loss / 2)
    assert result.bits_per_byte == pytest.approx(result.loss / 2 / math.log(2))
    assert result.perplexity == pytest.approx(math.exp(result.loss))
    assert "carried" in result.protocol
    assert "every 7 tokens" in evaluate(mingru, tokens, tokenizer, windows=7).protocol


def test_a_mapped_file_of_tokens(mingru: Model[Any], tmp_path: Path) -> None:
    tokens = text(30, 30)
    tokens.tofile(tmp_path / "tokens")
    mapped: Tokens = np.memmap(tmp_path / "tokens", dtype=np.uint16, mode="r")
    assert evaluate(mingru, mapped, TOKENIZER) == evaluate(mingru, tokens, TOKENIZER)


def test_documents_are_read_side_by_side(mingru: Model[Any]) -> None:
    """Many documents fill the rows of a batch; one document cannot be cut."""
    shapes: list[tuple[int, ...]] = []
    hook = mingru.register_forward_pre_hook(lambda _, args: shapes.append(tuple(args[0].shape)))
    tokens = text(200, 20)
    evaluate(mingru, tokens, TOKENIZER, batch=8, length=100)
    assert {rows for rows, _ in shapes} == {8}
    assert sum(rows * width for rows, width in shapes) < 1.25 * len(tokens)
    shapes.clear()
    evaluate(mingru, tokens[tokens != 0], TOKENIZER, batch=8, length=100)
    assert {rows for rows, _ in shapes} == {1}
    assert max(width for _, width in shapes) <= 100
    hook.remove()


@settings(max_examples=200, deadline=None)
@given(
    ends=st.lists(st.booleans(), min_size=1, max_size=60),
    rows=st.integers(1, 20),
)
def test_texts_are_cut_at_document_starts_only(ends: list[bool], rows: int) -> None:
    tokens = np.array([0 if end else 7 for end in ends], np.uint16)
    spans = _documents(tokens, len(tokens), 0, rows)
    assert 1 <= len(spans) <= rows
    assert spans[0][0] == 0
    assert spans[-1][1] == len(tokens)
    assert all(start < stop for start, stop in spans)
    for (_, stop), (start, _) in pairwise(spans):
        assert stop == start
        assert tokens[start] == 0


def test_a_large_vocabulary_is_read_in_small_chunks(mingru: Model[Any]) -> None:
    """Logits of one chunk are bounded; the text is not."""
    assert chunk_length(mingru, 16, 2048) == 2048
    large: Any = type("Large", (), {"config": type("C", (), {"vocab_size": 50_304})})
    assert 16 * chunk_length(large, 16, 2048) * 50_304 * 4 <= 2**27
    assert chunk_length(large, 10**6, 2048) == 1


def test_modes_are_as_before(mingru: Model[Any]) -> None:
    mingru.train()
    evaluate(mingru, text(3, 20), TOKENIZER)
    assert mingru.training
    logits, _ = mingru(torch.zeros(1, 3, dtype=torch.int64))
    logits.sum().backward()


def test_a_loss_that_is_not_finite(mingru: Model[Any]) -> None:
    with torch.no_grad():
        list(mingru.parameters())[-1].fill_(float("nan"))
    with pytest.raises(DivergedError, match="finite loss"):
        evaluate(mingru, text(3, 20), TOKENIZER)


@pytest.mark.parametrize(
    ("tokens", "options", "message"),
    [
        ([0], {}, "at least 2 tokens; got 1"),
        ([], {}, "at least 2 tokens"),
        (range(9), {"windows": 9}, "at least 10 tokens; got 9"),
        (range(9), {"limit": 0}, "limit must be at least 1"),
        (range(9), {"batch": 0}, "batch must be at least 1"),
        (range(9), {"windows": -3}, "windows must be at least 1"),
        ([0, 5, 256], {}, r"tokens in \[0, 256\); got 256"),
        ([0, 256, 5], {}, r"tokens in \[0, 256\); got 256"),
    ],
)
def test_impossible_input(
    mingru: Model[Any], tokens: list[int], options: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(mingru, np.array(tokens, np.uint16), TOKENIZER, **options)


def test_the_result_is_a_value(mingru: Model[Any]) -> None:
    result = evaluate(mingru, text(3, 20), TOKENIZER)
    assert isinstance(result, Evaluation)
    with pytest.raises(AttributeError):
        result.loss = 0.0  # type: ignore[misc]
