"""Tensors as bytes: bit-exact, shared ones stored once, and nothing odd is accepted."""

import json
import random
import struct
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel.errors import InputError
from runnel.storage import tensors

_DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
]
_SHAPES = [(), (1,), (0,), (3, 0, 2), (7,), (2, 3, 5)]


@pytest.mark.parametrize("save", [tensors.save, tensors.save_sealed])
@pytest.mark.parametrize("shape", _SHAPES, ids=str)
@pytest.mark.parametrize("dtype", _DTYPES, ids=str)
def test_every_dtype_and_shape_comes_back_to_the_bit(
    dtype: torch.dtype, shape: tuple[int, ...], save: Any
) -> None:
    draw = torch.Generator().manual_seed(0)
    raw = torch.randint(0, 256, (*shape, 8), dtype=torch.uint8, generator=draw)
    tensor = raw.bool()[..., 0] if dtype == torch.bool else raw.view(dtype)[..., 0]
    back = tensors.load(save({"é.weight": tensor}), "x.safetensors")["é.weight"]
    assert (back.dtype, back.shape) == (dtype, shape)
    assert _bits(back) == _bits(tensor)


def _bits(tensor: torch.Tensor) -> bytes:
    return bytes(torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor).untyped_storage())


def test_the_same_tensors_give_the_same_bytes_in_any_order() -> None:
    items = {name: torch.randn(3) for name in "bca"}
    items["d"] = items["a"]
    reversed_items = dict(reversed(items.items()))
    assert tensors.save(items) == tensors.save(reversed_items)
    assert tensors.save_sealed(items) == tensors.save_sealed(reversed_items)


@pytest.mark.parametrize("copy", [dict, tensors.snapshot], ids=["as is", "snapshot"])
def test_tied_tensors_are_stored_once_and_stay_tied(copy: Any) -> None:
    big = torch.randn(1000)
    data = tensors.save(copy({"head": big, "embedding": big, "other": big[:10]}))
    assert len(data) < 4 * 1000 + 4 * 10 + 400
    back = tensors.load(data, "x")
    assert back["head"].data_ptr() == back["embedding"].data_ptr()
    assert back["other"].data_ptr() != back["embedding"].data_ptr()
    assert torch.equal(back["head"], big)
    assert torch.equal(back["other"], big[:10])


def test_views_of_one_memory_are_stored_apart() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    given = {"whole": base, "turned": base.T, "row": base[1], "same": base[0:1].expand(3, 4)}
    back = tensors.load(tensors.save(given), "x")
    assert all(torch.equal(back[name], given[name]) for name in given)


def test_empty_tensors_are_not_tied() -> None:
    back = tensors.load(tensors.save({"a": torch.empty(0), "b": torch.empty(2, 0)}), "x")
    assert (back["a"].shape, back["b"].shape) == ((0,), (2, 0))


def test_a_snapshot_does_not_follow_later_steps() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    copies = tensors.snapshot({"a": weight, "b": weight})
    with torch.no_grad():
        weight.zero_()
    assert torch.equal(copies["a"], torch.ones(3))
    assert copies["a"] is copies["b"]
    assert not copies["a"].requires_grad


def test_a_dtype_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(ValueError, match=r"w is torch\.complex64"):
        tensors.save({"w": torch.zeros(2, dtype=torch.complex64)})


def _file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def _one(**changes: Any) -> dict[str, Any]:
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}


def _ours(value: Any) -> dict[str, Any]:
    text = value if isinstance(value, str) else json.dumps(value)
    return {"__metadata__": {"runnel": text}, **_one()}


_EIGHT = bytes(8)
_TWICE = b'{"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},' * 2
_TWO = {
    "v": {"dtype": "U8", "shape": [6], "data_offsets": [0, 6]},
    "w": {"dtype": "U8", "shape": [6], "data_offsets": [2, 8]},
}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        _file(b"", length=2**63),
        _file({}, length=2**40),
        _file({}, length=3),
        _file(b"x" * 100),
        _file([]),
        _file(b'{"a":' * 5000),
        _file(_TWICE.replace(b"},{", b"},")[:-1] + b"}", _EIGHT),
        _file(_one(), b""),
        _file(_one(), bytes(7)),
        _file(_one(), bytes(9)),
        _file({}, b"x"),
        _file(_TWO, _EIGHT),
        _file(_one(data_offsets=[4, 12]), bytes(12)),
        _file(_one(data_offsets=[8, 0]), _EIGHT),
        _file(_one(data_offsets=[-8, 0]), _EIGHT),
        _file(_one(data_offsets=[0, 2**70]), _EIGHT),
        _file(_one(data_offsets=[0]), _EIGHT),
        _file(_one(data_offsets=[0, 8.0]), _EIGHT),
        _file(_one(data_offsets="08"), _EIGHT),
        _file(_one(shape=[3]), _EIGHT),
        _file(_one(shape=[-2]), _EIGHT),
        _file(_one(shape=[True, 2]), _EIGHT),
        _file(_one(shape=[2**62, 4, 2**62]), _EIGHT),
        _file(_one(shape=[0, 2**62, 2**62], data_offsets=[0, 0])),
        _file(_one(shape=[1] * 100 + [2]), _EIGHT),
        _file(_one(shape=2), _EIGHT),
        _file(_one(dtype="F31"), _EIGHT),
        _file(_one(dtype="C64", shape=[1]), _EIGHT),
        _file(_one(dtype=["F32"]), _EIGHT),
        _file(_one(dtype=None), _EIGHT),
        _file(_one(extra=1), _EIGHT),
        _file({"w": {"dtype": "F32", "shape": [2]}}, _EIGHT),
        _file({"w": 8}, _EIGHT),
        _file({"": _one()["w"]}, _EIGHT),
        _file({"w" * 2000: _one()["w"]}, _EIGHT),
        _file({"__metadata__": [], **_one()}, _EIGHT),
        _file({"__metadata__": {"a": 1}, **_one()}, _EIGHT),
        _file(_ours("{"), _EIGHT),
        _file(_ours({"sha256": 5}), _EIGHT),
        _file(_ours({"sha256": "0" * 64}), _EIGHT),
        _file(_ours({"sha256": "\ud800"}), _EIGHT),
        _file(_ours({"other": 5}), _EIGHT),
        _file(_ours({"tied": ["v"]}), _EIGHT),
        _file(_ours({"tied": {"v": "missing"}}), _EIGHT),
        _file(_ours({"tied": {"w": "w"}}), _EIGHT),
        _file(_ours({"tied": {"v": 3}}), _EIGHT),
    ],
)
def test_hostile_files_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^x\.safetensors: ") as caught:
        tensors.load(data, "x.safetensors")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("save", [tensors.save, tensors.save_sealed])
def test_others_read_what_is_saved(save: Any) -> None:
    given = {str(t): torch.arange(3).to(t) for t in _DTYPES} | {"0": torch.tensor(1.5)}
    data = save(given | {"empty": torch.empty(0, 4), "é\n": torch.ones(1)})
    back = safetensors.torch.load(data)
    assert all(torch.equal(back[name], given[name]) for name in given)
    assert back["empty"].shape == (0, 4)
    start = 8 + int.from_bytes(data[:8], "little")
    assert start % 8 == 0


def test_what_is_rendered_shares_the_memory() -> None:
    weight = torch.ones(1000)
    parts = tensors.render({"w": weight})
    weight.fill_(2)
    assert bytes(parts[-1]) == struct.pack("<f", 2) * 1000


def test_files_of_others_are_read() -> None:
    theirs = safetensors.torch.save({"b": torch.ones(2).bfloat16(), "a": torch.eye(3)})
    assert torch.equal(tensors.load(theirs, "x")["a"], torch.eye(3))
    plain = _file({"__metadata__": {"format": "pt"}, **_one()}, struct.pack("<2f", 1, 2))
    assert torch.equal(tensors.load(plain, "x")["w"], torch.tensor([1.0, 2.0]))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_header_raises_anything_else(raw: bytes) -> None:
    with pytest.raises(InputError):
        tensors.load(_file(b"{" + raw + b"}", b"x"), "x.safetensors")


@settings(deadline=None, max_examples=40)
@given(st.recursive(st.none() | st.integers() | st.text(), st.lists), st.text())
def test_no_entry_raises_anything_else(value: Any, key: str) -> None:
    for change in ({"shape": value}, {"data_offsets": value}, {"dtype": value}, {key: value}):
        try:
            tensors.load(_file(_one(**change), _EIGHT), "x.safetensors")
        except InputError:
            continue
        assert _one(**change) == _one() or change == {"shape": [2]}


def test_every_flipped_byte_of_a_sealed_file_is_found_or_harmless() -> None:
    draw = random.Random(3)
    weight = torch.randn(40)
    data = tensors.save_sealed({"w": weight, "tied": weight, "n": torch.arange(5)})
    key = data.index(b'"runnel"') + 1
    for position in range(len(data)):
        if position in range(key, key + len("runnel")):
            continue  # a seal by another name is a stranger's metadata; the tensors are whole
        damaged = bytearray(data)
        damaged[position] ^= draw.randrange(1, 256)
        with pytest.raises(InputError, match=r"^x\.safetensors: "):
            tensors.load(bytes(damaged), "x.safetensors")
