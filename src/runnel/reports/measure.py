"""What is measured of a trained model beside its loss: speed, state, memory of the context."""

# B streams, T time, V vocabulary, N tokens of the text

import hashlib
import math
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runnel.data.tokenizers import Tokenizer
from runnel.errors import InputError
from runnel.inference import generate, loss_by_position
from runnel.inference.answers import reader
from runnel.inference.reading import chunk_length, device_of, reading
from runnel.inference.session import tokenizer_of
from runnel.models.inspection import bytes_of
from runnel.models.model import Model
from runnel.reports.results import Bin, Sample
from runnel.tasks import Reading
from runnel.tasks.recall import PROBED, Recall

STATE_LENGTHS = (1024, 16 * 1024, 256 * 1024)
_BURSTS, _WARM, _BURST_SECONDS = 9, 2, 0.1
_POSITION_TOKENS = 32_768
_SAMPLE_TOKENS = 300
_RECALL_QUESTIONS = 100
_FEWEST_TOKENS = 16
_FEWEST = 20  # questions that a mean over them is worth showing for


def decode_tokens_per_second(model: Model[Any]) -> float:
    """Steps a second of one stream after 100 tokens; the median of bursts, nothing drawn."""
    token_B = torch.zeros(1, dtype=torch.int64, device=device_of(model))
    with reading(model):
        state = model.init_state(1)

        def step() -> None:
            nonlocal state
            logits_BV, state = model.step(token_B, state)
            logits_BV.flatten()[0].item()  # waits for the device

        return steps_per_second(step)


def steps_per_second(step: Callable[[], None]) -> float:
    """How often a function can be called; the median of bursts, the first ones left out."""
    steps, rates = 100, []
    for burst in range(_WARM + _BURSTS):
        start = time.perf_counter()
        for _ in range(steps):
            step()
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
        sizes, read = [bytes_of(state)], 0
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
            sizes.append(bytes_of(state))
            found[str(length)] = sizes[-1]
    return found


def by_position(
    model: Model[Any], tokens_N: NDArray[Any], tokenizer: Tokenizer, length: int
) -> tuple[Bin, ...]:
    """Bits per byte of tokens 1, 2, 3 to 4, 5 to 8 and so on after a fresh start.

    In windows of twice the training length, as far as the text goes. Ranges with under 16 tokens
    are left out.
    """
    window = min(2 * length, len(tokens_N) - 1)
    limit = max(window, _POSITION_TOKENS)
    found = loss_by_position(model, tokens_N, tokenizer, length=window, limit=limit)
    return tuple(
        Bin(
            first=part.first,
            last=part.last,
            count=part.tokens,
            value=part.loss * part.tokens / part.bytes / math.log(2),
        )
        for part in found
        if part.tokens >= _FEWEST_TOKENS and part.bytes
    )


def recall(model: Model[Any], source: str, questions: int = _RECALL_QUESTIONS) -> tuple[Bin, ...]:
    """How far back names, colours and promises are known again: by words since the last mention.

    Only on a corpus that asks by itself; distances with under 20 questions are left out, and all
    of them where the model's alphabet lacks letters of the questions.
    """
    if source != PROBED:
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


def samples(model: Model[Any], prompts: Iterable[str], seed: int) -> tuple[Sample, ...]:
    """What the model writes after each prompt, at temperature 0.8."""
    return tuple(
        Sample(prompt=prompt, text=generate(model, prompt, _SAMPLE_TOKENS, seed=seed))
        for prompt in prompts
    )


def judged(tokens_N: NDArray[Any], limit: int | None) -> NDArray[Any]:
    """The beginning of a text of which so many tokens are judged; all of it for none."""
    return tokens_N if limit is None else tokens_N[: limit + 1]


def fingerprint(tokens_N: NDArray[Any]) -> str:
    """SHA-256 of a text's tokens."""
    return hashlib.sha256(np.ascontiguousarray(tokens_N, np.uint32).tobytes()).hexdigest()


def curve(lines: list[dict[str, Any]]) -> tuple[tuple[int, float, float], ...]:
    """Tokens, seconds and bits per byte at each evaluation on the way.

    The last line of a finished run may judge the whole text, not its beginning: it is left out.
    """
    return tuple(
        (int(line["tokens"]), float(line["seconds"]), float(line["bits_per_byte"]))
        for line in lines
        if line.keys() >= {"tokens", "seconds", "bits_per_byte"} and "best_step" not in line
    )


def speed(lines: list[dict[str, Any]]) -> float | None:
    """Median tokens per second of training over the logged lines, the first left out."""
    logged = [line for line in lines if "best_step" not in line]
    rates = [line["tokens_per_second"] for line in logged if "tokens_per_second" in line]
    return statistics.median(rates[1:] or rates) if rates else None
