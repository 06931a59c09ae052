"""How well a model predicts a text: nats per token and per byte, every target counted once."""

# R rows read side by side, T time, V vocabulary, N tokens of the text

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from runnel.data.loader import IGNORED
from runnel.data.tokenizers import Tokenizer
from runnel.errors import DivergedError, InputError
from runnel.inference.reading import chunk_length, device_of, reading
from runnel.models.model import Model

Tokens = NDArray[Any]
CARRIED = "state carried through the text, fresh at each document"
"""the protocol of `evaluate` without windows"""
Span = tuple[int, int]  # inputs start to stop, of which each predicts the token after it

_SEARCH = 2**20
# 16 rows of 2048 take twice as long on a CPU as 16 of 256, whose activations stay in its caches.
_CPU_LENGTH, _GPU_LENGTH = 256, 2048
_WASTE = 1.25  # computed positions per counted one, at most


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The mean loss over the targets of a text, in several units."""

    loss: float
    """nats per token"""
    nats_per_byte: float
    """nats per byte of text, comparable between tokenizers"""
    bits_per_byte: float
    """the same in bits"""
    perplexity: float
    """e to the loss, per token"""
    tokens: int
    """targets counted, end tokens among them"""
    bytes: int
    """bytes of text that these targets stand for"""
    protocol: str
    """what the model had read before each target"""

    @classmethod
    def of(cls, nats: float, tokens: int, size: int, protocol: str) -> "Evaluation":
        """From the sum of the losses over so many tokens, which stand for `size` bytes."""
        loss, per_byte = nats / tokens, nats / size
        return cls(
            loss=loss,
            nats_per_byte=per_byte,
            bits_per_byte=per_byte / math.log(2),
            perplexity=math.exp(min(loss, 700.0)),
            tokens=tokens,
            bytes=size,
            protocol=protocol,
        )


def evaluate(
    model: Model[Any],
    tokens_N: Tokens,
    tokenizer: Tokenizer,
    *,
    windows: int | None = None,
    limit: int | None = None,
    batch: int = 16,
    length: int | None = None,
) -> Evaluation:
    """Judge the prediction of each token of a text (one after the other, as in a TokenStream).

    The first token is read and not predicted. Without `windows` the state is carried through the
    whole text and starts afresh at every end token; with it, windows of that many inputs follow
    each other from the first token, each from a fresh state, and what does not fill a window is
    left out. `limit` counts the first so many targets only (with `windows`, the whole windows
    among them). At most `batch` rows of `length` tokens are read at once, which changes speed and
    memory, not the result; by default as many as suit the device.
    InputError for impossible input, DivergedError when the loss is not finite.
    """
    for name, value in (
        ("windows", windows),
        ("limit", limit),
        ("batch", batch),
        ("length", length),
    ):
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1; got {value}")
    if length is None:
        length = _CPU_LENGTH if device_of(model).type == "cpu" else _GPU_LENGTH
    targets = len(tokens_N) - 1
    if limit is not None:
        targets = min(targets, limit)
    if targets < (windows or 1):
        raise InputError(
            f"expected a text of at least {(windows or 1) + 1} tokens; got {targets + 1}; give "
            "more text, a larger limit or smaller windows"
        )
    groups: Iterable[list[Span]]
    if windows is None:
        groups = [_documents(tokens_N, targets, tokenizer.end, batch)]
        protocol = CARRIED
    else:
        groups = _windows(targets // windows, windows, batch)
        protocol = f"fresh state every {windows} tokens"
    total = _Sum()
    for spans in groups:
        _read(model, tokens_N, spans, tokenizer, length, total)
    return _result(total, protocol)


@dataclass
class _Sum:
    nats: float = 0.0
    tokens: int = 0
    bytes: int = 0


def _documents(tokens_N: Tokens, inputs: int, end: int, rows: int) -> list[Span]:
    """Cut the text at document starts into about equal parts, `rows` at most.

    Exact, since no state crosses a document's start. Fewer parts where documents are so long that
    the longest part would leave the others waiting.
    """
    while rows > 1:
        cuts = [0]
        for row in range(1, rows):
            start = _next_end(tokens_N, max(cuts[-1] + 1, row * inputs // rows), inputs, end)
            if start is None:
                break
            cuts.append(start)
        spans = list(pairwise([*cuts, inputs]))
        if len(spans) * max(stop - start for start, stop in spans) <= _WASTE * inputs:
            return spans
        rows //= 2
    return [(0, inputs)]


def _next_end(tokens_N: Tokens, start: int, stop: int, end: int) -> int | None:
    """The first end token in [start, stop), in blocks so that a mapped text stays on disk."""
    for at in range(start, stop, _SEARCH):
        found = np.flatnonzero(tokens_N[at : min(stop, at + _SEARCH)] == end)
        if len(found):
            return at + int(found[0])
    return None


def _windows(count: int, inputs: int, rows: int) -> Iterator[list[Span]]:
    """Windows that follow each other, `rows` of them at a time."""
    for first in range(0, count, rows):
        yield [(i * inputs, (i + 1) * inputs) for i in range(first, min(first + rows, count))]


def _read(
    model: Model[Any],
    tokens_N: Tokens,
    spans: list[Span],
    tokenizer: Tokenizer,
    length: int,
    total: _Sum,
) -> None:
    """Read the spans side by side from fresh states, chunk by chunk, and add up their losses."""
    device = device_of(model)
    state: Any = None
    longest = max(stop - start for start, stop in spans)
    chunk = chunk_length(model, len(spans), length)
    for at in range(0, longest, chunk):
        width = min(chunk, longest - at)
        inputs_RT = np.full((len(spans), width), tokenizer.end, np.int64)
        targets_RT = np.full((len(spans), width), IGNORED, np.int64)
        for row, (start, stop) in enumerate(spans):
            piece = np.asarray(tokens_N[start + at : min(stop, start + at + width) + 1], np.int64)
            inside = max(0, len(piece) - 1)  # none once this row's span is over
            inputs_RT[row, :inside] = piece[:inside]
            targets_RT[row, :inside] = piece[1 : inside + 1]
        counted = targets_RT[targets_RT != IGNORED]
        _check_tokens(max(int(inputs_RT.max()), int(counted.max())), model, tokenizer)
        with reading(model):
            tokens_RT = torch.from_numpy(inputs_RT).to(device)
            reset_RT = tokens_RT == tokenizer.end
            logits_RTV, state = model(tokens_RT, state, reset_RT if bool(reset_RT.any()) else None)
            total.nats += _nats(logits_RTV, torch.from_numpy(targets_RT).to(device))
        total.tokens += len(counted)
        total.bytes += int(tokenizer.token_bytes_V[counted].sum())


def _nats(logits_RTV: Tensor, targets_RT: Tensor) -> float:
    """The summed loss: each in float32 at least, the sum in float64."""
    logits_NV = logits_RTV.flatten(0, 1)
    logits_NV = logits_NV.to(torch.promote_types(logits_NV.dtype, torch.float32))
    losses_N = F.cross_entropy(
        logits_NV, targets_RT.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return float(losses_N.sum(dtype=torch.float64))


def _check_tokens(largest: int, model: Model[Any], tokenizer: Tokenizer) -> None:
    size = min(model.config.vocab_size, len(tokenizer.token_bytes_V))
    if largest >= size:
        raise InputError(
            f"expected tokens in [0, {size}); got {largest}; use the tokenizer that the model was "
            "trained with"
        )


def _result(total: _Sum, protocol: str) -> Evaluation:
    if not math.isfinite(total.nats):
        raise DivergedError(
            f"expected a finite loss; got {total.nats} over {total.tokens} tokens; the weights "
            "have diverged: use an earlier checkpoint"
        )
    if total.bytes == 0:
        raise InputError(f"expected text to predict; got {total.tokens} tokens that stand for none")
    return Evaluation.of(total.nats, total.tokens, total.bytes, protocol)
