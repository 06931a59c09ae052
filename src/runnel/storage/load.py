"""A model from a run directory, a checkpoint directory or a .safetensors beside its config.json."""

import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from runnel import files
from runnel.configuration import from_plain
from runnel.data.tokenizers import read_tokenizer
from runnel.errors import InputError
from runnel.models.model import Model, ModelConfig
from runnel.storage import checkpoint as checkpoints
from runnel.storage import tensors
from runnel.storage.allowance import Allowance
from runnel.storage.checkpoint import DamagedCheckpoint
from runnel.storage.run import CONFIG, MODEL, TOKENIZER, RunDirectory, read_config


class _Source(NamedTuple):
    weights: dict[str, Tensor]
    name: str
    directory: Path
    """holds config.json, and tokenizer.json where there is one"""


def load_model(path: str | Path) -> Model[Any]:
    """The trained model at a path, in evaluation mode, with its tokenizer where there is one.

    The path itself may be a link; within a run links are not followed. InputError names what is
    missing, damaged or does not fit.
    """
    source = _find(Path(path))
    plain = read_config(source.directory / CONFIG)
    if "model" not in plain:
        raise InputError(f"{CONFIG}: expected a field model; got {', '.join(plain)[:200]!r}")
    model = _build(plain["model"], source)
    model.load_state_dict(source.weights)
    model.tokenizer = _tokenizer(source.directory, model)
    return model.eval()


def load_config(path: str | Path) -> dict[str, Any]:
    """The recipe, as plain data, of the model that `load_model` would load from the same path."""
    return read_config(_home(Path(path)) / CONFIG)


def _is_file(path: Path) -> bool:
    # os.path, unlike Path, answers no to names too long for the system.
    return path.suffix == ".safetensors" and os.path.isfile(path)


def _is_checkpoint(path: Path) -> bool:
    return os.path.exists(path / checkpoints.MANIFEST)


def _home(path: Path) -> Path:
    """The directory that holds config.json."""
    if _is_file(path):
        return path.resolve().parent
    if _is_checkpoint(path):
        path = path.resolve()
        return path if (path / CONFIG).exists() else path.parent.parent
    return RunDirectory.open(path).path


def _find(path: Path) -> _Source:
    home = _home(path)
    if _is_file(path):
        return _Source(_read_file(path.resolve()), path.name, home)
    if _is_checkpoint(path):
        return _Source(checkpoints.read_model(path.resolve()), checkpoints.MODEL, home)
    if (home / MODEL).exists():
        return _Source(_read_file(home / MODEL), MODEL, home)
    return _Source(_read_checkpoint(RunDirectory.open(home)), checkpoints.MODEL, home)


def _read_file(path: Path) -> dict[str, Tensor]:
    return tensors.load(files.read_regular(path, tensors.LARGEST), path.name)


def _read_checkpoint(run: RunDirectory) -> dict[str, Tensor]:
    """The weights of the best checkpoint, or of the newest whole one, with a warning."""
    best = run.best()
    if best is None:
        raise InputError(
            f"expected a run directory with a checkpoint; got {run.path}, which has none yet; "
            "resume its training"
        )
    damages: list[str] = []
    for directory in (best, *(p for p in checkpoints.find(run.checkpoints) if p != best)):
        try:
            weights = checkpoints.read_model(directory)
        except DamagedCheckpoint as damage:
            damages.append(str(damage))
            continue
        if damages:
            warnings.warn(f"{damages[0]}; loaded {directory.name} instead", stacklevel=2)
        return weights
    raise InputError(
        f"expected a run directory with a whole checkpoint; got {run.path}, which has "
        f"{len(damages)}, none of them whole; first: {damages[0]}"
    )


def _build(plain: Any, source: _Source) -> Model[Any]:
    """A model whose tensors are those of the file; refused before it takes much more memory."""
    largest = max((size for t in source.weights.values() for size in t.shape), default=0)
    for name in ("vocab_size", "dim"):
        stated = plain.get(name) if isinstance(plain, dict) else None
        if type(stated) is int and stated > largest:
            raise InputError(
                f"{source.name}: expected tensors for {name} {str(stated)[:20]} of {CONFIG}; "
                f"got none larger than {largest}"
            )
    kind: Any = ModelConfig
    config: ModelConfig = from_plain(kind, plain, where=CONFIG)
    if config.layers > len(source.weights):
        raise InputError(
            f"{source.name}: expected tensors for the {config.layers} layers of {CONFIG}; "
            f"got {len(source.weights)}"
        )
    held = sum(tensor.numel() for tensor in source.weights.values())
    try:
        with torch.random.fork_rng(devices=[]), Allowance(2 * held + 2**22):
            model = config.build()
    except (RuntimeError, OverflowError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise InputError(f"{CONFIG}: expected a model that can be built; got: {reason}") from error
    _compare(model.state_dict(), source)
    return model


def _compare(expected: dict[str, Tensor], source: _Source) -> None:
    for name, wanted in expected.items():
        if name not in source.weights:
            raise InputError(f"{source.name}: expected a tensor {name}; it is missing")
        found = source.weights[name]
        if found.shape != wanted.shape:
            raise InputError(
                f"{source.name}: expected {name} of shape {tuple(wanted.shape)}; "
                f"got {tuple(found.shape)}"
            )
        if found.dtype != wanted.dtype and not (
            found.is_floating_point() and wanted.is_floating_point()
        ):
            raise InputError(f"{source.name}: expected {name} as {wanted.dtype}; got {found.dtype}")
    for name in source.weights:
        if name not in expected:
            raise InputError(
                f"{source.name}: expected only the tensors of the model in {CONFIG}; "
                f"got {name[:80]!r} as well"
            )


def _tokenizer(directory: Path, model: Model[Any]) -> Any:
    path = directory / TOKENIZER
    if not path.exists():
        return None
    tokenizer = read_tokenizer(path)
    if tokenizer.vocab_size != model.config.vocab_size:
        raise InputError(
            f"{TOKENIZER}: expected {model.config.vocab_size} tokens as {CONFIG} says; "
            f"got {tokenizer.vocab_size}"
        )
    return tokenizer
