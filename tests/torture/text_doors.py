"""Texts: prepared ones, sources of every kind, and a tokenizer's published files."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from runnel.data import DataConfig, open_corpus
from torture import headers, kit
from torture.door import NOT_JSON, Case, Door
from torture.kit import Kit
from torture.mutate import mutated, scratched


def dataset(name: str, path: Callable[[Kit], Path], seal: Callable[[Kit, bytes], bytes]) -> Door:
    def act(k: Kit) -> Callable[[], object]:
        return lambda: _read(k.dataset)

    def case(k: Kit, data: bytes, must: bool) -> Case:
        return Case(f"{data[:500]!r}", {path(k): seal(k, data)}, act(k), must)

    def collected(k: Kit) -> Iterator[Case]:
        for data in NOT_JSON:
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


def sources() -> Door:
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


def gpt2() -> Door:
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
        for data in NOT_JSON:
            yield Case(f"encoder {data[:16]!r}", {k.gpt2 / "encoder.json": data}, words(k))

    def drawn(k: Kit, dice: random.Random) -> Case:
        path = k.gpt2 / dice.choice(["vocab.bpe", "encoder.json"])
        whole = path.read_bytes()
        json_too = path.suffix == ".json" and dice.random() < 0.5
        data = mutated(json.loads(whole), dice) if json_too else scratched(whole, dice)
        return Case(f"{path.name} {data[:200]!r}", {path: data}, words(k), must=False)

    return Door("gpt2", collected, drawn)
