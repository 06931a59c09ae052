"""A file system that goes wrong at a chosen operation."""

import errno
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

Mode = Literal["fails", "breaks", "dies", "tears", "kills"]
MODES: tuple[Mode, ...] = ("fails", "breaks", "dies", "tears", "kills")
OPERATIONS = ("open", "write", "fsync", "replace", "rename", "mkdir", "unlink", "rmdir")
KILLED = 9


class Death(BaseException):
    """What a process that is gone does: nothing any more."""


class Faults:
    """Counts file operations that change something; the `at`-th one goes wrong.

    fails: with an error, once; breaks: with an error, and all later ones too; dies: nothing happens
    from here on; tears: the same in the middle of a write; kills: the process really ends.
    """

    def __init__(self, at: int, mode: Mode) -> None:
        self._at, self._mode = at, mode
        self._dead = False
        # Shared, so that whoever forked the process can read it.
        self._count = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        """Operations so far, in this process and those forked from it."""
        return int.from_bytes(self._count[:], "little")

    @property
    def happened(self) -> bool:
        """Whether there were enough operations for one to go wrong."""
        return self.count >= self._at > 0

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within this context the faults happen."""
        with pytest.MonkeyPatch.context() as patch:
            for name in OPERATIONS:
                patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
            yield

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            if self._dead:
                raise Death
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **options)
            counts = self._mode != "tears" or name == "write"
            self._count[:] = (self.count + counts).to_bytes(8, "little")
            here = self.happened if self._mode == "breaks" else self.count == self._at
            if not (here and counts):
                return real(*arguments, **options)
            if self._mode in ("fails", "breaks"):
                raise OSError(errno.EIO, "injected")
            if self._mode == "kills":
                os._exit(KILLED)
            if self._mode == "tears":
                descriptor, data = arguments
                real(descriptor, bytes(data)[: len(data) // 2])
            self._dead = True
            raise Death

        return operation
