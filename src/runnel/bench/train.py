"""A training step: ours as `runnel train` takes it, beside peers of the same size."""

# B batch, T time, V vocabulary

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.bench import peers
from runnel.bench.bounds import multiplying, weights_read
from runnel.bench.memory import peak_bytes
from runnel.bench.report import Contestant, Maker, Report
from runnel.models.model import ModelConfig
from runnel.models.size import count_parameters
from runnel.training.config import TrainingConfig
from runnel.training.loss import next_token_loss
from runnel.training.optimizers import Optimizers
from runnel.training.precision import autocast
from runnel.training.trainer import recompute_activations

Loss = Callable[[Tensor, Tensor], Tensor]


def measure(
    report: Report, config: ModelConfig, name: str, *, batch: int, length: int, dtype: torch.dtype
) -> None:
    """Forward, loss, backward, clipping and AdamW; peak memory above weights and gradients.

    Each makes tokens of the same shape into next-token losses, its products in `dtype`.
    """
    size = count_parameters(config)
    tokens_BT = torch.randint(0, config.vocab_size, (batch, length + 1))
    inputs_BT, targets_BT = tokens_BT[:, :-1].contiguous(), tokens_BT[:, 1:].contiguous()

    def ours(recompute: bool = False) -> Contestant:
        model = config.build().train()
        if recompute:
            recompute_activations(model)

        def loss(inputs_BT: Tensor, targets_BT: Tensor) -> Tensor:
            return next_token_loss(model, inputs_BT, targets_BT, None, dtype)

        return step_of(model, loss, None, "activations recomputed" if recompute else None)

    def peer(name: str, make: Callable[[], Any]) -> Contestant:
        model = make().train()

        def loss(inputs_BT: Tensor, targets_BT: Tensor) -> Tensor:
            with autocast(dtype, inputs_BT.device):
                found = model(inputs_BT)
            logits_BTV = found if isinstance(found, Tensor) else found.logits
            return F.cross_entropy(logits_BTV.flatten(0, 1).float(), targets_BT.flatten())

        return step_of(model, loss, name)

    def step_of(
        model: nn.Module, loss: Loss, peer: str | None, note: str | None = None
    ) -> Contestant:
        def run() -> Tensor:
            return loss(inputs_BT, targets_BT)

        return Contestant(
            call=training_step(model, run),
            peak=lambda: _activations(model, run),
            peer=peer,
            note=note,
            dtype=str(dtype).removeprefix("torch."),
            work=6 * weights_read(model) * batch * length,
        )

    vocabulary, dim = config.vocab_size, config.dim
    makers: dict[str, Maker] = {
        "runnel": ours,
        "minGRU-pytorch minLM": lambda: peer(
            "minGRU-pytorch minLM", lambda: peers.min_lm(vocabulary, dim, size, convolution=True)
        ),
        "Hugging Face GPT-2": lambda: peer(
            "Hugging Face GPT-2", lambda: peers.gpt2(vocabulary, dim, size, length)
        ),
    }
    shape = {"parameters": size, "B": batch, "T": length}
    report.contest(f"{name} training step", shape, makers, bound=partial(multiplying, dtype))
    makers = {"runnel": ours, "recomputing": lambda: ours(recompute=True)}
    report.contest(f"{name} step, recomputing", shape, makers, bound=partial(multiplying, dtype))


def training_step(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """A call that takes one step: forward, backward, clipping, AdamW."""
    # The rate is tiny: timing must not depend on what is learnt from noise.
    training = TrainingConfig(steps=1, learning_rate=1e-6)
    optimizers = Optimizers(model, training, torch.float32)
    weights = list(model.parameters())

    def step() -> None:
        loss().backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in weights if p.grad is not None])
        torch.nn.utils.clip_grads_with_norm_(weights, training.optimizer.clip, norm)
        optimizers.step(1.0)
        for weight in weights:
            weight.grad = None

    return step


def _activations(model: nn.Module, loss: Callable[[], Tensor]) -> int:
    """Peak bytes of forward and backward where the gradients have their place already."""
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    peak = peak_bytes(lambda: loss().backward())
    for weight in model.parameters():
        weight.grad = None
    return peak
