"""One token of one stream as a list of instructions, run by one native call."""

# C numbers of a vector

import ctypes
import struct
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor

from runnel.ops import _library

WEIGHTS = {torch.float32: 0, torch.bfloat16: 1}
"""Formats in which products' weights are packed; a place is kept for int8."""


class Makes(IntEnum):
    """The instructions of csrc/decode.h."""

    EMBEDDING = 0
    PRODUCT = 1
    RMS_NORM = 2
    LAYER_NORM = 3
    SHORT_FILTER = 4
    MINGRU_STEP = 5
    MINLSTM_STEP = 6
    HGRU_STEP = 7
    GELU = 8
    SQUARE_RELU = 9
    SILU_TIMES = 10
    SUM = 11
    ROLE_CACHE = 12


@dataclass(frozen=True)
class Vector:
    """Numbers that an instruction makes; `start` counts from where its maker's begin."""

    maker: int
    start: int
    count: int

    def part(self, start: int, count: int) -> "Vector":
        """So many of the numbers."""
        return Vector(self.maker, self.start + start, count)


@dataclass(frozen=True)
class _Line:
    makes: Makes
    count: int
    width: int
    inputs: tuple[Vector, ...]
    state: int
    eps: float
    weights: tuple[Tensor | None, ...]


class Writer:
    """Writes a step down, instruction by instruction; each returns what it makes."""

    def __init__(self) -> None:
        self.lines: list[_Line] = []
        self.state = 0
        """numbers of state so far"""

    def write(
        self,
        makes: Makes,
        count: int,
        *inputs: Vector,
        width: int = 0,
        state: int = 0,
        eps: float = 0.0,
        weights: tuple[Tensor | None, ...] = (),
    ) -> Vector:
        """One instruction that makes `count` numbers and keeps `state` numbers of state."""
        kept = tuple(None if w is None else w.detach().float().contiguous() for w in weights)
        self.lines.append(_Line(makes, count, width, inputs, self.state, eps, kept))
        self.state += state
        return Vector(len(self.lines) - 1, 0, count)

    def product(self, x: Vector, weight: Tensor, bias: Tensor | None) -> Vector:
        """W x + b."""
        if weight.shape[1] != x.count:
            raise ValueError(f"expected {weight.shape[1]} numbers for a product; got {x.count}")
        return self.write(Makes.PRODUCT, len(weight), x, width=x.count, weights=(weight, bias))


class Decoder:
    """A written step, its weights packed once; safe to call from several threads in turn.

    Vectors of weights and the embedding's table are not copied if they are float32 already.
    """

    def __init__(self, writer: Writer, weights: torch.dtype = torch.float32) -> None:
        assert _READY, "Decoder needs the native library; ask `available` first"
        self.state_size = writer.state
        last = writer.lines[-1]
        assert last.makes in (Makes.PRODUCT, Makes.ROLE_CACHE), "a step ends with the logits"
        self.logits_size = last.count
        self._vocabulary = writer.lines[0].width
        # The packed copies are the library's; what it points to must live as long as it does.
        self._kept = [line.weights for line in writer.lines if line.makes is not Makes.PRODUCT]
        self._kept += [line.weights[1:] for line in writer.lines if line.makes is Makes.PRODUCT]
        places, shared, own = _places(writer.lines)
        packed = b"".join(
            _pack(line, places, -1 if line is last else place)
            for line, place in zip(writer.lines, places, strict=True)
        )
        lines = ctypes.create_string_buffer(packed, len(packed))
        threads = torch.get_num_threads()
        head = _STEPS(
            *(_library._variant, WEIGHTS[weights], threads, shared, own, len(writer.lines)),
            ctypes.addressof(lines),
        )
        self._handle = _call("runnel_decoder_make")(head)
        if not self._handle:
            raise MemoryError("no memory for the packed weights")
        self._step = _call("runnel_decoder_step")
        weakref.finalize(self, _call("runnel_decoder_free"), self._handle)

    @property
    def bytes(self) -> int:
        """Of the packed weights, all of which a step reads."""
        return int(_call("runnel_decoder_bytes")(self._handle))

    def step(self, token: int, state_C: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (V,) after one more token, and the state after it; both are new tensors."""
        if not 0 <= token < self._vocabulary:
            raise IndexError(f"expected a token in [0, {self._vocabulary}); got {token}")
        after_C, logits_V = torch.empty(self.state_size), torch.empty(self.logits_size)
        self._step(self._handle, token, state_C.data_ptr(), after_C.data_ptr(), logits_V.data_ptr())
        return logits_V, after_C


def available() -> bool:
    """Whether the native library is there and has the decoder."""
    return _READY


def read_bytes(data: Tensor) -> float:
    """Reads all of a contiguous tensor with all threads, for measuring how fast that goes."""
    return float(_call("runnel_read")(data.data_ptr(), data.nbytes, torch.get_num_threads()))


# The layouts of `struct Steps` and `struct Instruction` in csrc/decode.h.
_STEPS = struct.Struct("@7q").pack
_INSTRUCTION = struct.Struct("@7qd3q").pack
_LINE = 16


def _places(lines: Sequence[_Line]) -> tuple[list[int], int, int]:
    """Where each result lies: products' in what threads share, all else in each thread's own."""
    sizes = [(line.count + 2 * _LINE - 1) // _LINE * _LINE for line in lines]
    products = [line.makes is Makes.PRODUCT for line in lines]
    shared = sum(size for size, product in zip(sizes, products, strict=True) if product)
    places, next_place = [], {True: 0, False: shared}
    for size, product in zip(sizes, products, strict=True):
        places.append(next_place[product])
        next_place[product] += size
    return places, shared, next_place[False] - shared


def _pack(line: _Line, places: Sequence[int], y: int) -> bytes:
    inputs = [places[v.maker] + v.start for v in line.inputs] + [0, 0]
    pointers = [0 if w is None else w.data_ptr() for w in line.weights] + [0, 0, 0]
    return _INSTRUCTION(
        *(line.makes, line.count, line.width, inputs[0], y, inputs[1], line.state, line.eps),
        *pointers[:3],
    )


_SIGNATURES: dict[str, tuple[list[Any], Any]] = {
    "runnel_decoder_make": ([ctypes.c_char_p], ctypes.c_void_p),
    "runnel_decoder_free": ([ctypes.c_void_p], None),
    "runnel_decoder_bytes": ([ctypes.c_void_p], ctypes.c_int64),
    "runnel_decoder_step": (
        [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p],
        None,
    ),
    "runnel_read": ([ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64], ctypes.c_double),
}


def _call(name: str) -> Any:
    return getattr(_library._LIBRARY, name)


def _declare() -> bool:
    if not all(hasattr(_library._LIBRARY, name) for name in _SIGNATURES):
        return False
    for name, (arguments, result) in _SIGNATURES.items():
        _call(name).argtypes, _call(name).restype = arguments, result
    return True


_READY = _declare()
