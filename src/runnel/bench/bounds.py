"""What this machine could do: bandwidth of copying and of reading, rate of matrix products."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from runnel.bench.measure import in_turns
from runnel.ops import decoder
from runnel.ops.decoder import read_bytes
from runnel.training.precision import fast_bfloat16


class Bound(NamedTuple):
    """A reference that runs in turns with the contestants, so that drift meets both."""

    name: str
    amount: float
    """bytes or floating-point operations of one call"""
    call: Callable[[], object]

    def rate(self) -> float:
        """Bytes or operations a second, measured on its own."""
        return self.amount / in_turns({"": self.call}, rounds=7, warmup=2)[""].median


def copying(megabytes: int | None = None) -> Bound:
    """Bytes read and written by a copy that no cache holds, on the default device."""
    source = torch.randn((megabytes or (2048 if _on_gpu() else 64)) * 250_000)
    target = torch.empty_like(source)
    return Bound("copy", 2 * source.nbytes, lambda: target.copy_(source))


def reading(megabytes: int = 128) -> Bound:
    """Bytes read by a sum over a large array: by the native library where it is there."""
    source = torch.ones(megabytes * 250_000)
    native = decoder.available() and not _on_gpu()
    return Bound("read", source.nbytes, lambda: read_bytes(source) if native else source.sum())


def multiplying(dtype: torch.dtype, size: int | None = None) -> Bound:
    """Floating-point operations of a square product, on the default device."""
    if size is None:
        slow = dtype is torch.bfloat16 and not fast_bfloat16(torch.get_default_device())
        size = 8192 if _on_gpu() else 256 if slow else 1024
    a, b = torch.randn(2, size, size).to(dtype)
    return Bound(f"matmul {str(dtype)[6:]}", 2 * size**3, lambda: a @ b)


def _on_gpu() -> bool:
    return torch.get_default_device().type == "cuda"


def weights_read(model: nn.Module) -> int:
    """Numbers that a token is multiplied by: all weights but tables that are only looked up in."""
    linear = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    tables = {
        id(m.weight): m.weight.numel() for m in model.modules() if isinstance(m, nn.Embedding)
    }
    looked_up = sum(count for weight, count in tables.items() if weight not in linear)
    return sum(p.numel() for p in model.parameters()) - looked_up
