"""Training steps of a diverging model in each of its stages, beside the model it grows into."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from runnel.bench.report import Contestant, Maker, Report
from runnel.bench.train import training_step
from runnel.models.diverging import DivergingConfig
from runnel.models.growing import GrowingModel
from runnel.models.model import Model, ModelConfig
from runnel.models.size import count_parameters
from runnel.training.loss import next_token_loss


def measure(
    report: Report, config: DivergingConfig, whole: ModelConfig, name: str, dtype: torch.dtype
) -> None:
    """Ratios are to the baseline `whole` of the same vocabulary, without stages."""
    batch, length = 4, 256
    tokens_BT = torch.randint(0, config.vocab_size, (batch, length + 1), device=report.device)
    makers: dict[str, Maker] = {
        "baseline": partial(_contestant, name, whole, 0, tokens_BT, dtype),
    }
    for stage, blocks in enumerate(config.stages, start=1):
        who = f"runnel, stage {stage}: {blocks} blocks"
        makers[who] = partial(_contestant, who, config, stage, tokens_BT, dtype)
    shape = {"parameters": count_parameters(whole), "B": batch, "T": length}
    report.contest("diverging, training step", shape, makers)


def _contestant(
    name: str, config: ModelConfig, stage: int, tokens_BT: Tensor, dtype: torch.dtype
) -> Contestant:
    model: Model[Any] = config.build().to(tokens_BT.device).train()
    inputs_BT, targets_BT = tokens_BT[:, :-1].contiguous(), tokens_BT[:, 1:].contiguous()
    if isinstance(model, GrowingModel):
        model.begin()
        while model.stage < stage:
            model.grow()

    def loss() -> Tensor:
        return next_token_loss(model, inputs_BT, targets_BT, None, dtype)

    return Contestant(
        call=training_step(model, loss), peer=name, dtype=str(dtype).removeprefix("torch.")
    )
