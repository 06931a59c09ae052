"""Documents: how the bytes of a text fall into them, whole or in blocks."""

from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.reading import MARK, Write, read, refusal
from runnel.data.documents import split_blocks, split_bytes


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
