"""Where each position of a row stands in its own document."""

# B batch, T time, D width, S positions to take from, K positions taken

import torch
from torch import Tensor


def places(count_B: Tensor, time: int, reset_BT: Tensor | None = None) -> Tensor:
    """How many tokens of its document came before each of `time` positions, (B, T).

    `count_B` is how many of the current document came before the first; a reset counts from zero.
    """
    time_T = torch.arange(time, device=count_B.device)
    if reset_BT is None:
        return count_B.unsqueeze(1) + time_T
    start_BT = torch.where(reset_BT, time_T, -count_B.unsqueeze(1)).cummax(1).values
    return time_T - start_BT


def count_after(count_B: Tensor, place_BT: Tensor, length_B: Tensor | None = None) -> Tensor:
    """Tokens of the current document after the row's last position, or its `length_B`-th one."""
    after_BT = torch.cat([count_B.unsqueeze(1), place_BT + 1], dim=1)
    if length_B is None:
        return after_BT[:, -1]
    return after_BT.gather(1, length_B.unsqueeze(1)).squeeze(1)


def take(x_BSD: Tensor, index_BK: Tensor) -> Tensor:
    """For each row its positions of those indices, (B, K, D).

    By rows of the flattened batch, whose gradient is several times cheaper than gather's.
    """
    batch, size = x_BSD.shape[:2]
    first_B1 = size * torch.arange(batch, device=index_BK.device).unsqueeze(1)
    flat = x_BSD.flatten(0, 1).index_select(0, (index_BK + first_B1).flatten())
    return flat.unflatten(0, index_BK.shape)
