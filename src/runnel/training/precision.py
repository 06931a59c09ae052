"""Which number format the matrix products of training run in."""

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from runnel.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device of that name; auto is the GPU where there is one. InputError if it is missing."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d)?", name):
        raise InputError(f"expected a device of auto, cpu, cuda; got {name!r}")
    available = torch.cuda.is_available()
    if name.startswith("cuda") and not available:
        raise InputError(
            f"expected a CUDA device for {name}; this machine has none; try --device cpu"
        )
    if name == "auto":
        name = "cuda" if available else "cpu"
    device = torch.device(name)
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise InputError(
            f"expected one of the {torch.cuda.device_count()} CUDA devices of this machine; got "
            f"{name}; they are counted from cuda:0"
        )
    return device


def fast_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 faster than float32.

    On a CPU that takes AMX or the AVX-512 instruction; without them torch emulates it, at a
    hundredth of float32's speed on a Zen 3.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def choose_precision(
    precision: Literal["auto", "float32", "bfloat16"], device: torch.device
) -> torch.dtype:
    """The format of matrix products; weights, states, losses and moments stay in float32.

    InputError for bfloat16 on a GPU that has none; a CPU without it is slow at it, and no worse.
    """
    if precision == "bfloat16" and device.type == "cuda" and not fast_bfloat16(device):
        raise InputError(
            f"expected a GPU with bfloat16 for it; {torch.cuda.get_device_name(device)} has none; "
            "try --precision float32"
        )
    if precision == "auto":
        return torch.bfloat16 if fast_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def autocast(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """A context in which matrix products run in `dtype`."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)
