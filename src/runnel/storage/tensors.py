"""Named tensors as safetensors bytes, checked strictly before anything is made from them.

A tensor that stands under two names (tied weights) is stored once; the metadata say which names
share it, and they share it again when read. A sealed file also carries the SHA-256 of itself.
"""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from runnel import strict_json
from runnel.errors import InputError
from runnel.files import Part, sha256

LARGEST = 2**40
"""bytes of one file"""
_DTYPES = {
    torch.float64: "F64",
    torch.int64: "I64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_SIZES = {name: dtype.itemsize for dtype, name in _DTYPES.items()}
_MOST_ELEMENTS = 2**50
_MOST_DIMENSIONS = 16
_LONGEST_NAME = 1024
_NO_SEAL = "0" * 64
_SEAL = b'"runnel":"{\\"sha256\\":\\"'


def snapshot(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies in CPU memory that no later step can change; shared tensors stay shared."""
    copies: dict[Any, Tensor] = {}
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        key = _identity(name, tensor)
        if key not in copies:
            copies[key] = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
        result[name] = copies[key]
    return result


def render(tensors: Mapping[str, Tensor]) -> list[Part]:
    """A safetensors file in parts that share the tensors' memory; always the same for the same."""
    unique, tied = _unique(tensors)
    return [_header(unique, {"tied": tied} if tied else {}), *_data(unique)]


def render_sealed(tensors: Mapping[str, Tensor]) -> list[Part]:
    """As `render`, with the SHA-256 of the file (its own digits as zeros) in the metadata."""
    unique, tied = _unique(tensors)
    header, data = _header(unique, {"sha256": _NO_SEAL, "tied": tied}), _data(unique)
    start = header.index(_SEAL) + len(_SEAL)
    return [header[:start], sha256(header, *data).encode(), header[start + 64 :], *data]


def save(tensors: Mapping[str, Tensor]) -> bytes:
    """What `render` gives, as one."""
    return b"".join(render(tensors))


def save_sealed(tensors: Mapping[str, Tensor]) -> bytes:
    """What `render_sealed` gives, as one."""
    return b"".join(render_sealed(tensors))


def load(data: bytes, name: str) -> dict[str, Tensor]:
    """The tensors of safetensors bytes; anything odd is an InputError that begins with `name`."""
    ours = _check(data, name)
    if "sha256" in ours:
        _check_seal(data, ours["sha256"], name)
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{name}: expected safetensors; got: {str(error)[:200]!r}") from None
    for alias, target in ours.get("tied", {}).items():
        if alias in tensors or target not in tensors:
            raise InputError(f"{name}: {alias[:80]!r} cannot share {target[:80]!r}")
    return tensors | {alias: tensors[target] for alias, target in ours.get("tied", {}).items()}


def _identity(name: str, tensor: Tensor) -> Any:
    """Equal for two names of one and the same tensor."""
    if tensor.numel() == 0:
        return name
    return tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def _unique(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Contiguous CPU tensors in separate memory, and which further names mean which of them."""
    unique: dict[str, Tensor] = {}
    tied: dict[str, str] = {}
    first: dict[Any, str] = {}
    memory: set[int] = set()
    for name, tensor in sorted(tensors.items()):
        if tensor.dtype not in _DTYPES:
            raise ValueError(f"expected a dtype that can be stored; {name} is {tensor.dtype}")
        key = _identity(name, tensor)
        if key in first:
            tied[name] = first[key]
            continue
        first[key] = name
        own = tensor.detach().cpu().contiguous()
        storage = own.untyped_storage()
        if storage.data_ptr() in memory or storage.nbytes() != own.nbytes:
            own = own.clone()
            storage = own.untyped_storage()
        if own.numel():
            memory.add(storage.data_ptr())
        unique[name] = own
    # Wide ones first, so that each begins at a multiple of its width.
    aligned = sorted(unique.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    return dict(aligned), tied


def _header(unique: dict[str, Tensor], ours: dict[str, Any]) -> bytes:
    """The length and the JSON, padded so that the data begin at a multiple of eight bytes."""
    plain: dict[str, Any] = {}
    if ours:
        plain["__metadata__"] = {"runnel": json.dumps(ours, separators=(",", ":"))}
    begin = 0
    for name, tensor in unique.items():
        end = begin + tensor.nbytes
        shape, dtype = list(tensor.shape), _DTYPES[tensor.dtype]
        plain[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(plain, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _data(unique: dict[str, Tensor]) -> list[Part]:
    # A tensor of one element counts as contiguous whatever its stride; its bytes need stride 1.
    flat = (t.as_strided((t.numel(),), (1,)) for t in unique.values() if t.numel())
    return [tensor.view(torch.uint8).numpy().data for tensor in flat]


class _Entry(NamedTuple):
    begin: int
    end: int
    name: str


def _check(data: bytes, name: str) -> dict[str, Any]:
    """Check header and layout; return our own metadata."""
    if len(data) < 8:
        raise InputError(f"{name}: expected safetensors; got {len(data)} bytes")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(strict_json.LARGEST, len(data) - 8):
        most = min(strict_json.LARGEST, len(data) - 8)
        raise InputError(f"{name}: expected a header of at most {most} bytes; got {length}")
    header = strict_json.parse(data[8 : 8 + length], f"{name}: header")
    metadata = header.pop("__metadata__", {})
    entries = sorted(_entry(key, value, name) for key, value in header.items())
    reached = 0
    for entry in entries:
        if entry.begin != reached:
            raise InputError(f"{name}: {entry.name!r} should begin at byte {reached} of the data")
        reached = entry.end
    if reached != len(data) - 8 - length:
        there = len(data) - 8 - length
        raise InputError(f"{name}: expected {reached} bytes of data; got {there}")
    return _own_metadata(metadata, name)


def _entry(key: str, value: Any, name: str) -> _Entry:
    def refuse(what: str) -> InputError:
        return InputError(f"{name}: {key[:80]!r} {what}")

    if not 0 < len(key) <= _LONGEST_NAME:
        raise refuse(f"is not a name of 1 to {_LONGEST_NAME} characters")
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise refuse("should have dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _SIZES:
        raise refuse(f"should be one of {', '.join(_SIZES)}; got {str(dtype)[:80]!r}")
    if not _naturals(shape) or len(shape) > _MOST_DIMENSIONS:
        raise refuse(f"should have a shape of at most {_MOST_DIMENSIONS} sizes")
    if math.prod(max(size, 1) for size in shape) > _MOST_ELEMENTS:
        raise refuse(f"should have at most {_MOST_ELEMENTS} elements")
    if not _naturals(offsets) or len(offsets) != 2 or offsets[1] > LARGEST:
        raise refuse("should have two offsets inside the file")
    begin, end = offsets
    if end - begin != math.prod(shape) * _SIZES[dtype]:
        raise refuse(f"should take {math.prod(shape) * _SIZES[dtype]} bytes; got {end - begin}")
    return _Entry(begin, end, key)


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _own_metadata(metadata: Any, name: str) -> dict[str, Any]:
    """What `save` and `save_sealed` wrote; empty for files that others wrote."""
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise InputError(f"{name}: expected metadata that map text to text")
    if "runnel" not in metadata:
        return {}
    ours = strict_json.parse(metadata["runnel"].encode("utf-8", "replace"), f"{name}: metadata")
    tied = ours.get("tied", {})
    if (
        not ours.keys() <= {"sha256", "tied"}
        or not isinstance(ours.get("sha256", ""), str)
        or not isinstance(tied, dict)
        or not all(isinstance(target, str) for target in tied.values())
    ):
        raise InputError(f"{name}: expected metadata with sha256 and tied; got others")
    return ours


def _check_seal(data: bytes, seal: str, name: str) -> None:
    start = data.find(_SEAL) + len(_SEAL)
    unsealed = bytearray(data)
    unsealed[start : start + 64] = _NO_SEAL.encode()
    found = sha256(unsealed)
    if data[start : start + 64] != seal.encode("utf-8", "replace") or found != seal:
        raise InputError(f"{name}: expected the SHA-256 {seal[:64]!r} that it carries; got {found}")
