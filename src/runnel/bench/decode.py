"""Decoding, one stream: seconds per token after prompts of growing length, and beside peers."""

# B batch, T time, V vocabulary

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from runnel.bench import peers
from runnel.bench.bounds import reading, weights_read
from runnel.bench.report import Contestant, Maker, Report
from runnel.inference.engine import Native, Plain, Stepper, stepper_for
from runnel.inference.reading import device_of
from runnel.inference.recorded import Streams
from runnel.models.model import Model
from runnel.models.size import count_parameters

POSITIONS = (10, 100, 1_000, 10_000)
_BURST = 64
"""tokens of one timed call: the first of them finds the caches as the one before left them"""
_PEERS_AT = 100
STREAMS = (1, 64)


def measure(
    report: Report, model: Model[Any], name: str, positions: tuple[int, ...] = POSITIONS
) -> None:
    """Bursts of single steps after prompts of each length, then beside peers.

    In the first contests ratios are taken to the shortest prompt: 1 says that the cost of a token
    does not depend on its position.
    """
    model.eval()
    size = {"parameters": count_parameters(model.config)}
    steppers: dict[str, Callable[[], Stepper]] = {"float32": lambda: stepper_for(model)}
    if isinstance(stepper_for(model), Native):
        steppers["bfloat16"] = lambda: Native(model, torch.bfloat16)
    for dtype, make in steppers.items():
        stepper = make()
        makers: dict[str, Maker] = {
            f"{p}": partial(_ours, model, stepper, p, f"after {p:,} tokens") for p in positions
        }
        report.contest(f"{name} by position, {dtype}", size, makers, bound=reading)
    makers = {
        f"runnel {dtype}": partial(_ours, model, make(), _PEERS_AT)
        for dtype, make in steppers.items()
    }
    makers |= {
        "model.step": partial(_ours, model, Plain(model), _PEERS_AT, peer="model.step"),
        "Hugging Face GPT-2": lambda: _gpt2(model),
        "minGRU-pytorch": lambda: _min_lm(model),
    }
    report.contest(f"{name} beside peers", size, makers, bound=reading)


def measure_streams(
    report: Report, model: Model[Any], name: str, counts: tuple[int, ...] = STREAMS
) -> None:
    """Many streams, each a token a step, by recorded steps and by plain ones; likeliest tokens.

    A unit is a step of all streams; the bound is a matrix product's at the weights' format.
    """
    for count in counts:
        makers: dict[str, Maker] = {}
        for dtype in (torch.bfloat16, torch.float32):
            cast = copy.deepcopy(model).to(dtype).eval()
            makers[f"recorded {dtype}"] = partial(_streams, cast, count, True)
            makers[f"model.step {dtype}"] = partial(_streams, cast, count, False)
        shape = {"parameters": count_parameters(model.config), "B": count}
        report.contest(f"{name}, streams", shape, makers, bound=reading)


def _streams(model: Model[Any], count: int, recorded: bool) -> Contestant:
    device = device_of(model)
    step = Streams(model, count).step if recorded else model.step
    with torch.inference_mode():
        start = model.init_state(count)
    first_B = torch.zeros(count, dtype=torch.int64, device=device)

    def burst() -> Tensor:
        token_B, state = first_B, start
        with torch.inference_mode():
            for _ in range(_BURST):
                logits_BV, state = step(token_B, state)
                token_B = logits_BV.argmax(-1)
        return token_B

    dtype = next(model.parameters()).dtype
    return Contestant(
        call=burst,
        units=_BURST,
        peer=None if recorded else "model.step",
        dtype=str(dtype).removeprefix("torch."),
        work=dtype.itemsize * weights_read(model),
    )


def _ours(
    model: Model[Any],
    stepper: Stepper,
    position: int,
    note: str | None = None,
    peer: str | None = None,
) -> Contestant:
    with torch.inference_mode():
        state = None
        for chunk_BT in _prompt(model, position).split(1024, dim=1):
            _, state = model(chunk_BT, state)
    start = stepper.enter(state)

    def burst() -> Tensor:
        after = start
        for k in range(_BURST):
            logits_BV, after = stepper.step(k % model.config.vocab_size, after)
        return logits_BV

    dtype, work = torch.float32, 4 * weights_read(model)
    if isinstance(stepper, Native):
        dtype, work = stepper.weights, stepper.bytes
    return Contestant(
        call=burst,
        units=_BURST,
        peer=peer,
        dtype=str(dtype).removeprefix("torch."),
        work=work,
        note=note,
    )


def _gpt2(ours: Model[Any]) -> Contestant:
    config = ours.config
    context = _PEERS_AT + _BURST
    model: Any = peers.gpt2(config.vocab_size, config.dim, count_parameters(config), context)
    model.to(device_of(ours)).eval()
    prompt_BT = _prompt(ours, _PEERS_AT)
    with torch.inference_mode():
        cache = model(prompt_BT, use_cache=True).past_key_values

    def step(token_BT: Tensor) -> None:
        model(token_BT, past_key_values=cache, use_cache=True)

    def rewind() -> None:
        written = cache.get_seq_length() - _PEERS_AT
        if written:
            cache.crop(-written)

    burst = _burst(step, rewind, device_of(ours))
    return Contestant(
        call=burst, peer="Hugging Face GPT-2", units=_BURST, work=4 * weights_read(model)
    )


def _min_lm(ours: Model[Any]) -> Contestant:
    config = ours.config
    model: Any = peers.min_lm(
        config.vocab_size, config.dim, count_parameters(config), convolution=False
    )
    model.to(device_of(ours)).eval()
    prompt_BT = _prompt(ours, _PEERS_AT)
    with torch.inference_mode():
        _, start = model(prompt_BT, return_prev_hiddens=True)
    state = [start]

    def step(token_BT: Tensor) -> None:
        _, state[0] = model(token_BT, return_prev_hiddens=True, prev_hiddens=state[0])

    def rewind() -> None:
        state[0] = start

    note = "without its convolution, with which it cannot decode"
    burst = _burst(step, rewind, device_of(ours))
    return Contestant(
        call=burst,
        peer="minGRU-pytorch minLM",
        units=_BURST,
        work=4 * weights_read(model),
        note=note,
    )


def _burst(
    step: Callable[[Tensor], None], rewind: Callable[[], None], device: torch.device
) -> Callable[[], None]:
    token_BT = torch.zeros(1, 1, dtype=torch.int64, device=device)

    def burst() -> None:
        rewind()
        with torch.inference_mode():
            for _ in range(_BURST):
                step(token_BT)

    return burst


def _prompt(model: Model[Any], length: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    size = (1, length)
    prompt_BT = torch.randint(model.config.vocab_size, size, generator=generator, device="cpu")
    return prompt_BT.to(device_of(model))
