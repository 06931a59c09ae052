"""Records: lines of JSON and rows of .parquet, and one clear line for what is none."""

import json
from pathlib import Path

import pytest

from data.reading import MARK, Write, read, refusal
from runnel.data import Document


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


def test_an_empty_file_of_lines_is_refused(write: Write) -> None:
    assert "an empty file" in refusal(write("a.jsonl", ""))
    assert "a file without any" in refusal(write("b.jsonl", '{"text": " "}'))


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
