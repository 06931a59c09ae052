"""What is measured of a trained model beside its loss: speed, state, memory of the context."""

# R rows read side by side, T time, V vocabulary, N tokens of the text

import hashlib
import math
import statistics
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from runnel.data import CORPORA
from runnel.data.tokenizers import Tokenizer
from runnel.errors import InputError
from runnel.inference import generate
from runnel.inference.answers import reader
from runnel.inference.reading import chunk_length, device_of, reading
from runnel.inference.session import tokenizer_of
from runnel.models.model import Model
from runnel.reports.results import Bin, Sample
from runnel.tasks import Reading
from runnel.tasks.recall import Recall

STATE_LENGTHS = (1024, 16 * 1024, 256 * 1024)
_BURSTS, _WARM, _BURST_SECONDS = 9, 2, 0.1
_CHUNK, _ROWS = 256, 16
_POSITION_TOKENS = 131_072
_SAMPLE_TOKENS = 300
_FEWEST = 20  # questions that a mean over them is worth showing for


def decode_tokens_per_second(model: Model[Any]) -> float:
    """Steps a second of one stream after 100 tokens; the median of bursts, nothing drawn."""
    device = device_of(model)
    token_B = torch.zeros(1, dtype=torch.int64, device=device)
    with reading(model):
        state = model.init_state(1)
        steps, rates = 100, []
        for burst in range(_WARM + _BURSTS):
            start = time.perf_counter()
            for _ in range(steps):
                logits_BV, state = model.step(token_B, state)
            logits_BV.flatten()[0].item()  # waits for the device
            seconds = time.perf_counter() - start
            if burst >= _WARM:
                rates.append(steps / seconds)
            steps = max(1, min(1000, round(steps * _BURST_SECONDS / seconds)))
    return statistics.median(rates)


def state_bytes(model: Model[Any], tokens_N: NDArray[Any]) -> dict[str, int]:
    """Bytes of one stream's state after 1 k, 16 k and 256 k tokens.

    Read on only while the state grows: one whose tensors have the same shapes at the start, after
    1 k and after 16 k tokens is taken to keep them.
    """
    found: dict[str, int] = {}
    with reading(model):
        state: Any = model.init_state(1)
        sizes, read = [_bytes(state)], 0
        for length in STATE_LENGTHS:
            if length == STATE_LENGTHS[-1] and len(set(sizes)) == 1:
                found[str(length)] = sizes[0]
                break
            while read < length:
                chunk = min(length - read, chunk_length(model, 1, 1024))
                places_T = np.arange(read, read + chunk) % len(tokens_N)
                tokens_BT = torch.from_numpy(tokens_N[places_T].astype(np.int64))[None]
                _, state = model(tokens_BT.to(device_of(model)), state)
                read += chunk
            sizes.append(_bytes(state))
            found[str(length)] = sizes[-1]
    return found


def _bytes(state: Any) -> int:
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    return sum(_bytes(part) for part in state) if isinstance(state, (tuple, list)) else 0


def loss_by_position(
    model: Model[Any], tokens_N: NDArray[Any], tokenizer: Tokenizer, length: int
) -> tuple[Bin, ...]:
    """Bits per byte of tokens 1, 2, 3 to 4, 5 to 8 and so on after a fresh start.

    Windows of twice the training length follow each other; a document that begins in one begins
    the count anew. Ranges with under 16 tokens are left out.
    """
    window = min(2 * length, len(tokens_N) - 1)
    count = max(1, min(_POSITION_TOKENS, len(tokens_N) - 1) // window)
    sums: dict[int, NDArray[np.float64]] = {}
    for first in range(0, count, _ROWS):
        rows = range(first, min(count, first + _ROWS))
        tokens_RT = np.stack([tokens_N[r * window : (r + 1) * window + 1] for r in rows])
        _add_losses(model, tokens_RT.astype(np.int64), tokenizer, sums)
    return tuple(
        Bin(
            first=(1 << power - 1) + 1 if power else 1,
            last=min(1 << power, window),
            count=int(number),
            value=float(nats / size / math.log(2)),
        )
        for power, (nats, size, number) in sorted(sums.items())
        if number >= 16
    )


def _add_losses(
    model: Model[Any],
    tokens_RT: NDArray[np.int64],
    tokenizer: Tokenizer,
    sums: dict[int, NDArray[np.float64]],
) -> None:
    state: Any = None
    since_R = np.zeros(len(tokens_RT), np.int64)
    with reading(model):
        for at in range(0, tokens_RT.shape[1] - 1, _CHUNK):
            inputs_RT = tokens_RT[:, at : at + _CHUNK][:, : tokens_RT.shape[1] - 1 - at]
            targets_RT = tokens_RT[:, at + 1 : at + 1 + inputs_RT.shape[1]]
            reset_RT = inputs_RT == tokenizer.end
            device = device_of(model)
            logits_RTV, state = model(
                torch.from_numpy(inputs_RT).to(device),
                state,
                torch.from_numpy(reset_RT).to(device) if reset_RT.any() else None,
            )
            nats_RT = F.cross_entropy(
                logits_RTV.float().mT, torch.from_numpy(targets_RT).to(device), reduction="none"
            ).cpu()
            place_RT = np.empty_like(inputs_RT)
            for t in range(inputs_RT.shape[1]):
                since_R = np.where(reset_RT[:, t], 1, since_R + 1)
                place_RT[:, t] = since_R
            power_RT = np.ceil(np.log2(place_RT)).astype(int)
            size_RT = tokenizer.token_bytes_V[targets_RT]
            for power in np.unique(power_RT):
                here = power_RT == power
                part = np.array([nats_RT.numpy()[here].sum(), size_RT[here].sum(), here.sum()])
                sums[int(power)] = sums.get(int(power), np.zeros(3)) + part


def recall(model: Model[Any], source: str, questions: int = 600) -> tuple[Bin, ...]:
    """How far back names, colours and promises are known again: by words since the last mention.

    Only on a corpus that asks by itself; distances with under 20 questions are left out, and all
    of them where the model's alphabet lacks letters of the questions.
    """
    if source not in CORPORA:
        return ()
    read = reader(model)
    task = Recall(text=source, questions=questions)
    try:
        score = task.score(lambda batch: Reading(*read(batch)), tokenizer_of(model))
    except InputError:
        return ()
    bins = []
    for band, part in score.parts["words"].items():
        first, _, last = band.rstrip("+").partition("-")
        stop = int(last) if last else 2 * int(first) - 1
        if part.answers >= _FEWEST:
            bins.append(Bin(first=int(first), last=stop, count=part.answers, value=part.accuracy))
    return tuple(bins)


def samples(model: Model[Any], prompts: tuple[str, ...], seed: int) -> tuple[Sample, ...]:
    """What the model writes after each prompt, at temperature 0.8."""
    return tuple(
        Sample(prompt=prompt, text=generate(model, prompt, _SAMPLE_TOKENS, seed=seed))
        for prompt in prompts
    )


def fingerprint(tokens_N: NDArray[Any]) -> str:
    """SHA-256 of a text's tokens."""
    return hashlib.sha256(np.ascontiguousarray(tokens_N, np.uint32).tobytes()).hexdigest()


def curve(lines: list[dict[str, Any]]) -> tuple[tuple[int, float, float], ...]:
    """Tokens, seconds and bits per byte at each evaluation on the way.

    The last line of a finished run may judge the whole text, not its beginning: it is left out.
    """
    return tuple(
        (line["tokens"], float(line["seconds"]), float(line["bits_per_byte"]))
        for line in lines
        if "bits_per_byte" in line and "best_step" not in line
    )


def speed(lines: list[dict[str, Any]]) -> float | None:
    """Median tokens per second of training over the logged lines, the first left out."""
    rates = [line["tokens_per_second"] for line in lines if "best_step" not in line]
    return statistics.median(rates[1:] or rates) if rates else None
