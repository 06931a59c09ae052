"""A run directory: what a training leaves behind, readable by anyone, written by one at a time."""

import dataclasses
import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from runnel import files, strict_json
from runnel.errors import InputError
from runnel.lock import WriterLock
from runnel.storage import checkpoint as checkpoints
from runnel.storage import tensors
from runnel.storage.checkpoint import Checkpoint, DamagedCheckpoint
from runnel.storage.metrics import NAME as METRICS
from runnel.storage.metrics import Metrics
from runnel.storage.series import Series

FORMAT = 1
"""of config.json; a run of a later format is refused"""
CONFIG, TOKENIZER, MODEL = "config.json", "tokenizer.json", "model.safetensors"
SAMPLES = "samples.md"
_TEXTS = ("loss.svg", "README.md", SAMPLES)
_FILES = (CONFIG, TOKENIZER, MODEL, METRICS, *_TEXTS)
_SAMPLE_HEADING = re.compile(rb"^## step (\d{1,12})\b", re.IGNORECASE | re.MULTILINE)


class RunDirectory:
    """A run directory, made by `create` or `open`.

    Reading needs no lock. `create` and `lock` make this process the only writer, until `close`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.metrics = Metrics(self.path)
        self._series = Series(self.checkpoints)
        self._lock = WriterLock(self.path)

    @classmethod
    def create(
        cls, path: str | Path, config: Mapping[str, Any], tokenizer: Mapping[str, Any]
    ) -> Self:
        """Start a run in a directory that holds none, as its only writer."""
        run = cls(path)
        _refuse_run(run.path)
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
            _refuse_run(run.path)
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
            self._series.recover()
            # By name, for other things may stand in the directory too.
            for name in _FILES:
                files.remove(self.path / f"{files.TEMPORARY}{name}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop being the writer."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
        return strict_json.read(self.path / TOKENIZER)

    def save(self, checkpoint: Checkpoint, best: bool = False) -> None:
        """Write a checkpoint, point `latest` (and `best`) at it, remove those no longer needed.

        Kept are the last two and the best. Lines of metrics and samples become durable first.
        """
        assert self._lock.held
        self.metrics.flush()
        files.flush(self.path / SAMPLES)
        self._series.save(dataclasses.replace(checkpoint, best=best))

    def latest(self) -> Path | None:
        """The directory of the newest checkpoint, by its pointer or else by looking."""
        return self._series.latest()

    def best(self) -> Path | None:
        """The directory of the best checkpoint, or of the newest when none is known as the best."""
        return self._series.best()

    def find_resumable(self, must: bool) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole checkpoint, and why newer ones were skipped.

        None in a run that has saved nothing yet. InputError when no checkpoint is whole; with
        `must` also when there is none, or when the newest one is damaged.
        """
        found, damages = self._series.newest_whole()
        if must and damages:
            raise DamagedCheckpoint(f"{damages[0]}; --resume auto resumes from an earlier one")
        if found is None and damages:
            raise InputError(f"{damages[0]}; no other is whole; start again with another --out")
        if found is None and must:
            raise InputError(
                f"expected a checkpoint to resume; got {self.path}, which has none; "
                "use --resume auto to start"
            )
        if found is not None and self._lock.held:
            self._series.point_as_of(found)
        return found, damages

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
        """Durably drop the samples of later steps: sections begin with a line `## step 500`.

        A last line without an end was torn by a crash and goes, too.
        """
        assert self._lock.held
        path = self.path / SAMPLES
        if not path.exists():
            return
        text = files.read_regular(path, 2**30)
        kept = text[: text.rfind(b"\n") + 1]
        for heading in _SAMPLE_HEADING.finditer(kept):
            if int(heading[1]) > step:
                kept = kept[: heading.start()]
                break
        if kept != text:
            files.write_durably(path, kept)


def holds_run(path: str | Path) -> bool:
    """Whether a directory holds a run, begun or finished, whole or damaged."""
    path = Path(path)
    return os.path.exists(path / CONFIG) or bool(checkpoints.find(path / "checkpoints"))


def read_config(path: Path) -> dict[str, Any]:
    """The recipe in a config.json as plain data, without its format number."""
    plain = strict_json.read(path, CONFIG)
    version = plain.pop("format", None)
    if type(version) is not int or version < 1:
        raise InputError(f"{CONFIG}: expected format {FORMAT}; got {str(version)[:80]!r}")
    if version > FORMAT:
        raise InputError(
            f"{CONFIG}: expected format {FORMAT} at most; got {version}, of a newer runnel; upgrade"
        )
    return plain


def _refuse_run(path: Path) -> None:
    if holds_run(path):
        raise InputError(
            f"expected a directory without a run; got {path}, which holds one; "
            "resume it or choose another --out"
        )


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
