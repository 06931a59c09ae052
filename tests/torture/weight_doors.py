"""Weights: our own files of them, and what others made."""

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import torch

from runnel.storage import tensors
from torture import headers, kit
from torture.door import Case, Door
from torture.kit import Kit
from torture.mutate import mutated, scratched


def weights() -> Door:
    def at(k: Kit, data: bytes) -> tuple[dict[Path, bytes], list[str]]:
        return {k.run / "model.safetensors": data}, k.generate(k.run)

    def collected(k: Kit) -> Iterator[Case]:
        for what, data in headers.lies(tensors.save({"w": torch.ones(2), "v": torch.ones(3)})):
            yield Case(what, *at(k, data))

    def drawn(k: Kit, dice: random.Random) -> Case:
        whole = tensors.save(dict(k.model.state_dict()))
        length = int.from_bytes(whole[:8], "little")
        header = json.loads(whole[8 : 8 + length])
        data = headers.file(mutated(header, dice), whole[8 + length :])
        return Case(f"{data[:length][:2000]!r}", *at(k, data), must=False)

    return Door("safetensors", collected, drawn)


def imports() -> Door:
    kept = {name: kit.foreign(name) for name in kit.ARGUMENTS}

    def case(k: Kit, name: str, suffix: str, what: str, data: bytes, must: bool = True) -> Case:
        path = k.folder / f"theirs{suffix}"
        words = ["import", str(path), "--as", name, *kit.ARGUMENTS[name], "--out", str(k.new)]
        return Case(f"{name}{suffix} {what}", {path: data}, words, must)

    def collected(k: Kit) -> Iterator[Case]:
        for name, weights in kept.items():
            for what, data in headers.cuts(_saved(weights), 6):
                yield case(k, name, ".pt", what, data)
            for what, odd in _odd_weights(weights):
                yield case(k, name, ".pt", what, _saved(odd))
        whole = kit.packed(kept["hgrn"])
        for what, data in headers.lies(whole):
            yield case(k, "hgrn", ".safetensors", what, data)

    def drawn(k: Kit, dice: random.Random) -> Case:
        name = dice.choice(list(kept))
        if dice.random() < 0.5:
            data = scratched(_saved(kept[name]), dice)
            return case(k, name, ".pt", "scratched", data, must=False)
        odd = dict(kept[name])
        changed = dice.choice(list(odd))
        size = [dice.choice([0, 1, 2, 5, n, n + 1]) for n in odd[changed].shape]
        odd[changed] = torch.zeros(size)
        return case(k, name, ".pt", f"{changed} of {size}", _saved(odd), must=False)

    return Door("imports", collected, drawn)


def _saved(weights: object) -> bytes:
    written = io.BytesIO()
    torch.save(weights, written)
    return written.getvalue()


def _odd_weights(weights: dict[str, torch.Tensor]) -> Iterator[tuple[str, object]]:
    name = next(reversed(weights))
    yield "a list", list(weights.values())
    yield "a text among them", weights | {"note": "hello"}
    yield "a number for a name", weights | {5: torch.ones(2)}
    yield "a tensor too many", weights | {"extra": torch.ones(2)}
    yield "a layer far away", weights | {"layers.99999.x": torch.ones(2)}
    yield "nothing", {}
    for value in (torch.nan, torch.inf):
        yield f"{value}", weights | {name: torch.full_like(weights[name], value)}
    yield "whole numbers", weights | {name: weights[name].long()}
    yield "imaginary ones", weights | {name: weights[name].to(torch.complex64)}
    yield "sparse ones", weights | {name: weights[name].to_sparse()}
    claimed = torch.zeros(1).expand(2**40)
    yield "more than the file holds", weights | {name: claimed}
    yield "a scalar", weights | {name: torch.zeros(())}
    for i, lost in enumerate(weights):
        if i < 6:
            yield f"{lost} missing", {n: t for n, t in weights.items() if n != lost}
