"""The native CPU library through ctypes: found beside the package, called by one packed struct."""

import ctypes
import struct
import sys
from pathlib import Path

import torch
from torch import Tensor

from runnel.ops._scan_op import HGRU, LINEAR, MINGRU, MINLSTM

VARIANTS = {"best": 0, "baseline": 1, "avx2": 2, "avx512": 3, "avx512-bfloat16": 4}
"""Instruction sets by name; "best" is the widest that the processor has."""

# By the dtypes of the first and the second input, and the ops that have each.
_DTYPES = {
    (torch.float32, torch.float32): (0, {LINEAR, MINGRU, MINLSTM, HGRU}),
    (torch.bfloat16, torch.bfloat16): (1, {LINEAR, MINGRU, MINLSTM, HGRU}),
    (torch.float64, torch.float64): (2, {LINEAR, MINGRU, MINLSTM, HGRU}),
    (torch.complex64, torch.complex64): (3, {LINEAR}),
    (torch.complex128, torch.complex128): (4, {LINEAR}),
    (torch.float32, torch.complex64): (5, {LINEAR, HGRU}),
    (torch.bfloat16, torch.complex64): (6, {HGRU}),
    (torch.float64, torch.complex128): (7, {LINEAR, HGRU}),
}

# The fields of `struct Scan` in csrc/scan.h, all of eight bytes: packing them takes under a
# microsecond, filling a ctypes.Structure several.
_ARRAYS = 18
_PACK = struct.Struct(f"@{9 + _ARRAYS}q").pack
_NAMES = ("librunnel_ops.so", "librunnel_ops.dylib")


def _load() -> tuple[ctypes.CDLL | None, str]:
    # An editable install keeps the library apart from the sources: the package's path names both.
    folders = [Path(folder) for folder in sys.modules[__package__].__path__]
    files = [folder / name for folder in folders for name in _NAMES]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return None, f"no {_NAMES[0]} beside the package: it was installed without a C++ compiler"
    try:
        library = ctypes.CDLL(str(file))
        for call in (library.runnel_forward, library.runnel_backward):
            call.argtypes = [ctypes.c_char_p]
        library.runnel_sigmoid.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int64,
            ctypes.c_int,
            ctypes.c_int,
        ]
    except (OSError, AttributeError) as error:
        return None, f"{file} does not load: {error}"
    return library, ""


_LIBRARY, _REASON = _load()
_variant = VARIANTS["best"]


def unavailable_reason() -> str:
    """Why there is no native library; empty when there is one."""
    return _REASON


def variants() -> list[str]:
    """The instruction sets that both the library and this processor have."""
    if _LIBRARY is None:
        return []
    return [name for name, code in VARIANTS.items() if _LIBRARY.runnel_has_variant(code)]


def use_variant(name: str) -> None:
    """Takes another instruction set from now on, to test or to measure it."""
    global _variant
    if name not in variants():
        raise ValueError(f"expected a variant out of {variants()}; got {name!r}; take one of them")
    _variant = VARIANTS[name]


def supports(op: int, first: torch.dtype, second: torch.dtype) -> bool:
    """Whether the library has an op for inputs of these dtypes."""
    found = _DTYPES.get((first, second))
    return _LIBRARY is not None and found is not None and op in found[1]


def run(
    backward: bool,
    op: int,
    reverse: bool,
    first: torch.dtype,
    states: Tensor,
    pitch: int,
    *arrays: Tensor | None,
) -> None:
    """Runs a scan forward or backward over arrays in the order of `struct Scan`.

    All are contiguous but for the inputs and their gradients, whose positions are `pitch` numbers
    apart. Those that a direction does not need may be None, or be left out at the end.
    """
    assert _LIBRARY is not None
    code = _DTYPES[first, states.dtype][0]
    pointers = [0 if x is None else x.data_ptr() for x in arrays]
    pointers += [0] * (_ARRAYS - len(pointers))
    head = op, code, _variant, torch.get_num_threads(), reverse, *states.shape, pitch
    packed = _PACK(*head, *pointers)
    status = (_LIBRARY.runnel_backward if backward else _LIBRARY.runnel_forward)(packed)
    if status == 2:
        raise MemoryError("the native scan found no memory for its partial results")
    assert status == 0, f"the native library has no op {op} for dtype {code}"


def sigmoid(x: Tensor) -> Tensor:
    """The sigmoid that the gates use, for measuring its error."""
    assert _LIBRARY is not None
    x = x.contiguous()
    out = torch.empty_like(x)
    code = _DTYPES[x.dtype, x.dtype][0]
    status = _LIBRARY.runnel_sigmoid(x.data_ptr(), out.data_ptr(), x.numel(), code, _variant)
    assert status == 0, f"the native library has no sigmoid for {x.dtype}"
    return out
