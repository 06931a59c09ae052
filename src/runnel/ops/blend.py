"""The general form of minGRU and minLSTM: any candidate, and a start that may be learned."""

# B batch, T time, E inner width

import torch
from torch import Tensor
from torch.nn import functional as F

from runnel import ops


def positive(u: Tensor) -> Tensor:
    """g(u) = u + 1/2 for u >= 0, the logistic function below (Feng et al. 2024, appendix B)."""
    return torch.where(u >= 0, F.relu(u) + 0.5, torch.sigmoid(u))


def blend_scan(
    gate_BTE: Tensor,
    value_BTE: Tensor,
    initial_BE: Tensor,
    reset_BT: Tensor | None = None,
    start_E: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = (1 - σ(gate_t)) h_{t-1} + σ(gate_t) value_t; a reset begins again from `start_E`.

    A start other than zero is taken off before the scan and put back after it: h - start obeys the
    same recurrence over value - start, and begins at zero.
    """
    decay_BTE, share_BTE = torch.sigmoid(-gate_BTE), torch.sigmoid(gate_BTE)
    if start_E is None:
        return ops.linear_scan(decay_BTE, share_BTE * value_BTE, initial_BE, reset_BT)
    start_E = start_E.to(initial_BE.dtype)
    input_BTE = share_BTE * (value_BTE - start_E.to(value_BTE.dtype))
    h_BTE, last_BE = ops.linear_scan(decay_BTE, input_BTE, initial_BE - start_E, reset_BT)
    return h_BTE + start_E.to(h_BTE.dtype), last_BE + start_E
