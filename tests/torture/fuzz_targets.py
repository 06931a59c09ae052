"""What the fuzzer calls: bytes go in; an InputError of one line, or nothing, may come out."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from runnel.configuration import from_plain, to_plain
from runnel.data import shards
from runnel.data.tokenizers import tokenizer_from_plain
from runnel.errors import InputError
from runnel.recipes import RECIPES
from runnel.storage import checkpoint as checkpoints
from runnel.storage import tensors
from runnel.strict_json import parse, render
from runnel.training import Recipe

Target = Callable[[bytes, Path], None]


def config(data: bytes, folder: Path) -> None:
    """config.json, as far as the recipe that it describes."""
    plain = parse(data, "config.json")
    plain.pop("format", None)
    to_plain(from_plain(Recipe, plain))


def manifest(data: bytes, folder: Path) -> None:
    """manifest.json of a checkpoint without other files."""
    (folder / checkpoints.MANIFEST).write_bytes(data)
    checkpoints.read(folder)


def tokenizer(data: bytes, folder: Path) -> None:
    """tokenizer.json, and a text through the tokenizer that it describes."""
    made = tokenizer_from_plain(parse(data, "tokenizer.json"))
    text = "the brook"
    try:
        tokens_N = made.encode(text)
    except InputError:
        return  # characters outside its alphabet
    made.decode(tokens_N)


def shard(data: bytes, folder: Path) -> None:
    """A shard; the first byte says whether the rest is a header to be sealed, or all of it."""
    path = folder / "000000.shard"
    if data[:1] == b"\0":
        plain = data[1:]
        front = shards.MAGIC + len(plain).to_bytes(8, "little") + plain
        front += hashlib.sha256(plain).digest()
        path.write_bytes(front.ljust(-(-len(front) // 64) * 64, b"\0"))
    else:
        path.write_bytes(data[1:])
    header, sha256, _ = shards.read_header(path)
    shards.Shard(path, sha256).read(0, header.tokens)


def safetensors(data: bytes, folder: Path) -> None:
    """A file of weights; the first byte says whether its length is put right."""
    if data[:1] == b"\0":
        cut = data.rfind(b"}") + 1 or len(data)
        data = data[:1] + max(0, cut - 1).to_bytes(8, "little") + data[1:]
    tensors.load(data[1:], "x.safetensors")


TARGETS: dict[str, Target] = {
    target.__name__: target for target in (config, manifest, tokenizer, shard, safetensors)
}


def seeds(name: str) -> list[bytes]:
    """Valid inputs to begin from."""
    import torch

    if name == "config":
        recipes = [RECIPES[n].make() for n in list(RECIPES)[::6]]
        return [json.dumps({"format": 1, **to_plain(r)}).encode() for r in recipes]
    if name == "manifest":
        entry = {"sha256": "0" * 64, "bytes": 5}
        named = dict.fromkeys((checkpoints.MODEL, checkpoints.TRAINING, checkpoints.STATE), entry)
        plain = {"format": 1, "step": 5, "files": named}
        return [render(checkpoints.sealed(plain))]
    if name == "tokenizer":
        kinds: list[dict[str, object]] = [
            {"type": "byte"},
            {"type": "char", "characters": list("the brok")},
        ]
        kinds += [{"type": "bpe", "merges": ["t h", "th e"]}]
        kinds += [{"type": "char", "characters": ["a", "b"], "unknown": "a"}]
        return [json.dumps({"format": 1, **kind}).encode() for kind in kinds]
    if name == "shard":
        header = {
            "format": 1,
            "dtype": "uint16",
            "tokens": 3,
            "held": 1,
            "documents": 1,
            "held_documents": 1,
            "bytes": 3,
            "held_bytes": 1,
            "ended": True,
            "held_ended": True,
            "tokenizer": "0" * 64,
            "tables": "0" * 64,
        }
        return [b"\0" + json.dumps(header).encode(), b"\1" + shards.MAGIC + bytes(60)]
    data = tensors.save_sealed({"w": torch.ones(2), "tied": torch.ones(1)})
    return [b"\1" + data, b"\0" + tensors.save({"w": torch.ones(2)})[8:]]


def call(name: str, data: bytes, folder: Path) -> None:
    """One input; AssertionError where an error is not one short line."""
    message = ""
    try:
        TARGETS[name](data, folder)
    except InputError as error:
        message = str(error)
    assert "\n" not in message, message
    assert len(message) < 2000, message
