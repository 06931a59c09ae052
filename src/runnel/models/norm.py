"""The root-mean-square norm (Zhang and Sennrich 2019, arXiv 1910.07467) as a module."""

# D width

import torch
from torch import Tensor, nn

from runnel.ops.fused import rms_norm


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) * weight over the last dimension."""

    def __init__(self, dim: int, eps: float = torch.finfo(torch.float32).eps) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D), each position on its own."""
        return rms_norm(x, self.weight, self.eps)
