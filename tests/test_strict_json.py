"""JSON of strangers: what is written comes back; everything else is one line."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel import strict_json
from runnel.errors import InputError

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**128), 2**128)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.text(), _VALUES, max_size=4))
def test_what_is_rendered_comes_back(value: dict[str, Any]) -> None:
    assert strict_json.parse(strict_json.render(value), "x.json") == value
    line = strict_json.render_line(value)
    assert line.count(b"\n") == 1
    assert strict_json.parse(line, "x.json") == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "expected JSON"),
        (b"[]", "expected a JSON object; got list"),
        (b'"a"', "expected a JSON object; got str"),
        (b'{"a": 1', "expected JSON; line 1"),
        (b'{"a": 1} x', "Extra data"),
        (b'{"a": 1, "a": 2}', "got 'a' twice"),
        (b'{"x": {"a": 1, "a": 1}}', "got 'a' twice"),
        (b'{"a": NaN}', "got NaN"),
        (b'{"a": -Infinity}', "got -Infinity"),
        (b'{"a": 1e999}', "got 1e999"),
        (b'{"a": ' + b"9" * 5000 + b"}", "numbers of at most 64"),
        (b'{"a": 0.' + b"9" * 5000 + b"}", "finite numbers"),
        (b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}", "64 levels"),
        (b'{"a": ' + b"[" * 100_000, "64 levels"),
        (b'{"a":' * 100_000, "64 levels"),
        (b'{"a": "\xff"}', "byte 7 is not"),
        (b'\xef\xbb\xbf{"a": 1}', "expected JSON"),
        (b'{"a": "\n"}', "expected JSON"),
        (b"{'a': 1}", "expected JSON"),
        (b'{"a": 0x10}', "expected JSON"),
        (b" " * (strict_json.LARGEST + 1), "expected at most"),
        (b"\0" * 100, "expected JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_odd_is_refused_in_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=r"^x\.json: ") as caught:
        strict_json.parse(data, "x.json")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        value = strict_json.parse(data, "x.json")
    except InputError:
        return
    assert json.loads(data) == value


def test_deepest_allowed_is_allowed() -> None:
    levels = strict_json.DEEPEST - 1
    data = b'{"a": ' + b"[" * levels + b"]" * levels + b"}"
    assert "a" in strict_json.parse(data, "x.json")
    with pytest.raises(InputError, match="levels"):
        strict_json.parse(b'{"a": [' + data[6:-1] + b"]}", "x.json")


def test_nothing_is_written_that_could_not_be_read() -> None:
    with pytest.raises(ValueError, match="expected at most"):
        strict_json.render({"text": "x" * strict_json.LARGEST})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_nan_is_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        strict_json.render({"loss": number})
