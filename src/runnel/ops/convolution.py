"""A short causal depthwise convolution over time, as shifted adds."""

# B batch, T time, D width, K taps

import torch
from torch import Tensor


def causal_convolution(
    x_BTD: Tensor, weight_KD: Tensor, tail_BPD: Tensor, reset_BT: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y_t = sum over k of weight_k x_{t-k}, nothing crossing a reset; and the last K - 1 inputs.

    `tail_BPD` holds the P = K - 1 inputs before x, oldest first, zero where there were none; the
    second result is the tail for the next call, with what a reset cut off set to zero. Shifted adds
    rather than a grouped convolution, whose backward is several times slower on a CPU.
    """
    taps, time = weight_KD.shape[0], x_BTD.shape[1]
    if tail_BPD.shape[1] != taps - 1:
        raise ValueError(
            f"expected a tail of {taps - 1} inputs for {taps} taps; got {tail_BPD.shape[1]}"
        )
    if taps == 1:
        return x_BTD * weight_KD[0], tail_BPD
    long = torch.cat([tail_BPD.to(x_BTD.dtype), x_BTD], dim=1)
    weight_KD = weight_KD.to(x_BTD.dtype)
    y_BTD = x_BTD * weight_KD[0]
    if reset_BT is None:
        for k in range(1, taps):
            y_BTD = y_BTD + long[:, taps - 1 - k : taps - 1 - k + time] * weight_KD[k]
        return y_BTD, long[:, time:].to(tail_BPD.dtype)
    document = _documents(reset_BT, taps - 1)
    for k in range(1, taps):
        begin = taps - 1 - k
        same = document[:, begin : begin + time] == document[:, taps - 1 :]
        y_BTD = y_BTD + (long[:, begin : begin + time] * weight_KD[k]) * same.unsqueeze(-1)
    current = document[:, time:] == document[:, -1:]
    return y_BTD, (long[:, time:] * current.unsqueeze(-1)).to(tail_BPD.dtype)


def causal_convolution_step(
    x_BD: Tensor, weight_KD: Tensor, tail_BPD: Tensor
) -> tuple[Tensor, Tensor]:
    """One position of `causal_convolution` and the tail after it."""
    long = torch.cat([tail_BPD.to(x_BD.dtype), x_BD.unsqueeze(1)], dim=1)
    return (long * weight_KD.flip(0)).sum(1), long[:, 1:].to(tail_BPD.dtype)


def _documents(reset_BT: Tensor, before: int) -> Tensor:
    """The number of each position's document; the `before` inputs of the tail are in number 0."""
    number = reset_BT.cumsum(1)
    return torch.cat([number.new_zeros(len(number), before), number], dim=1)
