"""JSON from files that may be damaged or hostile: limited, without duplicates, without NaN."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from runnel import files
from runnel.errors import InputError

LARGEST = 4 * 2**20
"""bytes of JSON that are read at most; parsed, they take some 25 times the memory"""
DEEPEST = 64
"""levels of objects and lists within each other"""
LONGEST_NUMBER = 64
"""characters of a number: enough for the 128 bits of a random generator's state"""


def render(value: dict[str, Any]) -> bytes:
    """The object as indented ASCII JSON with a final newline.

    NaN, infinity and what would be too long to `parse` are a ValueError.
    """
    data = (json.dumps(value, indent=2, allow_nan=False) + "\n").encode("ascii")
    if len(data) > LARGEST:
        raise ValueError(f"expected at most {LARGEST} bytes of JSON; got {len(data)}")
    return data


def render_line(value: dict[str, Any]) -> bytes:
    """The object as one line of ASCII JSON; NaN and infinity are a ValueError."""
    return (json.dumps(value, allow_nan=False) + "\n").encode("ascii")


def read(path: Path, name: str | None = None) -> dict[str, Any]:
    """The JSON object in a regular file; errors as those of `files.read_regular` and `parse`.

    `name` stands for the file in the latter; by default it is the path's last part.
    """
    return parse(files.read_regular(path, LARGEST), name or path.name)


def parse(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `data`; anything else is an InputError that begins with `name`."""
    if len(data) > LARGEST:
        raise InputError(f"{name}: expected at most {LARGEST} bytes of JSON; got {len(data)}")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_int=_whole_number,
            parse_float=_finite_number,
            parse_constant=_no_constant,
        )
    except _Refused as refused:
        raise InputError(f"{name}: {refused}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: expected UTF-8 text; byte {error.start} is not") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{name}: expected JSON; line {error.lineno} column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise InputError(f"{name}: {_TOO_DEEP}") from None
    if not isinstance(value, dict):
        raise InputError(f"{name}: expected a JSON object; got {type(value).__name__}")
    if not _shallow(value):
        raise InputError(f"{name}: {_TOO_DEEP}")
    return value


_TOO_DEEP = f"expected at most {DEEPEST} levels of nesting; got more"


class _Refused(Exception):
    """Valid JSON by the grammar that we do not accept."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise _Refused(f"expected each key once; got {twice[:80]!r} twice")
    return value


def _whole_number(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise _Refused(f"expected numbers of at most {LONGEST_NUMBER} characters; got {len(text)}")
    return int(text)


def _finite_number(text: str) -> float:
    number = float(text) if len(text) <= LONGEST_NUMBER else math.inf
    if not math.isfinite(number):
        raise _Refused(f"expected finite numbers; got {text[:80]}")
    return number


def _no_constant(text: str) -> NoReturn:
    raise _Refused(f"expected finite numbers; got {text}")


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return True
        level = inner
    return not any(isinstance(item, (dict, list)) for item in level)
