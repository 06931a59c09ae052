"""Running somebody else's recurrence over rows that hold several documents."""

# B batch, T time, D input width, E state width, N documents in the batch, P = B * T places

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

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
    first_BT = reset_BT.clone()
    first_BT[:, 0] = True
    document_P = first_BT.flatten().cumsum(0) - 1
    start_N = first_BT.flatten().nonzero().squeeze(1)
    # Packed batches hold the first places of all documents, then the second ones, and so on, each
    # time the longest documents first. Nothing is padded, whatever the lengths.
    longest_N = document_P.bincount().argsort(descending=True, stable=True)
    rank_N = longest_N.argsort()
    age_P = torch.arange(batch * time, device=start_N.device) - start_N[document_P]
    place_P = (age_P * len(start_N) + rank_N[document_P]).argsort()
    packed = PackedSequence(x_BTD.flatten(0, 1).index_select(0, place_P), age_P.bincount().cpu())
    row_N = start_N // time
    carried_N = ((start_N % time == 0) & ~reset_BT[:, 0][row_N])[longest_N].unsqueeze(1)
    y, last = run(packed, tuple(torch.where(carried_N, s[row_N[longest_N]], 0) for s in initial))
    y_BTE = y.data.index_select(0, place_P.argsort()).unflatten(0, (batch, time))
    last_of_row_B = rank_N[document_P.view(batch, time)[:, -1]]
    return y_BTE, tuple(s_NE[last_of_row_B] for s_NE in last)
