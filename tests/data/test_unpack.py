"""Compressed files and archives read as plain ones; damaged or too large, they are one line."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.reading import MARK, Write, read, refusal
from runnel.data import unpack


def packed(kind: str, data: bytes) -> bytes:
    if kind == ".gz":
        return gzip.compress(data)
    library = pytest.importorskip("zstandard", reason="the extra data reads .zst")
    return bytes(library.ZstdCompressor().compress(data))


@pytest.mark.parametrize("kind", [".gz", ".zst"])
def test_compressed_files_read_as_plain_ones(write: Write, kind: str) -> None:
    text, lines = f"one\n{MARK}\ntwo".encode(), b'{"text": "a"}\n{"text": "b"}\n'
    assert [d.text for d in read(write("a.txt" + kind, packed(kind, text)))] == ["one", "two"]
    twice = packed(kind, text) + packed(kind, b" and more")
    assert [d.text for d in read(write("b.txt" + kind, twice))] == ["one", "two and more"]
    assert [d.text for d in read(write("c.jsonl" + kind, packed(kind, lines)))] == ["a", "b"]
    odd = packed(kind, lines + b'{"body": 1}')
    assert f"d.jsonl{kind}:3: expected the field" in refusal(write("d.jsonl" + kind, odd))


@pytest.mark.parametrize("kind", [".gz", ".zst"])
@settings(deadline=None, max_examples=40, derandomize=True)
@given(cut=st.integers(1, 60), noise=st.binary(max_size=30))
def test_a_damaged_compressed_file_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, kind: str, cut: int, noise: bytes
) -> None:
    whole = packed(kind, bytes(range(32, 127)) * 3)
    path = tmp_path_factory.getbasetemp() / f"damaged.txt{kind}"
    path.write_bytes(whole[: -min(cut, len(whole) - 1)])
    assert "damaged.txt" in refusal(path)
    path.write_bytes(whole[:9] + noise)
    assert "damaged.txt" in refusal(path)


def test_a_file_that_unpacks_to_far_too_much_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "_ALLOWED", 1000)
    message = refusal(write("a.txt.gz", gzip.compress(b"a " * 2**20)))
    assert "at most 100 times" in message


def test_members_of_an_archive_are_documents_and_never_files(write: Write, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in {
            "../../evil.txt": b"one",
            "a/b.jsonl": b'{"text": "two"}',
            "a/picture.png": b"\0",
            "/root/c.txt": b"three",
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    path = write("in/x.tar.gz", buffer.getvalue())
    before = sorted(tmp_path.rglob("*"))
    documents = read(path)
    assert [d.text for d in documents] == ["one", "two", "three"]
    assert documents[0].id == "x.tar.gz:../../evil.txt:1"
    assert sorted(tmp_path.rglob("*")) == before
    assert "x.tar.gz: expected" in refusal(write("in/x.tar.gz", buffer.getvalue()[:-20]))
    assert "y.tar: expected a whole tar archive" in refusal(write("in/y.tar", b"x" * 2000))
    with tarfile.open(tmp_path / "z.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("picture.png"), io.BytesIO())
    assert "z.tar: expected text; got a file without any" in refusal(tmp_path / "z.tar")
