"""Parts of one array, side by side: what a linear layer makes for a scan, and what comes back.

A scan on a CPU reads gates and candidates where the layer left them and writes their gradients side
by side; here those are one array again. Copying them apart and together took longer than the scan.
"""

# B batch, T time, E width of a part, G width of all parts

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from runnel.ops._operator import watched


def split(x_BTG: Tensor, width: int) -> tuple[Tensor, ...]:
    """Views (B, T, E) of the parts; gradients that lie side by side are not copied together.

    For what a layer made: the gradient of a leaf would be those of its parts, not a copy of them.
    """
    if not x_BTG.requires_grad or watched(x_BTG):
        return x_BTG.split(width, dim=-1)
    return _Split.apply(x_BTG, width)  # type: ignore[no-untyped-call]


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_BTG: Tensor, width: int) -> tuple[Tensor, ...]:
        return x_BTG.split(width, dim=-1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        # A graph of gradients, or a transform of them, must see each part.
        seen = torch.is_grad_enabled() or watched(*grads)
        return torch.cat(grads, dim=-1) if seen else joined(grads), None


def joined(parts: Sequence[Tensor]) -> Tensor:
    """The parts as one array (B, T, G): their own memory where they lie there, else a copy."""
    first, width = parts[0], sum(part.shape[-1] for part in parts)
    if pitch_of(parts) != width:
        return torch.cat(list(parts), dim=-1)
    shape, strides = (*first.shape[:2], width), (first.stride(0), width, 1)
    return first.as_strided(shape, strides, first.storage_offset())


def pitch_of(parts: Sequence[Tensor]) -> int | None:
    """How far apart the positions of parts that lie side by side are; none if they do not."""
    first, offset = parts[0], parts[0].storage_offset()
    if first.dim() != 3 or first.is_complex():
        return None
    pitch = first.stride(1)
    if first.stride() != (first.shape[1] * pitch, pitch, 1):
        return None
    memory = first.untyped_storage().data_ptr()
    for part in parts:
        if part.stride() != first.stride() or part.dtype != first.dtype or part.is_neg():
            return None
        if part.untyped_storage().data_ptr() != memory or part.storage_offset() != offset:
            return None
        offset += part.shape[-1]
    return pitch if offset - first.storage_offset() <= pitch else None
