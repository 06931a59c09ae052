"""Gradients scaled down to a norm: by a number that is known, or by one that lies on a device."""

import torch
from torch import Tensor


def clip_to(clip: float, norm: float, gradients: list[Tensor]) -> None:
    """Scale gradients of a norm down to `clip`; 0: never."""
    if clip and norm > clip:
        torch._foreach_mul_(gradients, clip / norm)


def clip_unread(clip: float, norm: Tensor, gradients: list[Tensor]) -> None:
    """The same where the norm lies on a device, to the bit, without waiting for it."""
    if clip:
        scale = torch.where(norm > clip, clip / norm.double(), 1.0).to(norm.dtype)
        torch._foreach_mul_(gradients, scale)
