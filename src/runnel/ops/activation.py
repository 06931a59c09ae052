"""The positive activation g of minGRU and minLSTM (Feng et al. 2024, appendix B)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def positive(u: Tensor) -> Tensor:
    """g(u) = u + 1/2 for u >= 0, the logistic function below: positive, continuous, monotone."""
    return torch.where(u >= 0, F.relu(u) + 0.5, torch.sigmoid(u))
