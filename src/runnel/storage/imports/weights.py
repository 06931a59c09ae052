"""Weights that somebody else wrote: names to tensors, read without running anything they hold."""

import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from runnel.errors import InputError
from runnel.files import read_regular
from runnel.storage import tensors

LARGEST = 2**36
"""bytes of one file"""


class Weights:
    """Tensors taken by name and shape; what is missing, misshapen or left over is an InputError."""

    def __init__(self, held: Mapping[str, Tensor], name: str) -> None:
        self._held, self.name = dict(held), name

    def names(self) -> list[str]:
        """What has not been taken yet."""
        return list(self._held)

    def count(self, prefix: str) -> int:
        """How many layers the names of `prefix`0, `prefix`1, ... are of."""
        places = (name.removeprefix(prefix).partition(".")[0] for name in self._held)
        numbers = [int(n) for n in places if n.isascii() and n.isdecimal() and len(n) < 6]
        return 1 + max(numbers, default=-1)

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """The shape of a tensor that must be there with so many dimensions, each at least 1."""
        shape = tuple(self._find(name).shape)
        if len(shape) != dimensions or 0 in shape:
            raise InputError(
                f"{self.name}: expected {name} of {dimensions} dimensions of at least 1; "
                f"got shape {shape}"
            )
        return shape

    def take(self, name: str, *shape: int) -> Tensor:
        """The tensor of that name and shape, in float32."""
        found = self._find(name)
        if tuple(found.shape) != shape:
            raise InputError(
                f"{self.name}: expected {name} of shape {shape}; got {tuple(found.shape)}"
            )
        if not found.is_floating_point():
            raise InputError(f"{self.name}: expected {name} as numbers; got {found.dtype}")
        if not bool(torch.isfinite(found).all()):
            raise InputError(f"{self.name}: expected finite numbers in {name}; got others")
        del self._held[name]
        return found.to(torch.float32)

    def finish(self) -> None:
        """Nothing may be left."""
        if self._held:
            raise InputError(
                f"{self.name}: expected only the tensors of its format; got "
                f"{min(self._held)[:80]!r} as well"
            )

    def _find(self, name: str) -> Tensor:
        if name not in self._held:
            raise InputError(f"{self.name}: expected a tensor {name}; it is missing")
        return self._held[name]


def read_weights(path: Path) -> Weights:
    """The tensors of a .safetensors file, or of a torch.save archive read as weights only."""
    if path.suffix == ".safetensors":
        return Weights(tensors.load(read_regular(path, LARGEST), path.name), path.name)
    if not os.path.isfile(path):
        raise InputError(
            f"expected a file of weights; got {path}, which is not a file; check the name"
        )
    _check_archive(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # a broken pickle may raise anything; none of it is a bug of ours
        raise InputError(
            f"{path.name}: expected tensors by name and nothing else; got other objects or a "
            "damaged file; save only the model's state_dict"
        ) from None
    if not isinstance(found, Mapping):
        raise InputError(
            f"{path.name}: expected tensors by name; got one {type(found).__name__[:40]}"
        )
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(
                f"{path.name}: expected tensors by name; got {str(name)[:80]!r}: "
                f"{type(value).__name__[:40]}"
            )
        _check_tensor(name, value, path.name)
    return Weights(found, path.name)


def _check_archive(path: Path) -> None:
    """Refuse what would take more memory than the file is long."""
    size = os.path.getsize(path)
    try:
        with zipfile.ZipFile(path) as archive:
            inside = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise InputError(
            f"{path.name}: expected a .safetensors file or an archive made by torch.save; got "
            "something else"
        ) from None
    if max(size, inside) > LARGEST or inside > size:
        raise InputError(
            f"{path.name}: expected at most {min(size, LARGEST)} bytes inside; got {inside}"
        )


def _check_tensor(name: str, tensor: Tensor, file: str) -> None:
    """A tensor may claim more elements than the file holds, by strides of zero."""
    plain = tensor.layout == torch.strided and not tensor.is_quantized
    if not plain or tensor.is_meta:
        raise InputError(f"{file}: expected {name[:80]!r} as a plain tensor; got another kind")
    if math.prod(tensor.shape) * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InputError(f"{file}: {name[:80]!r} claims more numbers than the file holds")
