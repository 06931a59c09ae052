"""A disk of 2 MB that is full, or cannot be written; where none may be mounted, what is like it."""

import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

Before = Callable[[], None]
"""to be called in the process that shall meet the fault"""
_SIZE = 2**21
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _nothing() -> None: ...


def limited(most: int) -> Before:
    """Files of so many bytes at most (ulimit -f), which every user may ask for."""

    def limit() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))

    return limit


@final
class SmallDisk:
    """A folder on a disk of its own; `real` says whether it really is one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
        self.real = _succeeds(mount)
        self._filler = folder / "filler"

    def close(self) -> None:
        """Take the disk away."""
        if self.real:
            _succeeds(["umount", "-l", str(self.folder)])

    @contextmanager
    def full(self, left: int) -> Iterator[Before]:
        """Within this context so many bytes are free (files may be so large where no disk is)."""
        if not self.real:
            yield limited(left)
            return
        status = os.statvfs(self.folder)
        count = max(0, status.f_bavail * status.f_frsize - left)
        self._filler.write_bytes(bytes(count))
        try:
            yield _nothing
        finally:
            self._filler.unlink()

    @contextmanager
    def read_only(self) -> Iterator[Before]:
        """Within this context nothing can be written; root, whom modes do not stop, included."""
        if not self.real:
            yield lambda: _refuse_writing(self.folder)
            return
        assert _succeeds(["mount", "-o", "remount,ro", str(self.folder)])
        try:
            yield _nothing
        finally:
            assert _succeeds(["mount", "-o", "remount,rw", str(self.folder)])


def _succeeds(command: list[str]) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def _refuse_writing(folder: Path) -> None:
    """For the rest of this process whatever changes the folder fails as on a read-only disk."""

    def refusing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(path: Any, *arguments: Any, **options: Any) -> Any:
            reading = name == "open" and not arguments[0] & _WRITING
            inside = (
                isinstance(path, (str, os.PathLike)) and folder in Path(path).absolute().parents
            )
            if inside and not reading:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return real(path, *arguments, **options)

        return operation

    for name in ("open", "mkdir", "replace", "rename", "unlink", "rmdir"):
        setattr(os, name, refusing(name, getattr(os, name)))
