"""Files as streams of bytes: plain, .gz or .zst, and tar archives of such; limited expansion."""

import gzip
import importlib
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

from runnel.data.documents import BLOCK
from runnel.errors import InputError

COMPRESSED = (".gz", ".zst")
ARCHIVES = (".tar", ".tgz")
_MOST_TIMES, _ALLOWED = 100, 2**28
_LARGEST_WINDOW = 2**27
_BITE = 2048


@dataclass
class Meter:
    """How many bytes of files have been read, and how many there are."""

    read: int = 0
    total: int = 0


class Member(NamedTuple):
    """A file in an archive; its name is only a label."""

    name: str
    blocks: Iterator[bytes]
    """to be read before the next member is asked for"""


def inner_name(name: str) -> str:
    """A file's name in lower case, without the ending that says how it is compressed."""
    name = name.lower()
    if name.endswith(".tgz"):
        return name.removesuffix(".tgz") + ".tar"
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return name


def read_blocks(path: Path, where: str, meter: Meter | None = None) -> Iterator[bytes]:
    """A file's bytes, unpacked where its name says so, in blocks that are not empty."""
    with _opened(path, where, meter or Meter()) as stream:
        while block := stream.read(BLOCK):
            yield block


def read_members(path: Path, where: str, meter: Meter | None = None) -> Iterator[Member]:
    """The regular files of a tar archive, in its order; nothing is written anywhere."""
    with _opened(path, where, meter or Meter()) as stream:
        try:
            file_of: Any = stream  # tarfile asks for nothing but `read`
            archive: Any = tarfile.open(fileobj=file_of, mode="r|")  # noqa: SIM115
            for member in archive:
                if member.isreg():
                    name = member.name.encode("unicode_escape", "replace").decode()[-120:]
                    file = archive.extractfile(member)
                    assert file is not None
                    yield Member(name, _member_blocks(file, f"{where}:{name}"))
                archive.members = []  # or it would remember every one of millions
        except (tarfile.TarError, EOFError, ValueError, OverflowError, OSError) as error:
            if isinstance(error, InputError):
                raise
            raise _damaged(where, "tar archive", error) from None


def _member_blocks(file: Any, where: str) -> Iterator[bytes]:
    try:
        while block := file.read(BLOCK):
            yield block
    except tarfile.TarError as error:
        raise _damaged(where, "tar archive", error) from None


@contextmanager
def _opened(path: Path, where: str, meter: Meter) -> Iterator["_Stream"]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from None
    with file:
        yield _Stream(file, path, where, meter)


@final
class _Stream:
    """The bytes of a file, unpacked; whatever is wrong with it is one InputError."""

    def __init__(self, file: Any, path: Path, where: str, meter: Meter) -> None:
        self._path, self._where, self._meter = path, where, meter
        self._raw = _Metered(file, meter)
        self._given = 0
        name = path.name.lower()
        self._packed = name.endswith((*COMPRESSED, ".tgz"))
        self._stream: Any = self._raw
        if name.endswith((".gz", ".tgz")):
            raw: Any = self._raw
            self._stream = gzip.GzipFile(fileobj=raw, mode="rb")
        elif name.endswith(".zst"):
            self._stream = _Zstandard(self._raw, where)

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        try:
            data: bytes = self._stream.read(size)
        except OSError as error:
            if isinstance(error, gzip.BadGzipFile):
                raise _damaged(self._where, ".gz file", error) from None
            raise unreadable(self._path, error) from None
        except Exception as error:
            kind = type(error).__name__
            if not isinstance(error, (EOFError, zlib.error)) and kind != "ZstdError":
                raise
            raise _damaged(self._where, f"{self._path.suffix} file", error) from None
        if self._packed:
            self._given += len(data)
            if self._given > _ALLOWED + _MOST_TIMES * self._raw.taken:
                raise InputError(
                    f"{self._where}: expected text that unpacks to at most {_MOST_TIMES} times "
                    f"its size; got more than {self._given} bytes of {self._raw.taken}; unpack it "
                    "yourself if you trust it"
                )
        return data


@final
class _Metered:
    """A file that counts what is read of it."""

    def __init__(self, file: Any, meter: Meter) -> None:
        self._file, self._meter, self.taken = file, meter, 0

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self.taken += len(data)
        self._meter.read += len(data)
        return data

    def seek(self, *place: int) -> int:
        return int(self._file.seek(*place))


@final
class _Zstandard:
    """The bytes of a .zst file; the library's own reader takes a cut file for a whole one."""

    def __init__(self, raw: _Metered, where: str) -> None:
        try:
            library: Any = importlib.import_module("zstandard")
        except ModuleNotFoundError:
            raise InputError(
                f"{where}: expected the `zstandard` library, which unpacks .zst; got none "
                "installed; pip install 'runnel[data]'"
            ) from None
        self._raw = raw
        self._library = library.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._frame: Any = None
        self._packed, self._ready = b"", bytearray()

    def read(self, size: int) -> bytes:
        """At most `size` bytes; EOFError where a frame is cut."""
        while len(self._ready) < size and self._fill():
            pass
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data

    def _fill(self) -> bool:
        # In small bites, because four bytes may stand for 2**17.
        packed = self._packed or self._raw.read(_BITE)
        if not packed:
            if self._frame is not None:
                raise EOFError("it ends inside a frame")
            return False
        if self._frame is None:
            self._frame = self._library.decompressobj()
        self._ready += self._frame.decompress(packed)
        self._packed = b""
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None
        return True


def _damaged(where: str, kind: str, error: BaseException) -> InputError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InputError(
        f"{where}: expected a whole {kind}; got a damaged one ({reason}); fetch it again"
    )


def size_of(file: Path) -> int:
    """Bytes of a file; InputError where the system does not let us ask."""
    try:
        return file.stat().st_size
    except OSError as error:
        raise unreadable(file, error) from None


def unreadable(file: Path, error: OSError) -> InputError:
    """The error for a file that the system does not let us read."""
    reason = error.strerror or type(error).__name__
    return InputError(
        f"{file}: expected a file that can be read; got {reason!r}; check its permissions, or "
        "move it away"
    )
