"""Running somebody else's recurrence over rows that hold several documents."""

# B batch, T time, D input width, E state width, N documents in the batch

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence

Run = Callable[[PackedSequence, tuple[Tensor, ...]], tuple[PackedSequence, tuple[Tensor, ...]]]


def run_by_document(
    run: Run, x_BTD: Tensor, initial: tuple[Tensor, ...], reset_BT: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Cut rows at their resets, run all documents as one packed batch, put the rows together again.

    `run` maps packed inputs and start states (N, E) to packed outputs and last states (N, E), as
    torch's own recurrent modules do. The first document of a row that does not begin with a reset
    starts from the row's `initial` states (B, E), every other one from zero.
    """
    batch, time = reset_BT.shape
    cuts = reset_BT.clone()
    cuts[:, 0] = True
    row_N, start_N = cuts.nonzero(as_tuple=True)
    first_N = start_N == 0
    end_N = torch.cat([torch.where(first_N, time, start_N)[1:], start_N.new_tensor([time])])
    spans = zip(row_N.tolist(), start_N.tolist(), end_N.tolist(), strict=True)
    packed = pack_sequence([x_BTD[b, s:e] for b, s, e in spans], enforce_sorted=False)
    carried_N = (first_N & ~reset_BT[row_N, start_N]).unsqueeze(1)
    states = tuple(torch.where(carried_N, s_BE[row_N], 0) for s_BE in initial)
    y, last = run(packed, states)
    y_BTE = torch.cat(unpack_sequence(y)).unflatten(0, (batch, time))
    ends_row_N = end_N == time
    return y_BTE, tuple(s_NE[ends_row_N] for s_NE in last)
