"""Files: whole or not at all, limits before reading, and disks that fail."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from runnel import files
from runnel.errors import DiskError, InputError


def test_a_durable_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    (tmp_path / ".tmp-a.json").write_bytes(b"orphan")
    for data in (b"one", b"", bytes(range(256)) * 1000):
        files.write_durably(path, data)
        assert path.read_bytes() == data
        assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_write_in_many_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:7])))
    files.write_durably(tmp_path / "a", bytes(range(100)))
    files.append(tmp_path / "a", b"x" * 50)
    assert (tmp_path / "a").read_bytes() == bytes(range(100)) + b"x" * 50


def test_an_append_that_fails_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    files.append(path, b"first\n")
    write, calls = os.write, []

    def fail_later(descriptor: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, bytes(data[:3]))

    monkeypatch.setattr(os, "write", fail_later)
    with pytest.raises(DiskError, match=r"write a; got: No space left on device; free some space"):
        files.append(path, b"second\n")
    assert path.read_bytes() == b"first\n"


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EFBIG, "ulimit"),
        (errno.EROFS, "choose a directory"),
        (errno.EACCES, "choose a directory"),
        (errno.EIO, "check the disk"),
    ],
)
def test_disk_errors_name_the_file_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.json").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskError, match=advice) as caught:
        files.write_durably(tmp_path / "a.json", b"new")
    assert caught.value.errno == number
    assert os.strerror(number) in str(caught.value)
    assert "a.json" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"


def test_a_limit_of_the_system_is_a_disk_error(
    tmp_path: Path, in_child: Callable[[Callable[[], None]], int]
) -> None:
    path = tmp_path / "a"
    files.write_durably(path, b"old")

    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        with pytest.raises(DiskError, match=r"write a; got: File too large; allow larger files"):
            files.write_durably(path, bytes(100_000))

    assert in_child(write) == 0
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_only_regular_files_within_the_limit_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(2**36)
    assert files.read_regular(tmp_path / "file", 5) == b"12345"
    for name, limit, reason in [
        ("file", 4, "at most 4 bytes; got 5"),
        ("huge", 100, "at most 100 bytes"),
        ("link", 100, "a link"),
        ("folder", 100, "something else"),
        ("pipe", 100, "something else"),
        ("missing", 100, "No such file"),
        ("file/inner", 100, "Not a directory"),
        ("x" * 500, 100, "name too long"),
    ]:
        with pytest.raises(InputError, match=reason) as caught:
            files.read_regular(tmp_path / name, limit)
        assert str(tmp_path) not in str(caught.value)


def test_removing_a_link_leaves_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    files.remove(tmp_path / "link")
    files.remove(tmp_path / "missing")
    assert (tmp_path / "kept" / "file").exists()
    files.remove(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []
