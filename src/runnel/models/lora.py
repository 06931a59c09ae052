"""LoRA: a frozen matrix that learns through two thin factors (Hu et al. 2021, arXiv 2106.09685)."""

# O outputs, I inputs, R rank

import torch
from torch import Tensor, nn


class LoRA(nn.Module):
    """W + up down, for a linear layer's W; zero is added until `up` has learned.

    `down` starts with variance 1 / R, so that a step of `up` moves the sum about as far as the
    same optimizer's step of W itself would.
    """

    def __init__(self, weight_OI: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight_OI.shape
        self.up_OR = nn.Parameter(weight_OI.new_zeros(outputs, rank))
        self.down_RI = nn.Parameter(weight_OI.new_empty(rank, inputs).normal_(std=rank**-0.5))

    def forward(self, weight_OI: Tensor) -> Tensor:
        """The one matrix that stands for both, in the precision of the weights."""
        device = weight_OI.device.type
        if not torch.amp.is_autocast_available(device):
            return torch.addmm(weight_OI, self.up_OR, self.down_RI)
        # Under autocast the kept weights would otherwise differ from those that were trained.
        with torch.autocast(device, enabled=False):
            return torch.addmm(weight_OI, self.up_OR, self.down_RI)
