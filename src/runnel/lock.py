"""One writer per directory: a lock that the system frees when its process ends."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runnel import files, strict_json
from runnel.errors import InputError

NAME = ".lock"


class WriterLock:
    """Holds `.lock` of a directory from `acquire` to `release`.

    The file says who holds it. A dead process's lock is free; where children of a dead process
    still hold it, it is recognised by the process's number and start time and taken over.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock, or raise an InputError that names the process which has it."""
        assert not self.held
        with files.disk_errors(NAME), _exclusive(self._path.parent):
            descriptor = self._lock_file()
            try:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, strict_json.render(_describe_self()))
            except BaseException:
                os.close(descriptor)
                raise
            self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up and remove the file; nothing happens when it is not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            with (
                files.disk_errors(NAME),
                _exclusive(self._path.parent),
                contextlib.suppress(FileNotFoundError),
            ):
                if os.path.samestat(os.fstat(descriptor), os.lstat(self._path)):
                    os.unlink(self._path)
        finally:
            os.close(descriptor)

    def _lock_file(self) -> int:
        """An open, locked .lock file; a dead holder's is replaced."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        while True:
            try:
                descriptor = os.open(self._path, flags, 0o666)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.EISDIR):
                    raise
                kind = "a link" if error.errno == errno.ELOOP else "a directory"
                raise InputError(
                    f"expected {self._path} to be a file; got {kind}; remove it"
                ) from None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.lstat(self._path)):
                    return descriptor
            except FileNotFoundError:
                # Released between opening and locking: the name belongs to nobody now.
                pass
            except BlockingIOError:
                holder = _read_holder(self._path)
                if not _is_dead(holder):
                    os.close(descriptor)
                    raise InputError(
                        "expected a directory that no other process writes; "
                        f"another process {_describe(holder)} is writing in "
                        f"{self._path.parent}; wait for it or choose another --out"
                    ) from None
                os.unlink(self._path)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


@contextlib.contextmanager
def _exclusive(directory: Path) -> Iterator[None]:
    """Serialise taking, taking over and releasing: each lasts microseconds."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Some network file systems lock files but not directories.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _describe_self() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "process_start": _start_of(os.getpid()),
        "machine": _machine(),
        "host": os.uname().nodename,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _read_holder(path: Path) -> dict[str, Any]:
    try:
        holder = strict_json.parse(files.read_regular(path, 4096), NAME)
    except InputError:
        return {}
    return holder if type(holder.get("pid")) is int else {}


def _describe(holder: dict[str, Any]) -> str:
    if not holder:
        return "(of unknown number)"
    elsewhere = holder.get("host") != os.uname().nodename
    return f"(pid {holder['pid']}{' on another machine' if elsewhere else ''})"


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether the holder is known to have ended: only for processes that this one could see."""
    if not holder or not holder.get("machine") or holder["machine"] != _machine():
        return False
    return _start_of(holder["pid"]) != holder.get("process_start")


def _start_of(pid: int) -> int | None:
    """When a live process began, in ticks since the machine started; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _machine() -> str:
    """This start of this machine, as this process sees it; empty where that cannot be known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
