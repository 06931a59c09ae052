"""Dropout that draws sixteen bits a number: on a CPU most of its time is drawing."""

import torch
from torch import Tensor
from torch.nn import functional as F

_LEVELS = 2**16


def dropout(x: Tensor, fraction: float, training: bool) -> Tensor:
    """x with a part of its numbers zero and the others scaled up to the same mean.

    On a CPU the part is `fraction` to the nearest 2^-16. torch's own draws a number of 53 bits for
    each of x's.
    """
    if x.device.type != "cpu" or not training or not 0 < fraction < 1:
        return F.dropout(x, fraction, training)
    dropped = min(round(fraction * _LEVELS), _LEVELS - 1)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)
    kept = (bits >= dropped - _LEVELS // 2).to(x.dtype)
    return x * kept.mul_(_LEVELS / (_LEVELS - dropped))
