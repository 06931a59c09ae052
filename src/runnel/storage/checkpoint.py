"""A checkpoint: weights, training state and a manifest of hashes, written whole or not at all.

Nothing of a checkpoint is used before its SHA-256 has been checked: each file is read once into
memory, and what is parsed are the bytes that were hashed.
"""

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from runnel import files, strict_json
from runnel.errors import InputError
from runnel.storage import tensors

FORMAT = 1
MODEL, TRAINING, STATE, MANIFEST = (
    "model.safetensors",
    "training.safetensors",
    "state.json",
    "manifest.json",
)
_NAME = re.compile(r"step-(\d{8,12})", re.ASCII)
REPLACED = ".old-"
"""what the name of a checkpoint starts with while another of the same step takes its place"""
REMOVED = f"{files.TEMPORARY}removed-"
"""what the name of a checkpoint starts with while its files are removed one by one"""


class DamagedCheckpoint(InputError):
    """A checkpoint whose files are not what its manifest says."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """Everything that training needs to go on exactly where it stopped."""

    step: int
    """optimizer steps done"""
    model: dict[str, Tensor]
    """the model's weights and buffers by name"""
    training: dict[str, Tensor]
    """moments of the optimizer, random states and other tensors by name"""
    state: dict[str, Any] = field(default_factory=dict)
    """positions, counters and times, as JSON"""
    best: bool = False
    """whether it was the best so far when it was written"""


class _File(NamedTuple):
    sha256: str
    bytes: int


def directory_name(step: int) -> str:
    """The name of the directory of that step's checkpoint."""
    return f"step-{step:08d}"


def step_of(name: str) -> int | None:
    """The step that a directory's name states; None for any other name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match and name == directory_name(int(match[1])) else None


def write(parent: Path, checkpoint: Checkpoint) -> Path:
    """Write `parent`/step-00000500 durably; after a crash it is there whole or not at all.

    Where that step has one already, the old one stands under another name until the new one is
    there; `recover` puts it back after a crash between the two.
    """
    target = parent / directory_name(checkpoint.step)
    state = {
        "format": FORMAT,
        "step": checkpoint.step,
        "best": checkpoint.best,
        "state": checkpoint.state,
    }
    contents: dict[str, list[files.Part]] = {
        MODEL: tensors.render(checkpoint.model),
        TRAINING: tensors.render(checkpoint.training),
        STATE: [strict_json.render(state)],
    }
    manifest = {
        name: _File(files.sha256(*parts), sum(map(len, parts))) for name, parts in contents.items()
    }
    contents[MANIFEST] = [_render_manifest(checkpoint.step, manifest)]
    temporary = parent / f"{files.TEMPORARY}{target.name}"
    replaced = parent / f"{REPLACED}{target.name}"
    with files.disk_errors(target.name):
        files.remove(temporary)
        os.mkdir(temporary)
        try:
            for name, parts in contents.items():
                files.write_new(temporary / name, *parts)
            files.flush_directory(temporary)
        except OSError:
            # A full disk should not stay full of half a checkpoint.
            with contextlib.suppress(OSError):
                files.remove(temporary)
            raise
        if target.is_symlink() or target.exists():
            files.remove(replaced)
            os.rename(target, replaced)
        os.rename(temporary, target)
        files.flush_directory(parent)
        files.remove(replaced)
    return target


def recover(parent: Path) -> None:
    """Finish or undo what a crash interrupted; only the one who holds the lock may call this."""
    with files.disk_errors(parent.name):
        for path in sorted(parent.iterdir()):
            prefix, _, rest = path.name.partition("step-")
            target = parent / f"step-{rest}"
            if step_of(target.name) is None:
                continue
            if prefix == REPLACED and not target.exists():
                os.rename(path, target)
            elif prefix in (REPLACED, files.TEMPORARY, REMOVED):
                files.remove(path)
        files.flush_directory(parent)


def find(parent: Path) -> list[Path]:
    """The directories of all checkpoints, whole or damaged, newest first."""
    found = []
    if not os.path.isdir(parent):
        return []
    with files.disk_errors(parent.name):
        paths = list(parent.iterdir())
    for path in paths:
        step = step_of(path.name.removeprefix(REPLACED))
        if step is not None and path.is_dir() and not path.is_symlink():
            found.append((step, not path.name.startswith(REPLACED), path))
    return [path for *_, path in sorted(found, reverse=True)]


def read(directory: Path) -> Checkpoint:
    """The verified checkpoint; DamagedCheckpoint names the first file that is not as written."""
    try:
        step, manifest = _read_manifest(directory)
        contents = {name: _read_verified(directory, name, manifest[name]) for name in manifest}
        wrapped = strict_json.parse(contents.pop(STATE), STATE)
        fields = {"format": int, "step": int, "best": bool, "state": dict}
        if {key: type(value) for key, value in wrapped.items()} != fields:
            raise InputError(f"{STATE}: expected the fields {', '.join(fields)}")
        if wrapped["format"] != FORMAT or wrapped["step"] != step:
            raise InputError(f"{STATE}: expected step {step} as {MANIFEST} says")
        return Checkpoint(
            step=step,
            model=tensors.load(contents.pop(MODEL), MODEL),
            training=tensors.load(contents.pop(TRAINING), TRAINING),
            state=wrapped["state"],
            best=wrapped["best"],
        )
    except InputError as error:
        raise _damaged(directory, error) from None


def read_model(directory: Path) -> dict[str, Tensor]:
    """The verified weights alone."""
    try:
        _, manifest = _read_manifest(directory)
        return tensors.load(_read_verified(directory, MODEL, manifest[MODEL]), MODEL)
    except InputError as error:
        raise _damaged(directory, error) from None


def _damaged(directory: Path, error: InputError) -> DamagedCheckpoint:
    return DamagedCheckpoint(f"expected a whole checkpoint; got {directory.name}: {error}")


def _render_manifest(step: int, manifest: dict[str, _File]) -> bytes:
    listed = {name: file._asdict() for name, file in manifest.items()}
    return strict_json.render(sealed({"format": FORMAT, "step": step, "files": listed}))


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with its own SHA-256 as the last field.

    Who reads the weights alone never compares the other files with their hashes, and would
    otherwise take a manifest for whole in which one of those has changed.
    """
    return manifest | {"sha256": files.sha256(strict_json.render(manifest))}


def _read_manifest(directory: Path) -> tuple[int, dict[str, _File]]:
    data = files.read_regular(directory / MANIFEST, 2**16)
    plain = strict_json.parse(data, MANIFEST)
    if plain.keys() != {"format", "step", "files", "sha256"}:
        raise InputError(f"{MANIFEST}: expected the fields format, step, files, sha256")
    version, step, listed = plain["format"], plain["step"], plain["files"]
    if type(version) is not int or version != FORMAT:
        raise InputError(f"{MANIFEST}: expected format {FORMAT}; got {str(version)[:80]!r}")
    named = step_of(directory.name.removeprefix(REPLACED))
    if type(step) is not int or step < 0 or named not in (None, step):
        raise InputError(f"{MANIFEST}: expected the step of its directory; got {str(step)[:80]!r}")
    if not isinstance(listed, dict) or list(listed) != [MODEL, TRAINING, STATE]:
        names = f"{MODEL}, {TRAINING}, {STATE}"
        raise InputError(f"{MANIFEST}: expected the files {names}; got {str(listed)[:200]!r}")
    manifest = {name: _entry(name, value) for name, value in listed.items()}
    if _render_manifest(step, manifest) != data:
        raise InputError(f"{MANIFEST}: expected the text that runnel writes; it was changed")
    return step, manifest


def _entry(name: str, value: Any) -> _File:
    if (
        not isinstance(value, dict)
        or value.keys() != {"sha256", "bytes"}
        or type(value["bytes"]) is not int
        or not 0 <= value["bytes"] <= tensors.LARGEST
        or not isinstance(value["sha256"], str)
        or not re.fullmatch(r"[0-9a-f]{64}", value["sha256"])
    ):
        raise InputError(f"{MANIFEST}: expected sha256 and bytes of {name}; got others")
    return _File(value["sha256"], value["bytes"])


def _read_verified(directory: Path, name: str, expected: _File) -> bytes:
    data = files.read_regular(directory / name, expected.bytes)
    if len(data) != expected.bytes:
        raise InputError(
            f"{name}: expected {expected.bytes} bytes as {MANIFEST} says; got {len(data)}"
        )
    found = files.sha256(data)
    if found != expected.sha256:
        raise InputError(
            f"{name}: expected SHA-256 {expected.sha256[:16]}... as {MANIFEST} says; "
            f"got {found[:16]}..."
        )
    return data
