"""Whole things of every kind that runnel reads, small, made once, for parts that damage them."""

import gzip
import hashlib
import importlib.util
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from reports.conftest import compared, entry
from reports.conftest import run as result
from runnel import strict_json
from runnel.data import shards
from runnel.data.prepared import seal
from runnel.data.tokenizers.merges import SYMBOLS
from runnel.inference import Session
from runnel.reports.results import Comparison, render
from runnel.storage import checkpoint as checkpoints
from runnel.storage.load import load_model
from runnel.training import train
from storage.test_import_formats import DIM, HIDDEN, LAYERS, LETTERS, VOCAB, hgrn, minrnns
from storage.test_imports import theirs
from torture import child, flips, tiny

ARGUMENTS: dict[str, list[str]] = {
    "tinystoriesgru": [],
    "mingru-pytorch": ["--tokenizer", f"char:{LETTERS}"],
    "minrnns": ["--tokenizer", f"char:{LETTERS}"],
    "hgrn": ["--tokenizer", f"char:{LETTERS}"],
}


def foreign(name: str) -> dict[str, Tensor]:
    """Somebody else's weights by the names of one format, a layer or three of them."""
    if name == "tinystoriesgru":
        return theirs()
    if name == "hgrn":
        return hgrn()
    if name == "minrnns":
        return minrnns()
    found = minrnns(out=VOCAB)
    lost = ("gate.bias", "to_out.bias", "init_hidden_state", "mult_bias")
    found = {n: t for n, t in found.items() if not n.endswith(lost)}
    found["to_logits.weight"] = found.pop("to_out.weight")
    for i in range(LAYERS):
        found[f"layers.{i}.4.2.weight"] = torch.ones(DIM, 2 * HIDDEN)
    return found


def packed(weights: dict[str, Tensor]) -> bytes:
    """Weights as others write them."""
    return safetensors.torch.save({n: t.contiguous() for n, t in weights.items()})


class Kit:
    """A killed run, a finished one, a dataset, results, a session, a tokenizer's files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.new = folder, folder / "new"
        self.text = tiny.write_text(folder / "text.txt")
        self.killed, self.run = folder / "killed", folder / "run"
        # What training imports late is imported here once, and not by each fork.
        train(tiny.recipe(self.text, steps=2), folder / "warm", device="cpu", quiet=True)
        killed = flips.killed_run(self.text, self.killed, "--set", "data.tokenizer=byte")
        self.resume = [*killed, "--resume", "must"]
        self._as_killed = folder / "as-killed"
        for copy in (self.run, self._as_killed):
            shutil.copytree(self.killed, copy)
        finish = [*killed[:-1], str(self.run)]
        self.dataset = folder / "dataset"
        prepare = ["data", "prepare", str(self.text), "--out", str(self.dataset), "--jobs", "1"]
        for words in (finish, prepare):
            said = child.command(words)
            assert said.code == 0, said.error
        self.checkpoint = checkpoints.find(self.killed / "checkpoints")[0]
        self.results = folder / "results.json"
        self.results.write_bytes(render([_comparison()]))
        self.session = folder / "saved.safetensors"
        self.model = load_model(self.run)
        session = Session.start(self.model)
        session.read("the ")
        session.save(self.session)
        self.gpt2 = folder / "gpt2"
        self.gpt2.mkdir()
        write_gpt2(self.gpt2)

    def generate(self, where: Path) -> list[str]:
        """The words that read a run or a checkpoint, and write one token."""
        return ["generate", str(where), "--tokens", "1"]

    def prepare(self, source: Path, *more: str) -> list[str]:
        """The words that read a source once."""
        return ["data", "prepare", str(source), "--out", str(self.new), "--jobs", "1", *more]

    @property
    def merge(self) -> list[str]:
        """The words that read results."""
        return ["compare", "--from", str(self.results), "--out", str(self.new)]

    def clear(self, went_on: bool = False) -> None:
        """Forget what a command made, and that the killed run went on if it did."""
        shutil.rmtree(self.new, ignore_errors=True)
        if went_on:
            shutil.rmtree(self.killed)
            shutil.copytree(self._as_killed, self.killed)


def resealed(directory: Path, name: str, data: bytes) -> dict[Path, bytes]:
    """A checkpoint's file with other bytes, and the manifest that vouches for them."""
    plain = json.loads((directory / checkpoints.MANIFEST).read_bytes())
    del plain["sha256"]
    plain["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    manifest = strict_json.render(checkpoints.sealed(plain))
    return {directory / name: data, directory / checkpoints.MANIFEST: manifest}


def with_header(shard: Path, plain: bytes) -> bytes:
    """A shard with another header, whose hash is right."""
    data = shard.read_bytes()
    length = int.from_bytes(data[8:16], "little")
    rest = data[-(-(16 + length + 32) // 64) * 64 :]
    front = shards.MAGIC + len(plain).to_bytes(8, "little") + plain
    front += hashlib.sha256(plain).digest()
    return front.ljust(-(-len(front) // 64) * 64, b"\0") + rest


def header_of(shard: Path) -> dict[str, Any]:
    """What a shard says of itself."""
    data = shard.read_bytes()
    found: dict[str, Any] = json.loads(data[16 : 16 + int.from_bytes(data[8:16], "little")])
    return found


def sealed_index(plain: bytes) -> bytes:
    """A dataset's index that vouches for itself, where it is an index at all."""
    try:
        return strict_json.render(seal(json.loads(plain)))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return plain


def write_gpt2(folder: Path) -> None:
    """GPT-2's two files with three merges."""
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the")]
    names = [*SYMBOLS, *("".join(pair) for pair in merges), "<|endoftext|>"]
    encoder = {name: number for number, name in enumerate(names)}
    (folder / "encoder.json").write_text(json.dumps(encoder))
    lines = "".join(f"{left} {right}\n" for left, right in merges)
    (folder / "vocab.bpe").write_text(f"#version: 0.2\n{lines}", encoding="utf-8")


def tarred(members: dict[str, bytes]) -> bytes:
    """An archive of some files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def sources() -> dict[str, bytes]:
    """A whole file of each kind that text is read from."""
    record = b"".join(b'{"text": "the cat sees rain %d"}\n' % n for n in range(40))
    found = {
        "x.txt": b"the cat sees rain.\n<|endoftext|>a dog hears snow.\n" * 20,
        "x.jsonl": record,
        "x.jsonl.gz": gzip.compress(record, mtime=0),
        "x.tar": tarred({"a.txt": b"the cat. " * 9, "b/c.jsonl": record, "d.bin": b"\0" * 600}),
    }
    if importlib.util.find_spec("zstandard") is not None:
        zstandard: Any = importlib.import_module("zstandard")
        found["x.txt.zst"] = zstandard.compress(found["x.txt"])
    if importlib.util.find_spec("pyarrow") is not None:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
        table = arrow.table({"text": ["the cat", "a dog"] * 20, "number": list(range(40))})
        packed = io.BytesIO()
        parquet.write_table(table, packed)
        found["x.parquet"] = packed.getvalue()
    return found


def _comparison() -> Comparison:
    return compared(
        entry("gru-stories", result(0, 1.5), result(1, 1.7)),
        entry("mingru-stories", result(0, 1.1), result(1, 1.2)),
    )
