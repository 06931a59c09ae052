"""A stream on disk: state, logits and generator in one sealed safetensors file, verified."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runnel import strict_json
from runnel.errors import InputError
from runnel.files import read_regular, write_durably
from runnel.inference.reading import device_of, reading
from runnel.models.model import Model
from runnel.storage.tensors import LARGEST, load, save_sealed

_FORMAT = 1
_SAMPLES = 1024
_LONGEST = 2**62
"""tokens of a stream; nobody has read so many"""
_HEADER = "session.json"
_LOGITS = "logits_BV"
_STATE = "state"


@dataclass(frozen=True)
class Stream:
    """Everything that a stream is, apart from its model."""

    state: Any
    """the model's state, for a batch of one"""
    logits_BV: Tensor
    """the logits of the next token"""
    position: int
    """tokens read and written so far"""
    generator: np.random.Generator
    """draws the tokens that are written"""


def save_stream(path: Path, model: Model[Any], stream: Stream) -> None:
    """Write the stream so that a reader finds all of it or none."""
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"expected a file name in a directory that exists; got {path}")
    header = {
        "format": _FORMAT,
        "generator": stream.generator.bit_generator.state,
        "model": _fingerprint(model),
        "position": stream.position,
    }
    tensors = dict(_leaves(stream.state, _STATE)) | {_LOGITS: stream.logits_BV}
    text = bytearray(json.dumps(header).encode())
    tensors[_HEADER] = torch.frombuffer(text, dtype=torch.uint8)
    write_durably(path, save_sealed(tensors))


def load_stream(path: Path, model: Model[Any]) -> Stream:
    """Read a stream and check it: its hash, its model, the shape of its state."""
    tensors = load(read_regular(path, LARGEST), path.name)
    if _HEADER not in tensors or tensors[_HEADER].dtype != torch.uint8:
        raise InputError(f"{path.name}: expected a saved session; got other tensors")
    header = strict_json.parse(tensors.pop(_HEADER).numpy().tobytes(), path.name)
    if header.get("format") != _FORMAT:
        raise InputError(
            f"{path.name}: expected a session of format {_FORMAT}; got {header.get('format')}; use "
            "the version of runnel that wrote it"
        )
    if not header.keys() >= {"generator", "model", "position"}:
        raise InputError(f"{path.name}: expected generator, model and position; got {[*header]}")
    position = header["position"]
    if type(position) is not int or not 0 <= position < _LONGEST:
        raise InputError(f"{path.name}: expected a position; got {str(position)[:40]!r}")
    if header["model"] != _fingerprint(model):
        raise InputError(
            f"{path.name}: expected the weights that the session was saved with; got a "
            f"{model.config.name} with others; load the checkpoint that it used"
        )
    with reading(model):
        template = model.init_state(1)
    state = _rebuild(template, tensors, _STATE)
    logits_BV = tensors.get(_LOGITS)
    if logits_BV is None or logits_BV.shape != (1, model.config.vocab_size):
        raise InputError(f"{path.name}: expected the logits of {model.config.vocab_size} tokens")
    logits_BV = logits_BV.to(device_of(model))
    return Stream(state, logits_BV, position, _generator(header["generator"], path))


def _generator(saved: Any, path: Path) -> np.random.Generator:
    generator = np.random.default_rng()
    try:
        generator.bit_generator.state = saved
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{path.name}: expected a generator's state; got {error}") from None
    return generator


def _leaves(state: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors of nested tuples and NamedTuples, each with its place as a dotted name."""
    if isinstance(state, Tensor):
        yield name, state
        return
    for field, part in zip(_fields(state), state, strict=True):
        yield from _leaves(part, f"{name}.{field}")


def _rebuild(template: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """The state that `_leaves` took apart, on the template's device."""
    if isinstance(template, Tensor):
        saved = tensors.get(name)
        if saved is None or saved.shape != template.shape or saved.dtype != template.dtype:
            found = "nothing" if saved is None else f"{saved.dtype} of shape {tuple(saved.shape)}"
            raise InputError(
                f"expected {name} as {template.dtype} of shape {tuple(template.shape)}; got "
                f"{found}; use the version of runnel that wrote the session"
            )
        return saved.to(template.device)
    parts = [
        _rebuild(part, tensors, f"{name}.{field}")
        for field, part in zip(_fields(template), template, strict=True)
    ]
    return type(template)(*parts) if hasattr(template, "_fields") else tuple(parts)


def _fields(state: Any) -> Any:
    return getattr(state, "_fields", range(len(state)))


def _fingerprint(model: Model[Any]) -> str:
    """Tells models and their checkpoints apart; samples large weights, so that it takes no time."""
    digest = hashlib.sha256(model.config.name.encode())
    for name, weight in sorted(model.state_dict().items()):
        flat = weight.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLES)].cpu().contiguous()
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(sample.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
