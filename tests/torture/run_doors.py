"""What lies in a run beside its weights: metrics, and a session that was saved."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import torch

from runnel.inference import Session
from runnel.reports import measure
from runnel.storage import tensors
from runnel.storage.run import RunDirectory
from runnel.training.picture import draw_loss
from torture import headers
from torture.door import NOT_JSON, Case, Door
from torture.kit import Kit
from torture.mutate import mutated


def metrics() -> Door:
    """Read whole, as a picture and a comparison do; who goes on drops lines that are broken."""

    def case(k: Kit, line: bytes, must: bool) -> Case:
        path = k.run / "metrics.jsonl"
        first, _, rest = path.read_bytes().partition(b"\n")
        data = line + b"\n" + first + b"\n" + rest
        return Case(f"{line[:500]!r}", {path: data}, lambda: _measured(k.run), must)

    def collected(k: Kit) -> Iterator[Case]:
        for data in [*NOT_JSON, b'{"step": "5"}', b'{"step": true}', b'{"step": -1.5}']:
            yield case(k, data, True)

    def drawn(k: Kit, dice: random.Random) -> Case:
        line = (k.run / "metrics.jsonl").read_bytes().partition(b"\n")[0]
        return case(k, mutated(json.loads(line), dice), False)

    return Door("metrics", collected, drawn)


def _measured(run: Path) -> None:
    lines = RunDirectory.open(run).metrics.read()
    draw_loss(lines, title="x", bytes_per_token=1.0)
    measure.curve(lines), measure.speed(lines)


def session() -> Door:
    def case(k: Kit, what: str, data: bytes, must: bool = True) -> Case:
        return Case(
            what, {k.session: data}, lambda: _write_on(Session.load(k.session, k.model)), must
        )

    def collected(k: Kit) -> Iterator[Case]:
        whole = k.session.read_bytes()
        for what, data in headers.cuts(whole, 10):
            yield case(k, what, data)
        for data in NOT_JSON:
            yield case(k, f"{data[:16]!r}", _with_header(k, data))

    def drawn(k: Kit, dice: random.Random) -> Case:
        held = tensors.load(k.session.read_bytes(), "x")
        plain = json.loads(held["session.json"].numpy().tobytes())
        data = mutated(plain, dice)
        return case(k, f"{data[:500]!r}", _with_header(k, data), must=False)

    return Door("session", collected, drawn)


def _write_on(session: Session) -> None:
    assert len("".join(session.write(3))) < 1000


def _with_header(k: Kit, header: bytes) -> bytes:
    """A saved session that says other things of itself, under a right seal."""
    held = tensors.load(k.session.read_bytes(), "x")
    text = torch.frombuffer(bytearray(header or b" "), dtype=torch.uint8)
    return tensors.save_sealed(held | {"session.json": text})
