"""Sources: files, folders and corpora, what their names say, and one line for what is none."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.reading import Write, read, refusal
from runnel.data import CORPORA, Document, NamedCorpus
from runnel.data.sources import open_source


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
