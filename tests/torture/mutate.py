"""Inputs that are almost right: JSON with one thing changed, bytes with a few."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 2**31, 2**32 - 1, 2**53 + 1, 2**63 - 1, 2**64, -(2**63)),
    *(10**30, 0.5, -0.0, 1e308, -1e308, 1e-320, "", "0", "x", "../../x", "/etc/passwd", "a\x00b"),
    *("os.system", "builtins.eval", "💧" * 50, "x" * 5000, "\ud800", [], [[]], {}, {"": {}}),
    *([0] * 300, ["x"] * 300, {"type": "stack"}, {"type": "os.system"}, {"type": 5}, [None, 1]),
]
_RAW = [
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"00", b"1" * 400, b'"\\ud800"', b"'x'"),
    *(b"[" * 100 + b"]" * 100, b'{"a":' * 100 + b"1" + b"}" * 100, b'{"a":1,"a":2}', b"/*x*/1"),
]


def places(plain: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values stand in nested objects and lists, the whole included."""
    yield path
    if isinstance(plain, (dict, list)):
        for key, value in plain.items() if isinstance(plain, dict) else enumerate(plain):
            yield from places(value, (*path, key))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300


def put(plain: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    found = plain
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = value
    return plain


def mutated(plain: Any, dice: random.Random) -> bytes:
    """The JSON of `plain` with one thing changed, lost, doubled or out of the grammar."""
    plain = copy.deepcopy(plain)
    path = dice.choice(list(places(plain)))
    kind = dice.choice(["odd", "odd", "odd", "lose", "add", "raw", "near", "bytes"])
    parent = plain
    for key in path[:-1]:
        parent = parent[key]
    if kind == "lose" and path:
        del parent[path[-1]]
    elif kind == "add" and isinstance(parent, dict):
        parent[dice.choice(["extra", "", "type", "__class__", "_target_", "x" * 3000])] = 1
    elif kind == "raw":
        text = json.dumps(put(plain, path, "@@raw@@")).encode()
        return text.replace(b'"@@raw@@"', dice.choice(_RAW))
    elif (
        kind == "near"
        and path
        and type(parent[path[-1]]) in (int, float)
        and abs(parent[path[-1]]) < 1e300
    ):
        value = parent[path[-1]]
        parent[path[-1]] = dice.choice([value + 1, value - 1, -value, value * 1000, value + 0.5])
    elif kind == "bytes":
        return scratched(json.dumps(plain).encode(), dice)
    else:
        plain = put(plain, path, dice.choice(ODD))
    return json.dumps(plain).encode()


def scratched(data: bytes, dice: random.Random) -> bytes:
    """The bytes with a few of them changed, lost, doubled, or noise among them."""
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 5])):
        at = dice.randrange(len(changed) + 1)
        match dice.choice(["flip", "lose", "noise", "double", "cut"]):
            case "flip" if at < len(changed):
                changed[at] ^= dice.randrange(1, 256)
            case "lose":
                del changed[at : at + dice.randint(1, 20)]
            case "noise":
                changed[at:at] = dice.randbytes(dice.randint(1, 20))
            case "double":
                changed[at:at] = changed[at : at + dice.randint(1, 50)]
            case _:
                del changed[max(at, 1) :]
    return bytes(changed)
