"""A run directory: what a training leaves behind, readable by anyone, written by one at a time."""

import dataclasses
import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from torch import Tensor

from runnel.errors import InputError
from runnel.storage import checkpoint as checkpoints
from runnel.storage import files, strict_json, tensors
from runnel.storage.checkpoint import Checkpoint, DamagedCheckpoint
from runnel.storage.lock import WriterLock
from runnel.storage.metrics import Metrics

FORMAT = 1
"""of config.json; a run of a later format is refused"""
CONFIG, TOKENIZER, MODEL = "config.json", "tokenizer.json", "model.safetensors"
SAMPLES = "samples.md"
_KEPT = 2
_TEXTS = ("loss.svg", "README.md", SAMPLES)
_SAMPLE_HEADING = re.compile(rb"^## step (\d{1,12})\b", re.IGNORECASE | re.MULTILINE)

Pointer = Literal["latest", "best"]


class RunDirectory:
    """A run directory, made by `create` or `open`.

    Reading needs no lock. `create` and `lock` make this process the only writer, until `close`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.metrics = Metrics(self.path)
        self._lock = WriterLock(self.path)

    @classmethod
    def create(
        cls, path: str | Path, config: Mapping[str, Any], tokenizer: Mapping[str, Any]
    ) -> Self:
        """Start a run in a directory that holds none, as its only writer."""
        run = cls(path)
        try:
            with files.disk_errors(run.path.name):
                os.makedirs(run.path, exist_ok=True)
                files.flush_directory(run.path.absolute().parent)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
                raise InputError(
                    f"expected a directory for the run; got {path}: {os.strerror(error.errno)}; "
                    "choose another --out"
                ) from None
            raise
        run.lock()
        try:
            if holds_run(run.path):
                raise InputError(
                    f"expected a directory without a run; got {path}, which holds one; "
                    "resume it or choose another --out"
                )
            # The configuration comes last: with it the directory is a run.
            files.write_durably(run.path / TOKENIZER, strict_json.render(dict(tokenizer)))
            run.write_config(config)
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The run in a directory, to read it; call `lock` before writing."""
        run = cls(path)
        # os.path, unlike Path, answers no to names too long for the system.
        if not os.path.isfile(run.path / CONFIG):
            raise InputError(f"expected a run directory; got {path}, {_what_else(run.path)}")
        return run

    def lock(self) -> None:
        """Become the only writer and clear away what a crash left; InputError if there is one."""
        self._lock.acquire()
        try:
            if self.checkpoints.is_symlink():
                raise InputError("expected checkpoints to be a directory; got a link")
            with files.disk_errors(self.checkpoints.name):
                os.makedirs(self.checkpoints, exist_ok=True)
            with files.disk_errors(self.path.name):
                for path in self.path.glob(f"{files.TEMPORARY}*"):
                    files.remove(path)
            checkpoints.recover(self.checkpoints)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop being the writer."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def config(self) -> dict[str, Any]:
        """The recipe as plain data, checked for its format only."""
        return read_config(self.path / CONFIG)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write or replace the recipe, as plain data."""
        assert self._lock.held
        assert "format" not in config
        files.write_durably(self.path / CONFIG, strict_json.render({"format": FORMAT, **config}))

    def tokenizer(self) -> dict[str, Any]:
        """The tokenizer as plain data."""
        return strict_json.parse(
            files.read_regular(self.path / TOKENIZER, strict_json.LARGEST), TOKENIZER
        )

    def save(self, checkpoint: Checkpoint, best: bool = False) -> None:
        """Write a checkpoint, point `latest` (and `best`) at it, remove those no longer needed.

        Kept are the last two and the best. Lines of metrics and samples become durable first.
        """
        assert self._lock.held
        self.metrics.flush()
        files.flush(self.path / SAMPLES)
        checkpoints.write(self.checkpoints, dataclasses.replace(checkpoint, best=best))
        self._point("latest", checkpoint.step)
        if best:
            self._point("best", checkpoint.step)
        self._remove_old(checkpoint.step)

    def latest(self) -> Path | None:
        """The directory of the newest checkpoint, by its pointer or else by looking."""
        pointed = self._pointed("latest")
        return pointed or next(iter(checkpoints.find(self.checkpoints)), None)

    def best(self) -> Path | None:
        """The directory of the best checkpoint, or of the newest when none is known as the best."""
        return self._pointed("best") or self.latest()

    def find_resumable(self, must: bool) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole checkpoint, and why newer ones were skipped.

        None in a run that has saved nothing yet. InputError when no checkpoint is whole; with
        `must` also when there is none, or when the newest one is damaged.
        """
        skipped: list[str] = []
        for path in checkpoints.find(self.checkpoints):
            try:
                found = checkpoints.read(path)
            except DamagedCheckpoint as damage:
                if must:
                    raise DamagedCheckpoint(
                        f"{damage}; --resume auto goes on from an earlier one"
                    ) from None
                skipped.append(str(damage))
                continue
            if self._lock.held:
                self._repair_pointers(found)
            return found, skipped
        if skipped:
            raise InputError(f"{skipped[0]}; no other is whole; start again with another --out")
        if must:
            raise InputError(
                f"expected a checkpoint to resume; got {self.path}, which has none; "
                "use --resume auto to start"
            )
        return None, []

    def publish(self, model: Mapping[str, Tensor]) -> None:
        """Write the weights that everyone who loads this run gets."""
        assert self._lock.held
        files.write_durably(self.path / MODEL, *tensors.render_sealed(model))

    def write_text(self, name: str, text: str) -> None:
        """Replace one of the texts beside the weights, durably."""
        assert self._lock.held
        assert name in _TEXTS
        files.write_durably(self.path / name, text.encode("utf-8", "replace"))

    def append_text(self, name: str, text: str) -> None:
        """Add to one of the texts; it becomes durable at the next save."""
        assert self._lock.held
        assert name in _TEXTS
        files.append(self.path / name, text.encode("utf-8", "replace"))

    def truncate_samples_after(self, step: int) -> None:
        """Durably drop the samples of later steps: sections begin with a line `## step 500`."""
        assert self._lock.held
        path = self.path / SAMPLES
        if not path.exists():
            return
        text = files.read_regular(path, 2**30)
        for heading in _SAMPLE_HEADING.finditer(text):
            if int(heading[1]) > step:
                files.write_durably(path, text[: heading.start()])
                return

    def _point(self, pointer: Pointer, step: int) -> None:
        name = checkpoints.directory_name(step)
        files.write_durably(self.checkpoints / pointer, f"{name}\n".encode())

    def _pointed(self, pointer: Pointer) -> Path | None:
        try:
            name = files.read_regular(self.checkpoints / pointer, 64).decode("ascii").strip()
        except (InputError, UnicodeDecodeError):
            return None
        path = self.checkpoints / name
        known = checkpoints.step_of(name) is not None and not path.is_symlink()
        return path if known and path.is_dir() else None

    def _remove_old(self, newest: int) -> None:
        """Keep the last two up to `newest` and the best; later ones were damaged and redone."""
        found = checkpoints.find(self.checkpoints)
        kept = [path for path in found if (checkpoints.step_of(path.name) or 0) <= newest][:_KEPT]
        for path in found:
            if path not in kept and path != self._pointed("best"):
                # A directory that is half removed should not look like a damaged checkpoint.
                doomed = path.with_name(f"{files.TEMPORARY}removed-{path.name}")
                with files.disk_errors(path.name):
                    files.remove(doomed)
                    os.rename(path, doomed)
                    files.remove(doomed)

    def _repair_pointers(self, resumed: Checkpoint) -> None:
        """Make the pointers say what they said when `resumed` was the newest."""
        latest, best = self._pointed("latest"), self._pointed("best")
        here = self.checkpoints / checkpoints.directory_name(resumed.step)
        if latest != here:
            self._point("latest", resumed.step)
        if resumed.best and best != here:
            self._point("best", resumed.step)
        elif not resumed.best and best is not None and best.name > here.name:
            for path in checkpoints.find(self.checkpoints):
                if path.name < here.name and _is_whole_and_best(path):
                    self._point("best", checkpoints.step_of(path.name) or 0)
                    return
            with files.disk_errors("best"):
                os.unlink(self.checkpoints / "best")


def holds_run(path: str | Path) -> bool:
    """Whether a directory holds a run, begun or finished, whole or damaged."""
    path = Path(path)
    return os.path.exists(path / CONFIG) or bool(checkpoints.find(path / "checkpoints"))


def read_config(path: Path) -> dict[str, Any]:
    """The recipe in a config.json as plain data, without its format number."""
    plain = strict_json.parse(files.read_regular(path, strict_json.LARGEST), CONFIG)
    version = plain.pop("format", None)
    if type(version) is not int or version < 1:
        raise InputError(f"{CONFIG}: expected format {FORMAT}; got {str(version)[:80]!r}")
    if version > FORMAT:
        raise InputError(
            f"{CONFIG}: expected format {FORMAT} at most; got {version}, of a newer runnel; upgrade"
        )
    return plain


def _is_whole_and_best(path: Path) -> bool:
    try:
        return checkpoints.read(path).best
    except DamagedCheckpoint:
        return False


def _what_else(path: Path) -> str:
    """What stands at a path that is no run directory, and what to do."""
    train = "train one with `runnel train RECIPE --out DIR`"
    if not os.path.exists(path):
        return f"which does not exist; {train}"
    if not path.is_dir():
        return f"which is a file; {train}"
    if (path / checkpoints.MANIFEST).is_file():
        return f"which is a checkpoint; try {path.absolute().parent.parent}"
    if checkpoints.find(path / "checkpoints"):
        return "which has checkpoints but no config.json; restore that file"
    inner = sorted(child.parent for child in path.glob(f"*/{CONFIG}"))
    if inner:
        return f"which has no config.json; did you mean {inner[0]}?"
    return f"which has no config.json; {train}"
