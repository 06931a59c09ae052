"""Keys and values of the last W tokens: which may be seen, which are kept."""

# B batch, T time, N heads, H width of a head, W window, S kept and new keys

import torch
from torch import Tensor


def last_entries(
    new_BNSH: Tensor, before_BNWH: Tensor, count_B: Tensor, length_B: Tensor | None = None
) -> Tensor:
    """The last W entries up to each row's length, with zeros for those of earlier sequences."""
    window, width = before_BNWH.shape[2:]
    if length_B is None:
        kept = new_BNSH[:, :, new_BNSH.shape[2] - window :]
    else:
        index_BW = length_B.unsqueeze(1) + torch.arange(window, device=length_B.device)
        index = index_BW[:, None, :, None].expand(-1, new_BNSH.shape[1], -1, width)
        kept = new_BNSH.gather(2, index)
    age_W = torch.arange(window - 1, -1, -1, device=count_B.device)
    return kept.to(before_BNWH.dtype) * (age_W < count_B.unsqueeze(1))[:, None, :, None]


def ages(time: int, kept: int, device: torch.device) -> Tensor:
    """How many tokens before each of T new positions each of `kept` and T new keys came, (T, S)."""
    new = torch.arange(time, device=device)
    return new.unsqueeze(1) - torch.arange(-kept, time, device=device)


def within_reach(place_BT: Tensor, window: int, kept: int) -> Tensor:
    """Mask (B, T, S): which of the kept and the new keys each new position may see."""
    age_TS = ages(place_BT.shape[1], kept, place_BT.device)
    in_window = (age_TS >= 0) & (age_TS < window)
    return in_window & (age_TS <= place_BT.unsqueeze(-1))
