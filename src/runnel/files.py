"""Files that survive a crash: written beside, flushed to the disk, then renamed into place."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from runnel.errors import DiskError, InputError

TEMPORARY = ".tmp-"
"""what the names of unfinished files and directories start with; the next writer removes them"""

Part = bytes | bytearray | memoryview
"""a run of bytes; what is large is given in parts, so that it need not be copied together"""

_ADVICE = {
    errno.ENOSPC: "free some space, then resume",
    errno.EDQUOT: "free some space, then resume",
    errno.EFBIG: "allow larger files (ulimit -f), then resume",
    errno.EROFS: "choose a directory that can be written",
    errno.EACCES: "choose a directory that can be written",
    errno.EPERM: "choose a directory that can be written",
}


@contextlib.contextmanager
def disk_errors(name: str) -> Iterator[None]:
    """Turn an OSError of the body into a DiskError that names the file and what to do."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number else str(error)
        name = name.removeprefix(TEMPORARY)
        advice = _ADVICE.get(number, "check the disk, then resume")
        failure = DiskError(f"expected to write {name}; got: {reason}; {advice}")
        failure.errno = error.errno
        raise failure from error


def sha256(*parts: Part) -> str:
    """The SHA-256 of the bytes of all parts together, in hexadecimal."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def write_new(path: Path, *parts: Part) -> None:
    """Write a file that does not exist yet and flush its bytes, not yet its name, to the disk."""
    with disk_errors(path.name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            for part in parts:
                _write_all(descriptor, part)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_durably(path: Path, *parts: Part) -> None:
    """Write or replace a file so that after a crash it holds the old bytes or the new ones."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    with disk_errors(path.name):
        remove(temporary)
        try:
            write_new(temporary, *parts)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                remove(temporary)
            raise
        flush_directory(path.parent)


def append(path: Path, data: bytes) -> None:
    """Add bytes at the end of a file, all of them or none; not flushed to the disk."""
    with disk_errors(path.name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            before = os.fstat(descriptor).st_size
            try:
                _write_all(descriptor, data)
            except OSError:
                os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)


def flush(path: Path) -> None:
    """Flush what was appended to a file to the disk; a file that does not exist is flushed."""
    with disk_errors(path.name):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def flush_directory(path: Path) -> None:
    """Make the names in a directory durable, where the file system knows how."""
    with disk_errors(path.name):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory; one that does not exist is removed."""
    with disk_errors(path.name):
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes, never through a link.

    Missing, too large or not a file: InputError; a disk that fails while reading: DiskError.
    """
    name = path.name
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.EIO:
            raise DiskError(f"expected to read {name}; got: {os.strerror(errno.EIO)}") from error
        reason = "a link" if error.errno == errno.ELOOP else os.strerror(error.errno or 0)
        raise InputError(f"{name}: expected a file; got: {reason}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{name}: expected a regular file; got something else")
        if status.st_size > limit:
            raise InputError(f"{name}: expected at most {limit} bytes; got {status.st_size}")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(status.st_size + 1)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise DiskError(f"expected to read {name}; got: {reason}; check the disk") from error
    finally:
        os.close(descriptor)
    if len(data) != status.st_size:
        raise InputError(f"{name}: expected {status.st_size} bytes; it changed while it was read")
    return data


def _write_all(descriptor: int, data: Part) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
