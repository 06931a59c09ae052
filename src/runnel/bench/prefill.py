"""Reading a prompt: seconds per token of a whole prompt at once, beside decoding and peers."""

# B batch, T time, V vocabulary

from functools import partial
from typing import Any

import torch
from torch import Tensor

from runnel.bench import peers
from runnel.bench.bounds import multiplying, weights_read
from runnel.bench.report import Contestant, Maker, Report
from runnel.inference.engine import stepper_for
from runnel.models.model import Model
from runnel.models.size import count_parameters

LENGTHS = (512, 4096)
_CHUNK = 1024


def measure(
    report: Report, model: Model[Any], name: str, lengths: tuple[int, ...] = LENGTHS
) -> None:
    """One prompt of each length, batch 1; ratios of peers, and of decoding token by token."""
    model.eval()
    config, size = model.config, count_parameters(model.config)
    for length in lengths:
        prompt_BT = torch.randint(0, config.vocab_size, (1, length), device=report.device)

        def ours(prompt_BT: Tensor = prompt_BT) -> Contestant:
            return _reader(model, None, prompt_BT, lambda chunk, state: model(chunk, state))

        def gpt2(prompt_BT: Tensor = prompt_BT) -> Contestant:
            other: Any = peers.gpt2(config.vocab_size, config.dim, size, prompt_BT.shape[1]).eval()
            return _whole(other.to(report.device), "Hugging Face GPT-2", prompt_BT)

        def min_lm(prompt_BT: Tensor = prompt_BT) -> Contestant:
            other = peers.min_lm(config.vocab_size, config.dim, size, convolution=True)
            return _whole(other.to(report.device).eval(), "minGRU-pytorch minLM", prompt_BT)

        makers: dict[str, Maker] = {
            "runnel": ours,
            "Hugging Face GPT-2": gpt2,
            "minGRU-pytorch": min_lm,
            "decoding": lambda: _decoding(model),
        }
        shape = {"parameters": size, "T": length}
        bound = partial(multiplying, torch.float32)
        report.contest(f"{name} prompt", shape, makers, bound=bound)


def _reader(model: Any, peer: str | None, prompt_BT: Tensor, read: Any) -> Contestant:
    def call() -> Tensor:
        state = None
        with torch.inference_mode():
            for chunk_BT in prompt_BT.split(_CHUNK, dim=1):
                logits_BTV, state = read(chunk_BT, state)
        return logits_BTV[:, -1]

    return Contestant(call=call, peer=peer, work=2 * weights_read(model), units=prompt_BT.shape[1])


def _whole(model: Any, peer: str, prompt_BT: Tensor) -> Contestant:
    def call() -> object:
        with torch.inference_mode():
            return model(prompt_BT)

    return Contestant(call=call, peer=peer, work=2 * weights_read(model), units=prompt_BT.shape[1])


def _decoding(model: Model[Any]) -> Contestant:
    steps = 16
    stepper = stepper_for(model)
    start = stepper.enter(model.init_state(1))

    def call() -> None:
        state = start
        for token in range(steps):
            _, state = stepper.step(token, state)

    return Contestant(call=call, peer="decoding", units=steps)
