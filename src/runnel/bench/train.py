"""A training step: ours as `runnel train` takes it, beside peers of the same size."""

# B batch, T time, V vocabulary

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.bench import peers
from runnel.bench.bounds import multiplying, weights_read
from runnel.bench.memory import peak_bytes
from runnel.bench.report import Contestant, Maker, Report
from runnel.models.model import ModelConfig
from runnel.models.size import count_parameters
from runnel.training.clipping import clip_unread
from runnel.training.compiling import maybe_compiled
from runnel.training.config import TrainingConfig
from runnel.training.loss import next_token_loss
from runnel.training.optimizers import Optimizers
from runnel.training.precision import autocast
from runnel.training.trainer import recompute_activations

Compile = Literal["auto", "never", "always"]


def measure(
    report: Report, config: ModelConfig, name: str, *, batch: int, length: int, dtype: torch.dtype
) -> None:
    """Forward, loss, backward, clipping and AdamW; peak memory above weights and gradients.

    Each makes tokens of the same shape into next-token losses, its products in `dtype`.
    """
    size = count_parameters(config)
    vocabulary, dim = config.vocab_size, config.dim
    work = _Work(report, config, batch, length, dtype)
    makers: dict[str, Maker] = {
        **_ours(work),
        "minGRU-pytorch minLM": lambda: work.peer(
            "minGRU-pytorch minLM", lambda: peers.min_lm(vocabulary, dim, size, convolution=True)
        ),
        "Hugging Face GPT-2": lambda: work.peer(
            "Hugging Face GPT-2", lambda: peers.gpt2(vocabulary, dim, size, length)
        ),
    }
    shape, bound = {"parameters": size, "B": batch, "T": length}, partial(multiplying, dtype)
    report.contest(f"{name} training step", shape, makers, bound=bound)
    makers = {"runnel": work.ours, "recomputing": lambda: work.ours(recompute=True)}
    report.contest(f"{name} step, recomputing", shape, makers, bound=bound)


def measure_ours(
    report: Report, config: ModelConfig, name: str, *, batch: int, length: int, dtype: torch.dtype
) -> None:
    """The same of ours alone: on a GPU compiled, as `runnel train` does, and not."""
    shape = {"parameters": count_parameters(config), "B": batch, "T": length}
    makers = _ours(_Work(report, config, batch, length, dtype))
    report.contest(f"{name} training step", shape, makers, bound=partial(multiplying, dtype))


def _ours(work: "_Work") -> dict[str, Maker]:
    makers: dict[str, Maker] = {"runnel": work.ours}
    if work.device.type == "cuda":
        makers["compile=never"] = lambda: work.ours(compiles="never")
    return makers


class _Work:
    """Next-token losses of one batch of random tokens."""

    def __init__(
        self, report: Report, config: ModelConfig, batch: int, length: int, dtype: torch.dtype
    ) -> None:
        self.config, self.device, self.dtype = config, report.device, dtype
        tokens_BT = torch.randint(0, config.vocab_size, (batch, length + 1), device=self.device)
        self.inputs_BT = tokens_BT[:, :-1].contiguous()
        self.targets_BT = tokens_BT[:, 1:].contiguous()

    def ours(self, recompute: bool = False, compiles: Compile = "auto") -> Contestant:
        """Our model's step, as the trainer takes it."""
        model = self.config.build().to(self.device).train()
        if recompute:
            recompute_activations(model)
        forward = maybe_compiled(model, TrainingConfig(steps=1, compile=compiles), self.device)

        def loss() -> Tensor:
            return next_token_loss(forward, self.inputs_BT, self.targets_BT, None, self.dtype)

        note = "activations recomputed" if recompute else None
        if forward is not model:
            start = time.perf_counter()
            loss().backward()
            float(next(model.parameters()).sum())  # waits for a device
            note = f"compiled; the first pass took {time.perf_counter() - start:.0f} s"
        peer = None if compiles == "auto" else f"compile={compiles}"
        return self._step_of(model, loss, peer, note)

    def peer(self, name: str, make: Callable[[], Any]) -> Contestant:
        """Another's model under the same loss and optimizer."""
        model = make().to(self.device).train()

        def loss() -> Tensor:
            with autocast(self.dtype, self.device):
                found = model(self.inputs_BT)
            logits_BTV = found if isinstance(found, Tensor) else found.logits
            return F.cross_entropy(logits_BTV.flatten(0, 1).float(), self.targets_BT.flatten())

        return self._step_of(model, loss, name, None)

    def _step_of(
        self, model: nn.Module, loss: Callable[[], Tensor], peer: str | None, note: str | None
    ) -> Contestant:
        return Contestant(
            call=training_step(model, loss),
            peak=lambda: _activations(model, loss),
            peer=peer,
            note=note,
            dtype=str(self.dtype).removeprefix("torch."),
            work=6 * weights_read(model) * self.inputs_BT.numel(),
        )


def training_step(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """A call that takes one step: forward, backward, clipping, AdamW."""
    # The rate is tiny: timing must not depend on what is learnt from noise.
    training = TrainingConfig(steps=1, learning_rate=1e-6)
    optimizers = Optimizers(model, training, torch.float32)
    weights = list(model.parameters())

    def unwaited() -> None:
        """As on a GPU."""
        value = loss()
        value.backward()
        gradients = [p.grad for p in weights if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        clip_unread(training.optimizer.clip, norm, gradients)
        optimizers.step(1.0, torch.isfinite(torch.stack([value.detach(), norm])).all())
        for weight in weights:
            weight.grad = None

    def step() -> None:
        loss().backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in weights if p.grad is not None])
        torch.nn.utils.clip_grads_with_norm_(weights, training.optimizer.clip, norm)
        optimizers.step(1.0)
        for weight in weights:
            weight.grad = None

    return unwaited if weights[0].device.type == "cuda" else step


def _activations(model: nn.Module, loss: Callable[[], Tensor]) -> int:
    """Peak bytes of forward and backward where the gradients have their place already."""
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    peak = peak_bytes(lambda: loss().backward(), next(model.parameters()).device)
    for weight in model.parameters():
        weight.grad = None
    return peak
