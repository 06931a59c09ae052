"""Sources: which documents a text holds, and one clear line for whatever holds none."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel.data import CORPORA, Document, NamedCorpus, read_documents, unpack
from runnel.data.documents import split_blocks, split_bytes
from runnel.data.sources import open_source
from runnel.errors import InputError

Write = Callable[[str, bytes | str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_one(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_one


def read(source: Path | str, **options: Any) -> list[Document]:
    return list(read_documents(str(source), **options))


def refusal(source: Path | str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "expected" in message
    assert "got" in message
    return message


MARK = "<|endoftext|>"


@pytest.mark.parametrize(
    ("content", "separator", "expected"),
    [
        ("one", "auto", [("one", False)]),
        ("one\n\ntwo\n", "auto", [("one\n\ntwo\n", False)]),
        (f"one{MARK}two", "auto", [("one", True), ("two", False)]),
        (f"one\n{MARK}\ntwo\n", "auto", [("one", True), ("two\n", False)]),
        (f"one\n\n{MARK}\n\ntwo", "auto", [("one\n", True), ("\ntwo", False)]),
        (f"one\r\n{MARK}\r\ntwo", "auto", [("one", True), ("two", False)]),
        (f" one {MARK}", "auto", [(" one ", True)]),
        (f"{MARK}{MARK}\n{MARK}one\n{MARK}\n\n{MARK} \n", "auto", [("one", True)]),
        (f"one{MARK}", "none", [(f"one{MARK}", False)]),
        ("one\n\ntwo", "end-of-text", [("one\n\ntwo", False)]),
        ("one\n\ntwo", "none", [("one\n\ntwo", False)]),
        ("one\n\ntwo", "blank-line", [("one", True), ("two", False)]),
        ("one\n \t\n\n\ntwo\n\n", "blank-line", [("one", True), ("two", True)]),
        ("one\r\n\r\n\r\ntwo\r\n", "blank-line", [("one", True), ("two\r\n", False)]),
        ("\n\none\nmore \n\n  two", "blank-line", [("one\nmore ", True), ("  two", False)]),
        (f"one{MARK}\n\ntwo", "blank-line", [(f"one{MARK}", True), ("two", False)]),
        ("\ufeffone\u2028é", "auto", [("one\u2028é", False)]),
        ("\ufeff\none\n\ntwo", "blank-line", [("one", True), ("two", False)]),
    ],
)
def test_a_text_falls_into_documents(
    write: Write, content: str, separator: str, expected: list[tuple[str, bool]]
) -> None:
    documents = read(write("a.txt", content), separator=separator)
    assert [(d.text, d.ended) for d in documents] == expected
    assert [d.id for d in documents] == [f"a.txt:{i + 1}" for i in range(len(expected))]


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.text(st.sampled_from("aé \n🎓<|"), min_size=1, max_size=12), max_size=8))
def test_joined_texts_come_apart_again(texts: list[str]) -> None:
    data = "".join(f"{text}\n{MARK}\n" for text in texts).encode()
    found = [d.text for d in split_bytes(data, "end-of-text", "x")]
    assert found == [text for text in texts if text.strip()]


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.text(st.sampled_from("aé \n\t\r🎓"), max_size=30))
def test_blank_lines_part_what_stands_between_them(text: str) -> None:
    found = [d.text for d in split_bytes(f"{text}\n".encode(), "blank-line", "x")]
    # The definition, line by line: blank lines drop out, the lines between them stay together.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    blank = [not line.strip(" \t") for line in lines]
    expected = [
        "\n".join(line for line, _ in group)
        for is_blank, group in groupby(zip(lines, blank, strict=True), key=lambda pair: pair[1])
        if not is_blank
    ]
    assert [same_lines(document) for document in found] == [e for e in expected if e.strip()]


def same_lines(text: str) -> str:
    return "\n".join(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n"))


def test_an_unknown_separator_is_refused(write: Write) -> None:
    assert "got 'tab'" in refusal(write("a.txt", "one"), separator="tab")


def test_lines_of_json_are_documents(write: Write) -> None:
    records = [{"text": "one\n\ntwo", "n": 1}, {"text": ""}, {"text": f"é{MARK}"}]
    content = "\n".join(map(json.dumps, records)) + "\n\n"
    documents = read(write("a.jsonl", "\ufeff" + content))
    assert documents == [
        Document("one\n\ntwo", "a.jsonl:1", True),
        Document(f"é{MARK}", "a.jsonl:3", True),
    ]
    assert [d.text for d in read(write("b.jsonl", '{"story": "x"}'), field="story")] == ["x"]


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"body": "x", "id": 3}', "field 'text'; got body, id"),
        ("{}", "got no fields"),
        ('{"text": 5}', "got int"),
        ('{"text": null}', "got NoneType"),
        ('{"text": ["x"]}', "got list"),
        ('["text"]', "got a list"),
        ('"text"', "got a str"),
        ("plain words", "expected one JSON object"),
        ('{"text": "x"', "expected one JSON object"),
        ('{"text": "x"} more', "Extra data"),
        (DEEP, "too large or deep"),
        ('{"text": ' + "9" * 5000 + "}", "too large or deep"),
        ('{"text": "a\\u0000"}', "without NUL"),
        ('{"text": "\\ud800"}', "lone surrogate"),
        (b'{"text": "\xe9"}', "byte 0xe9 at offset 10 of the line"),
    ],
)
def test_an_odd_line_of_json_is_named(write: Write, line: bytes | str, named: str) -> None:
    line = line if isinstance(line, bytes) else line.encode()
    message = refusal(write("a.jsonl", b'{"text": "one"}\n\n' + line + b"\n"))
    assert message.startswith("a.jsonl:3: ")
    assert named in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "expected text; got an empty file"),
        (b" \n\t\n", "expected text; got a file without any"),
        (b"\xef\xbb\xbf", "a file without any"),
        (MARK.encode() + b"\n", "a file without any"),
        (b"abc\0def", "a NUL byte at offset 3"),
        ("text".encode("utf-16"), "a NUL byte at offset 3"),
        (b"caf\xe9 au lait", "the byte 0xe9 at offset 3; convert it to UTF-8"),
        (b"one<|endoftext|>\nt\xffwo", "the byte 0xff at offset 18"),
        (b"one<|endoftext|>t\xffwo<|endoftext|>", "the byte 0xff at offset 17"),
        ("café".encode()[:-1], "ends inside a character; keep its first 3 bytes"),
        (b"\x1f\x8b\x08\x08", "the byte 0x8b at offset 1"),
        (b"\xed\xa0\x80", "the byte 0xed at offset 0"),
    ],
)
def test_a_file_that_is_not_text_is_refused(write: Write, content: bytes, named: str) -> None:
    message = refusal(write("a.txt", content))
    assert "a.txt" in message
    assert named in message


def test_a_character_cut_by_a_separator_is_not_the_end_of_the_file(write: Write) -> None:
    data = "é".encode()[:1] + MARK.encode() + b"more"
    assert "the byte 0xc3 at offset 0" in refusal(write("a.txt", data))


def test_an_empty_file_of_lines_is_refused(write: Write) -> None:
    assert "an empty file" in refusal(write("a.jsonl", ""))
    assert "a file without any" in refusal(write("b.jsonl", '{"text": " "}'))


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_file_that_may_not_be_read_is_refused(
    write: Write, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By hand, because root may read every file.
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(name, "one")
    monkeypatch.setattr(Path, "open", refuse)
    assert f"{path}: expected a file that can be read; got 'Permission denied'" in refusal(path)


def test_a_folder_is_read_in_order_with_its_subfolders(write: Write, tmp_path: Path) -> None:
    write("b.txt", "two")
    write("a/z.TXT", "one")
    write("c.jsonl", '{"text": "three"}')
    write("empty.txt", "")
    for unread in ("notes.md", ".hidden.txt", ".git/x.txt"):
        write(unread, "no")
    assert [(d.text, d.id) for d in read(tmp_path)] == [
        ("one", "a/z.TXT:1"),
        ("two", "b.txt:1"),
        ("three", "c.jsonl:1"),
    ]


@pytest.mark.parametrize(
    ("names", "train", "validation", "unread"),
    [
        (["x-train.txt", "x-valid.txt"], ["x-train.txt"], ["x-valid.txt"], []),
        (["train/1.txt", "val/1.txt"], ["train/1.txt"], ["val/1.txt"], []),
        (["TRAIN1.txt", "dev.txt"], ["TRAIN1.txt"], ["dev.txt"], []),
        (
            ["more.txt", "test.txt", "train_a.txt", "train_b.txt", "validation.txt"],
            ["train_a.txt", "train_b.txt"],
            ["validation.txt"],
            ["more.txt", "test.txt"],
        ),
        (["train.txt", "test.txt"], ["train.txt"], None, ["test.txt"]),
        (["train/valid.txt", "train/a.txt"], ["train/a.txt"], ["train/valid.txt"], []),
        (["trainer.txt", "invalid.txt"], ["invalid.txt", "trainer.txt"], None, []),
        (["a.txt", "valid.txt"], ["a.txt", "valid.txt"], None, []),
        (["a.txt", "test.txt"], ["a.txt", "test.txt"], None, []),
    ],
)
def test_names_tell_what_files_are_for(
    write: Write,
    tmp_path: Path,
    names: list[str],
    train: list[str],
    validation: list[str] | None,
    unread: list[str],
) -> None:
    for name in names:
        write(name, f"text of {name}")
    source = open_source(str(tmp_path), field="text", separator="auto", megabytes=1)

    def ids(documents: Iterator[Document]) -> list[str]:
        return [d.id.removesuffix(":1") for d in documents]

    assert ids(source.train) == train
    assert (ids(source.validation) if source.validation else None) == validation
    for name in unread:
        assert name in source.description.split("never read: ")[1]
    assert ("never read" in source.description) == bool(unread)


def test_test_files_are_not_even_opened(write: Write, tmp_path: Path) -> None:
    write("train.txt", "one")
    write("valid.txt", "two")
    write("test.txt", b"\0\0")
    assert [d.text for d in read(tmp_path)] == ["one", "two"]


def test_a_folder_without_text_is_refused(write: Write, tmp_path: Path) -> None:
    write("notes.md", "words")
    assert ".txt or .jsonl files; got none" in refusal(tmp_path)
    write("empty.txt", "\n")
    assert "got 1 .txt and .jsonl files without any" in refusal(tmp_path)


def test_a_bad_file_in_a_folder_is_named(write: Write, tmp_path: Path) -> None:
    write("a.txt", "one")
    write("sub/b.txt", b"\xff")
    assert refusal(tmp_path).startswith("sub/b.txt: ")


def test_unknown_sources_come_with_suggestions(write: Write, tmp_path: Path) -> None:
    path = write("books/shakespeare.txt", "to be")
    assert "did you mean stories?" in refusal("storys")
    assert "expected a corpus (stories" in refusal("qqq")
    assert f"did you mean {path}?" in refusal(path.with_name("shakespaere.txt"))
    assert f"did you mean {path}?" in refusal(tmp_path / "boks" / "shakespeare.txt")
    assert "check the name" in refusal(tmp_path / "qqqqq" / "zzzz")
    assert "got nothing" in refusal("")


@pytest.mark.parametrize("source", ["a\0b", "x" * 5000, "/dev/null", "~no-such-user-at-all/x"])
def test_odd_paths_are_refused(source: str) -> None:
    assert len(refusal(source)) < 6000


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "neither file nor folder" in refusal(tmp_path / "pipe")


def test_a_named_corpus_is_written_with_seed_and_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(megabytes: float, seed: int) -> list[str]:
        return [f"{megabytes} {seed}", "two"]

    monkeypatch.setitem(CORPORA, "fake", NamedCorpus("tales", "told", tell))
    assert read("fake", megabytes=2.0, seed=7) == [
        Document("2.0 7", "fake:0", True),
        Document("two", "fake:1", True),
    ]


def test_the_bundled_stories_are_documents() -> None:
    documents = read("stories", megabytes=0.02)
    assert sum(len(d.text) for d in documents) >= 20_000
    assert all(d.ended and "\0" not in d.text for d in documents)
    assert read("stories", megabytes=0.02, seed=1)[0] != documents[0]


def test_every_corpus_says_what_it_is() -> None:
    for corpus in CORPORA.values():
        assert corpus.description
        assert corpus.source


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


def test_columns_of_parquet_are_documents(write: Write, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="the extra data reads .parquet")
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra data reads .parquet")
    path = tmp_path / "a.parquet"
    columns = {"text": ["one", None, "two"], "none": [None, "", " "], "id": [1, 2, 3]}
    parquet.write_table(arrow.table(columns), path)
    assert [(d.text, d.id) for d in read(path)] == [("one", "a.parquet:1"), ("two", "a.parquet:3")]
    assert "the column 'none'; got 3 rows, all empty" in refusal(path, field="none")
    assert "expected the field 'body'; got text, none, id" in refusal(path, field="body")
    assert "row 1: expected text in the field 'id'; got int" in refusal(path, field="id")
    assert "damaged" in refusal(write("b.parquet", path.read_bytes()[:-9]))


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    text=st.text(st.sampled_from("aé \n🎓<|"), max_size=60),
    marks=st.lists(st.integers(0, 60), max_size=4),
    size=st.integers(1, 9),
    separator=st.sampled_from(["auto", "end-of-text", "blank-line", "none"]),
)
def test_a_text_in_blocks_has_the_documents_of_the_whole(
    text: str, marks: list[int], size: int, separator: Any
) -> None:
    for at in marks:
        text = text[:at] + MARK + text[at:]
    data = (MARK + text).encode()
    # The first block decides `auto`, so it holds a mark.
    blocks = [data[:14], *(data[i : i + size] for i in range(14, len(data), size))]
    found = list(split_blocks(blocks, separator, "x"))
    assert found == list(split_bytes(data, separator, "x"))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.text(st.sampled_from("aé \n🎓"), min_size=3, max_size=40), st.integers(1, 20))
def test_a_long_text_comes_in_pieces_that_make_it(part: str, repeats: int) -> None:
    text = (part * 400 + "x") * repeats
    data = text.encode()
    blocks = [data[i : i + 5000] for i in range(0, len(data), 5000)]
    found = list(split_blocks(blocks, "none", "x", longest=6000))
    assert "".join(d.text for d in found) == text
    assert [d.continued for d in found] == [False] + [True] * (len(found) - 1)
    assert len(found) >= len(data) // 16_000
