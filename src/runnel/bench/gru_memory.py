"""Training steps of the GRU with attention and memory: the plain loop, ours, the parallel form."""

# B batch, T time

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.bench.bounds import multiplying, weights_read
from runnel.bench.gru_loop import GRULoop
from runnel.bench.report import Contestant, Maker, Report
from runnel.bench.train import training_step
from runnel.mixers.memory import MemoryConfig
from runnel.mixers.mingru_memory import MinGRUMemoryConfig
from runnel.models.plain import PlainConfig
from runnel.models.size import count_parameters
from runnel.training.loss import next_token_loss
from runnel.training.precision import autocast

_CHARACTERS, _LENGTH, _HEADS, _DROPOUT = 98, 256, 6, 0.1
# Batch, widths of the two forms of one size, heads of the parallel one.
SIZES = ((16, 384, 474, 6), (64, 96, 116, 4))


def measure(report: Report, dtype: torch.dtype) -> None:
    """At the sizes and batches of kavyamali/tinystoriesgru; ratios are to its loop in float32."""
    for batch, width, parallel_width, heads in SIZES:
        sequential = PlainConfig(
            vocab_size=_CHARACTERS,
            dim=width,
            mixer=MemoryConfig(dim=width, heads=_HEADS, dropout=_DROPOUT),
        )
        parallel = PlainConfig(
            vocab_size=_CHARACTERS,
            dim=parallel_width,
            mixer=MinGRUMemoryConfig(dim=parallel_width, heads=heads, dropout=_DROPOUT),
        )
        shape = {"parameters": count_parameters(sequential), "B": batch, "T": _LENGTH}
        tokens_BT = torch.randint(0, _CHARACTERS, (batch, _LENGTH + 1), device=report.device)
        float32 = torch.float32
        makers: dict[str, Maker] = {
            "loop over torch's GRUCell": partial(_loop, sequential, tokens_BT, float32),
            "memory": partial(_ours, "runnel, step by step", sequential, tokens_BT, dtype),
            "mingru_memory": partial(_ours, "runnel, parallel", parallel, tokens_BT, dtype),
        }
        if dtype != float32:
            makers |= {
                "loop": partial(_loop, sequential, tokens_BT, dtype),
                "memory fp32": partial(_ours, "runnel, step by step", sequential, tokens_BT),
                "mingru_memory fp32": partial(_ours, "runnel, parallel", parallel, tokens_BT),
            }
        report.contest(
            "GRU with memory, training step", shape, makers, bound=partial(multiplying, dtype)
        )


def _ours(
    name: str, config: PlainConfig, tokens_BT: Tensor, dtype: torch.dtype = torch.float32
) -> Contestant:
    model = config.build().to(tokens_BT.device).train()
    inputs_BT, targets_BT = tokens_BT[:, :-1].contiguous(), tokens_BT[:, 1:].contiguous()

    def loss() -> Tensor:
        return next_token_loss(model, inputs_BT, targets_BT, None, dtype)

    return _step_of(name, model, loss, dtype, inputs_BT.numel())


def _loop(config: PlainConfig, tokens_BT: Tensor, dtype: torch.dtype) -> Contestant:
    model = GRULoop(config, _HEADS, _DROPOUT).to(tokens_BT.device).train()
    inputs_BT, targets_BT = tokens_BT[:, :-1].contiguous(), tokens_BT[:, 1:].contiguous()

    def loss() -> Tensor:
        with autocast(dtype, inputs_BT.device):
            logits_BTV = model(inputs_BT)
        return F.cross_entropy(logits_BTV.flatten(0, 1).float(), targets_BT.flatten())

    return _step_of("loop over torch's GRUCell", model, loss, dtype, inputs_BT.numel())


def _step_of(
    name: str, model: nn.Module, loss: Callable[[], Tensor], dtype: torch.dtype, tokens: int
) -> Contestant:
    return Contestant(
        call=training_step(model, loss),
        peer=name,
        dtype=str(dtype).removeprefix("torch."),
        work=6 * weights_read(model) * tokens,
    )
