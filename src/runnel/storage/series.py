"""The checkpoints of one run in their order: which to keep, which is newest, which is best."""

import os
from pathlib import Path
from typing import Literal

from runnel import files
from runnel.errors import InputError
from runnel.storage import checkpoint as checkpoints
from runnel.storage.checkpoint import Checkpoint, DamagedCheckpoint

_KEPT = 2
Pointer = Literal["latest", "best"]
_POINTERS: tuple[Pointer, ...] = ("latest", "best")


class Series:
    """A directory of checkpoints, with the text files `latest` and `best` that each name one.

    Whoever calls `save`, `recover` or `point_as_of` must hold the run's lock.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def recover(self) -> None:
        """Finish, undo or clear away what a crash interrupted."""
        checkpoints.recover(self._directory)
        for pointer in _POINTERS:
            files.remove(self._directory / f"{files.TEMPORARY}{pointer}")

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, swap the pointers, then remove those no longer needed."""
        checkpoints.write(self._directory, checkpoint)
        self._point("latest", checkpoint.step)
        if checkpoint.best:
            self._point("best", checkpoint.step)
        self._remove_old(checkpoint.step)

    def latest(self) -> Path | None:
        """The newest checkpoint, by its pointer or else by looking."""
        return self._pointed("latest") or next(iter(checkpoints.find(self._directory)), None)

    def best(self) -> Path | None:
        """The best checkpoint, or the newest when none is known as the best."""
        return self._pointed("best") or self.latest()

    def newest_whole(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest checkpoint that is whole, and what is wrong with each newer one."""
        damages: list[str] = []
        for path in checkpoints.find(self._directory):
            try:
                return checkpoints.read(path), damages
            except DamagedCheckpoint as damage:
                damages.append(str(damage))
        return None, damages

    def point_as_of(self, resumed: Checkpoint) -> None:
        """Make the pointers say what they said when `resumed` was the newest."""
        latest, best = self._pointed("latest"), self._pointed("best")
        here = self._directory / checkpoints.directory_name(resumed.step)
        if latest != here:
            self._point("latest", resumed.step)
        if resumed.best and best != here:
            self._point("best", resumed.step)
        elif not resumed.best and best is not None and _step(best) > resumed.step:
            for path in checkpoints.find(self._directory):
                if _step(path) < resumed.step and _is_whole_and_best(path):
                    self._point("best", _step(path))
                    return
            with files.disk_errors("best"):
                os.unlink(self._directory / "best")

    def _point(self, pointer: Pointer, step: int) -> None:
        name = checkpoints.directory_name(step)
        files.write_durably(self._directory / pointer, f"{name}\n".encode())

    def _pointed(self, pointer: Pointer) -> Path | None:
        try:
            name = files.read_regular(self._directory / pointer, 64).decode("ascii").strip()
        except (InputError, UnicodeDecodeError):
            return None
        path = self._directory / name
        known = checkpoints.step_of(name) is not None and not path.is_symlink()
        return path if known and path.is_dir() else None

    def _remove_old(self, newest: int) -> None:
        """Keep the last two up to `newest` and the best; later ones were damaged and redone."""
        found = checkpoints.find(self._directory)
        kept = [path for path in found if _step(path) <= newest][:_KEPT]
        for path in found:
            if path not in kept and path != self._pointed("best"):
                # A directory that is half removed should not look like a damaged checkpoint.
                name = path.name.removeprefix(checkpoints.REPLACED)
                doomed = path.with_name(f"{checkpoints.REMOVED}{name}")
                with files.disk_errors(path.name):
                    files.remove(doomed)
                    os.rename(path, doomed)
                    files.remove(doomed)


def _step(path: Path) -> int:
    return checkpoints.step_of(path.name.removeprefix(checkpoints.REPLACED)) or 0


def _is_whole_and_best(path: Path) -> bool:
    try:
        return checkpoints.read(path).best
    except DamagedCheckpoint:
        return False
