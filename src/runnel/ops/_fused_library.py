"""The native passes around a scan through ctypes, each called by one packed struct."""

import ctypes
import struct
from enum import IntEnum

import torch
from torch import Tensor

from runnel.ops import _library

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float64: 2}


class Kind(IntEnum):
    """The activations of csrc/fused.h."""

    SQUARED_RELU = 0
    GATED_SILU = 1
    GELU = 2


# The layouts of csrc/fused.h, every field of eight bytes.
_CONVOLUTION = struct.Struct("@19q").pack
_NORM = struct.Struct("@6qd7q").pack
_ACTIVATION = struct.Struct("@13q").pack


def _load() -> bool:
    names = ("runnel_convolution", "runnel_norm", "runnel_activation")
    if not all(hasattr(_library._LIBRARY, name) for name in names):
        return False
    for name in names:
        getattr(_library._LIBRARY, name).argtypes = [ctypes.c_char_p]
    return True


_LOADED = _load()


def supports(dtype: torch.dtype) -> bool:
    """Whether the library is there and covers inputs of this dtype."""
    return _LOADED and dtype in DTYPES


def _head(x: Tensor, backward: bool) -> tuple[int, int, int, int]:
    return DTYPES[x.dtype], _library._variant, torch.get_num_threads(), backward


def _pointers(count: int, *arrays: Tensor | None) -> list[int]:
    """Addresses, null for those that are None or left out at the end."""
    given = [0 if x is None else x.data_ptr() for x in arrays]
    return given + [0] * (count - len(given))


def _run(name: str, packed: bytes) -> None:
    status = getattr(_library._LIBRARY, name)(packed)
    if status == 2:
        raise MemoryError(f"{name} found no memory for its partial results")
    assert status == 0, f"{name} does not cover what it was called with"


def convolution(backward: bool, x_BTD: Tensor, weight_KD: Tensor, *others: Tensor | None) -> None:
    """`others`: tail, reset, y, tail_after, grad_y, grad_after, grad_x, grad_weight, grad_tail."""
    arrays = _pointers(11, x_BTD, weight_KD, *others)
    head = _head(x_BTD, backward)
    _run("runnel_convolution", _CONVOLUTION(*head, *x_BTD.shape, len(weight_KD), *arrays))


def norm(backward: bool, eps: float, x: Tensor, *others: Tensor | None) -> None:
    """`others`: weight, y, inverse, grad_y, grad_x, grad_weight."""
    rows = x.numel() // max(x.shape[-1], 1)
    arrays = _pointers(7, x, *others)
    _run("runnel_norm", _NORM(*_head(x, backward), rows, x.shape[-1], eps, *arrays))


def activation(
    backward: bool, kind: Kind, like: Tensor, x: Tensor | None, *others: Tensor | None
) -> None:
    """`others`: bias, y, grad_y, grad_x, grad_bias; `like` has the shape and dtype of y."""
    rows = like.numel() // max(like.shape[-1], 1)
    arrays = _pointers(6, x, *others)
    _run(
        "runnel_activation",
        _ACTIVATION(*_head(like, backward), kind, rows, like.shape[-1], *arrays),
    )
