"""The doors by which what others wrote comes in, and malformed things for each of them.

A door is a name with two generators: cases collected by hand that must be refused, and endless ones
drawn by dice, most of which must be.
"""

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from runnel.data import DataConfig, open_corpus
from runnel.data.prepared import INDEX, shard_path
from runnel.inference import Session
from runnel.recipes import RECIPES
from runnel.reports import measure
from runnel.reports.plan import read_plan
from runnel.storage import checkpoint as checkpoints
from runnel.storage import tensors
from runnel.storage.run import RunDirectory
from runnel.training.picture import draw_loss
from torture import headers, kit
from torture.kit import Kit
from torture.mutate import mutated, scratched


class Case(NamedTuple):
    """One malformed thing in its place, and what reads it."""

    what: str
    files: dict[Path, bytes]
    act: list[str] | Callable[[], object]
    """words of a command, or a function"""
    must: bool = True
    """refused in any case; else only if it is not good by chance"""


class Door(NamedTuple):
    """One kind of input."""

    name: str
    collected: Callable[[Kit], Iterator[Case]]
    drawn: Callable[[Kit, random.Random], Case]


_NOT_JSON: list[bytes] = [
    *(
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"x"',
        b"{}{}",
        b"{'a': 1}",
        b"\xff\xfe{}",
        b"\0" * 99,
    ),
    *(b'{"a":' * 5000, b"[" * 100_000, b'{"format":1,"format":1}', b'{"format": NaN}'),
    *(
        b'{"format": 1e999}',
        b'{"format": ' + b"1" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xc3"}',
    ),
    *(b'{"format": 2}', b'{"format": "1"}', b'{"format": true}', b'{"format": null}', b"{}"),
]


def _json_door(
    name: str, path: Callable[[Kit], Path], act: Callable[[Kit], Any], seal: Any = None
) -> Door:
    """A file of JSON; `seal(kit, data)` gives the files that vouch for it."""

    def files_of(k: Kit, data: bytes) -> dict[Path, bytes]:
        return {path(k): data} if seal is None else seal(k, data)

    def collected(k: Kit) -> Iterator[Case]:
        whole = path(k).read_bytes()
        for data in _NOT_JSON:
            yield Case(f"{data[:16]!r}", files_of(k, data), act(k))
        for at in range(1, len(whole) - 2, max(1, len(whole) // 25)):
            yield Case(f"cut to {at} bytes", files_of(k, whole[:at]), act(k))

    def drawn(k: Kit, dice: random.Random) -> Case:
        data = mutated(json.loads(path(k).read_bytes()), dice)
        return Case(f"{data[:2000]!r}", files_of(k, data), act(k), must=False)

    return Door(name, collected, drawn)


def _weights() -> Door:
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


def _metrics() -> Door:
    """Read whole, as a picture and a comparison do; who goes on drops lines that are broken."""

    def case(k: Kit, line: bytes, must: bool) -> Case:
        path = k.run / "metrics.jsonl"
        first, _, rest = path.read_bytes().partition(b"\n")
        data = line + b"\n" + first + b"\n" + rest
        return Case(f"{line[:500]!r}", {path: data}, lambda: _measured(k.run), must)

    def collected(k: Kit) -> Iterator[Case]:
        for data in [*_NOT_JSON, b'{"step": "5"}', b'{"step": true}', b'{"step": -1.5}']:
            yield case(k, data, True)

    def drawn(k: Kit, dice: random.Random) -> Case:
        line = (k.run / "metrics.jsonl").read_bytes().partition(b"\n")[0]
        return case(k, mutated(json.loads(line), dice), False)

    return Door("metrics", collected, drawn)


def _measured(run: Path) -> None:
    lines = RunDirectory.open(run).metrics.read()
    draw_loss(lines, title="x", bytes_per_token=1.0)
    measure.curve(lines), measure.speed(lines)


def _session() -> Door:
    def case(k: Kit, what: str, data: bytes, must: bool = True) -> Case:
        return Case(
            what, {k.session: data}, lambda: _write_on(Session.load(k.session, k.model)), must
        )

    def collected(k: Kit) -> Iterator[Case]:
        whole = k.session.read_bytes()
        for what, data in headers.cuts(whole, 10):
            yield case(k, what, data)
        for data in _NOT_JSON:
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


def _dataset(name: str, path: Callable[[Kit], Path], seal: Callable[[Kit, bytes], bytes]) -> Door:
    def act(k: Kit) -> Callable[[], object]:
        return lambda: _read(k.dataset)

    def case(k: Kit, data: bytes, must: bool) -> Case:
        return Case(f"{data[:500]!r}", {path(k): seal(k, data)}, act(k), must)

    def collected(k: Kit) -> Iterator[Case]:
        for data in _NOT_JSON:
            yield case(k, data, True)
        whole = path(k).read_bytes()
        for what, data in headers.cuts(whole, 20):
            yield Case(what, {path(k): data}, act(k))

    def drawn(k: Kit, dice: random.Random) -> Case:
        plain = kit.header_of(path(k)) if name == "shard" else json.loads(path(k).read_bytes())
        return case(k, mutated(plain, dice), False)

    return Door(name, collected, drawn)


def _read(dataset: Path) -> None:
    """Every token of both streams."""
    corpus = open_corpus(DataConfig(source=str(dataset)))
    for stream in (corpus.train, corpus.validation):
        assert stream.tokens_N[: len(stream.tokens_N)].max() < corpus.tokenizer.vocab_size


_TEXTS: dict[str, list[bytes]] = {
    "x.txt": [
        *(
            b"",
            b" \n\n",
            b"\xff",
            b"a\x80b",
            b"the cat \xe2\x82",
            b"\xed\xa0\x80",
            b"\xc0\xaf",
            b"a\0b",
        ),
        *("the cat".encode("utf-16"), b"\xf5\x80\x80\x80", b"\0" * 5000, b"ok " * 3000 + b"\xfe"),
    ],
    "x.jsonl": [
        *(b"{", b"[]", b"5", b"null", b'{"text": 5}', b'{"text": null}', b'{"text": ["a"]}', b"x"),
        *(b'{"other": "a"}', b'{"text": "\\ud800"}', b'{"text": "a\\u0000b"}', b'{"text": "\xff"}'),
        *(b"[" * 100_000, b'{"text": ' * 9000, b'{"n": ' + b"1" * 5000 + b', "text": 1}', b"{} {}"),
        *(b'{"text": "ok"}\n{"text": "o', b'{"text": "ok"}\n\n[1]', b"\0\0\0", b'{"text": "a\nb"}'),
    ],
}


def _sources() -> Door:
    made = kit.sources()

    def case(k: Kit, name: str, data: bytes, must: bool = True) -> Case:
        path = k.folder / name
        return Case(f"{name} {data[:60]!r}", {path: data}, k.prepare(path), must)

    def collected(k: Kit) -> Iterator[Case]:
        for name, texts in _TEXTS.items():
            for data in texts:
                yield case(k, name, data)
        for name, whole in made.items():
            if name in _TEXTS:
                continue
            for what, data in headers.cuts(whole, 12):
                # A tar archive may end after any member.
                yield case(k, name, data, must=not name.endswith(".tar"))._replace(what=what + name)
            yield case(k, name, b"\x1f\x8b\x08" + bytes(200))
            yield case(k, name, whole[::-1])
            yield case(k, name, b"PAR1" + b"\xff" * 40 + b"PAR1")

    def drawn(k: Kit, dice: random.Random) -> Case:
        name = dice.choice(list(made))
        return case(k, name, scratched(made[name], dice), must=False)

    return Door("sources", collected, drawn)


def _gpt2() -> Door:
    bad_merges = [
        *(
            b"",
            b"t h e\n",
            b"th\n",
            b"t h\nt h\n",
            b"zz t\n",
            b"t the\n",
            b"\xff \xfe\n",
            b"t  h\n",
        ),
        *(b" \n", b"h" * 100_000, b"t h\n" * 70_000, b"#version\n\0 \0\n", b"the t\nt h\n"),
    ]

    def words(k: Kit) -> list[str]:
        return k.prepare(k.text, "--tokenizer", f"gpt2:{k.gpt2}")

    def collected(k: Kit) -> Iterator[Case]:
        for data in bad_merges:
            yield Case(f"merges {data[:16]!r}", {k.gpt2 / "vocab.bpe": data}, words(k))
        for data in _NOT_JSON:
            yield Case(f"encoder {data[:16]!r}", {k.gpt2 / "encoder.json": data}, words(k))

    def drawn(k: Kit, dice: random.Random) -> Case:
        path = k.gpt2 / dice.choice(["vocab.bpe", "encoder.json"])
        whole = path.read_bytes()
        json_too = path.suffix == ".json" and dice.random() < 0.5
        data = mutated(json.loads(whole), dice) if json_too else scratched(whole, dice)
        return Case(f"{path.name} {data[:200]!r}", {path: data}, words(k), must=False)

    return Door("gpt2", collected, drawn)


def _imports() -> Door:
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


_FIELDS: list[str] = [
    *("", "=", "x", "model", "model=5", "model.dim", "model.dim=", "model.dim=x", "model.dim=1.5"),
    *("model.dim=0", "model.dim=-8", "model.dim=nan", f"model.dim={2**62}", f"model.dim={10**30}"),
    *("model.layers=0", f"model.layers={10**9}", f"model.layers={2**62}", "model.mixers=os.system"),
    *("model.mixers=", "model.type=stack", "model.__class__=x", "model.block.expansion=inf"),
    *("model.block.expansion=1e300", "model.block.dropout=nan", "model.block.norm=x", "data=x"),
    *("training.learning_rate=inf", "training.learning_rate=nan", "training.learning_rate=-1"),
    *("training.optimizer.betas=1", "training.optimizer.betas=1,1", "training.optimizer.kind=sgd"),
    *("training.save_every=0s", "training.save_every=-1", "training.save_every=1e9s"),
    *("training.batch=0", f"training.batch={2**62}"),
    *(f"training.length={2**62}", "training.schedule.warmup=2", "training.schedule.shape=up"),
    *("data.held_out=2", "data.tokenizer=bpe:x", f"data.tokenizer=bpe:{10**9}", "data.tokenizer=x"),
    *("data.tokenizer=gpt2:/nowhere", "data.separator=x", "data.source=", "data.source=/dev/null"),
    *("data.source=a\udcffb", "model.mixers.0.type=gru", "model.mixers.7.dim=1", "task=x"),
]


def _settings() -> Door:
    recipes = ("mingru-stories", "conv-attention-stories", "diverging-stories", "gpt2-stories")

    def case(k: Kit, recipe: str, assignment: str, must: bool) -> Case:
        words = ["train", recipe, "--steps", "1", "--batch", "2", "--out", str(k.new), "--quiet"]
        words += ["--data", str(k.text), "--length", "16"]
        return Case(f"{recipe} {assignment!r}", {}, [*words, "--set", assignment], must)

    def collected(k: Kit) -> Iterator[Case]:
        for assignment in _FIELDS:
            yield case(k, "mingru-stories", assignment, True)

    def drawn(k: Kit, dice: random.Random) -> Case:
        from runnel.configuration import fields

        recipe = dice.choice(recipes)
        found = [f for f in fields(RECIPES[recipe].make()) if type(f.value) in (int, float, bool)]
        field = dice.choice([f for f in found if f.path != "training.accumulate"])
        value = dice.choice(
            ["x", "", "nan", "inf", "-1", f"{2**62}", "1e400", "0x10", "1_0", "[1]"]
        )
        return case(k, recipe, f"{field.path}={value}", False)

    return Door("settings", collected, drawn)


def _prompts() -> Door:
    flags = [
        *(("--prompt", "a\udcffb"), ("--prompt", "a\0b"), ("--temperature", "nan")),
        *(("--temperature", "-1"), ("--temperature", "x"), ("--top-k", "0"), ("--top-p", "2")),
        *(("--top-p", "nan"), ("--top-p", "-0.1"), ("--tokens", "0"), ("--tokens", "-1")),
        *(("--tokens", "1e3"), ("--seed", "-1"), ("--seed", "\u00b2"), ("--seed", "1.5")),
        *(("--stop", ""), ("--device", "gpu"), ("--weights", "int4")),
        *(("--nothing", "x"), ("--tokens", "9" * 5000), ("--seed", "9" * 5000)),
    ]

    def collected(k: Kit) -> Iterator[Case]:
        for flag, value in flags:
            yield Case(f"{flag} {value[:30]!r}", {}, [*k.generate(k.run), flag, value])
        for place in ("", "\0", "x" * 5000, "/dev/null", "/proc/self/mem", "a\udcff", str(k.text)):
            yield Case(
                f"run {place[:20]!r}", {}, k.generate(Path(place)) if place else ["generate", ""]
            )

    def drawn(k: Kit, dice: random.Random) -> Case:
        flag = dice.choice(["--prompt", "--stop", "--temperature", "--top-p", "--top-k", "--seed"])
        text = dice.randbytes(dice.randint(1, 12)).decode("utf-8", "surrogateescape")
        return Case(f"{flag} {text!r}", {}, [*k.generate(k.run), f"{flag}={text}"], must=False)

    return Door("prompts", collected, drawn)


def _plan(k: Kit) -> Path:
    """A plan of a comparison, which is its results without any."""
    path = k.folder / "compared" / "compare.json"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        plain = json.loads(k.results.read_bytes())
        path.write_text(json.dumps({"format": 1} | plain["comparisons"][0]))
    return path


def _doors() -> Iterator[Door]:
    yield _weights()
    manifest, state = checkpoints.MANIFEST, checkpoints.STATE
    yield _json_door(
        "manifest", lambda k: k.checkpoint / manifest, lambda k: k.generate(k.checkpoint)
    )
    yield _json_door("config", lambda k: k.run / "config.json", lambda k: k.generate(k.run))
    yield _json_door("recipe", lambda k: k.killed / "config.json", lambda k: k.resume)
    yield _json_door("tokenizer", lambda k: k.run / "tokenizer.json", lambda k: k.generate(k.run))
    yield _json_door(
        "state",
        lambda k: k.checkpoint / state,
        lambda k: k.resume,
        lambda k, data: kit.resealed(k.checkpoint, state, data),
    )
    yield _metrics()
    yield _session()
    yield _dataset(
        "shard",
        lambda k: shard_path(k.dataset, 0),
        lambda k, data: kit.with_header(shard_path(k.dataset, 0), data),
    )
    yield _dataset("index", lambda k: k.dataset / INDEX, lambda k, data: kit.sealed_index(data))
    yield _sources()
    yield _gpt2()
    yield _imports()
    yield _json_door("results", lambda k: k.results, lambda k: k.merge)
    yield _json_door("plan", _plan, lambda k: lambda: read_plan(_plan(k).parent))
    yield _settings()
    yield _prompts()


DOORS = tuple(_doors())
