"""Prepared datasets: the same text, resumable, and one line for whatever is damaged."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel import strict_json
from runnel.data import (
    ByteTokenizer,
    CharTokenizer,
    DataConfig,
    Loader,
    TokenStream,
    open_corpus,
    open_stream,
)
from runnel.data import prepare as preparing
from runnel.data.documents import Document
from runnel.data.prepare import prepare
from runnel.data.prepared import MappedTokens, open_prepared, shard_path
from runnel.data.shards import PAGE, read_header, write_shard
from runnel.data.unpack import Meter
from runnel.data.write_shards import Progress, Reporter, Unit, write_units
from runnel.errors import DiskError, InputError

MARK = "\n<|endoftext|>\n"


def quiet(progress: Progress) -> None:
    """Say nothing."""


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "UNIT", 500)


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    tales = [f"tale {i}, é and more" + " and more" * (i % 7) for i in range(300)]
    path.write_text(MARK.join([*tales, ""]), encoding="utf-8")
    return str(path)


def same(left: TokenStream, right: TokenStream) -> bool:
    return (left.bytes, left.end) == (right.bytes, right.end) and np.array_equal(
        left.tokens_N[:], right.tokens_N[:]
    )


@pytest.mark.usefixtures("small_units")
@pytest.mark.parametrize("tokenizer", ["byte", "char"])
def test_it_holds_what_the_source_holds(text: str, tmp_path: Path, tokenizer: str) -> None:
    config = DataConfig(source=text, tokenizer=tokenizer, split="documents")
    found = prepare(config, tmp_path / "out", jobs=1, report=quiet)
    plain, mapped = (open_corpus(DataConfig(source=s, tokenizer=tokenizer)) for s in (
        text, str(tmp_path / "out")
    ))  # fmt: skip
    assert found.shards > 10
    assert same(plain.train, mapped.train)
    assert same(plain.validation, mapped.validation)
    assert plain.tokenizer == mapped.tokenizer
    assert plain.documents == mapped.documents
    assert plain.bytes == mapped.bytes == found.bytes


@pytest.mark.usefixtures("small_units")
def test_the_tail_is_held_out_of_a_long_text_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.txt"
    path.write_text("a brook ran on and on " * 2000)
    prepare(DataConfig(source=str(path)), tmp_path / "out", jobs=1, report=quiet)
    found = open_prepared(tmp_path / "out")
    train_N, held_N = found.train.tokens_N[:], found.validation.tokens_N[:]
    assert (train_N[0], held_N[0]) == (0, 0)
    together = ByteTokenizer().decode(np.concatenate([train_N, held_N]))
    assert together == path.read_text()
    assert len(held_N) / len(train_N) == pytest.approx(1 / 9, rel=0.01)
    assert found.train.bytes + found.validation.bytes == len(train_N) + len(held_N)


def test_several_processes_write_what_one_does(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "UNIT", 4000)
    one, two = (
        prepare(DataConfig(source=text), tmp_path / name, jobs=jobs, report=quiet)
        for name, jobs in (("one", 1), ("two", 2))
    )
    assert one.shards == two.shards > 1
    assert one.sha256 == two.sha256


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_document_that_cannot_be_read_is_named(tmp_path: Path, jobs: int) -> None:
    tokenizer = CharTokenizer("ab")
    (tmp_path / "shards").mkdir()
    (tmp_path / "tokenizer.json").write_bytes(strict_json.render(tokenizer.to_plain()))
    units = [
        Unit([Document("ab", "x:0", False)], [Document("b", "x:1", True)]),
        Unit([Document("aa", "x:0", True, continued=True)], [Document("b", "x:2", True)]),
        Unit(
            [Document("aa", "x:3", True)], [Document("b", "x:4", True), Document("ac", "x:5", True)]
        ),
    ]
    reporter = Reporter(Meter(), quiet, 0.0)
    with pytest.raises(InputError, match=r"^x:5: expected .* got 'c' .* at character 1"):
        write_units(tmp_path, tokenizer, iter(units), jobs, reporter)
    first, second = (read_header(shard_path(tmp_path, n))[0] for n in (0, 1))
    assert (first.tokens, first.held, first.documents, first.ended) == (5, 2, 2, False)
    assert (second.tokens, second.held, second.documents, second.ended) == (4, 2, 1, True)


@pytest.mark.usefixtures("small_units")
def test_what_was_finished_is_kept(text: str, tmp_path: Path) -> None:
    config, out = DataConfig(source=text), tmp_path / "out"
    whole = prepare(config, out, jobs=1, report=quiet)
    first = out / "shards" / "000000.shard"
    stamp = first.stat().st_mtime_ns
    (out / "corpus.json").unlink()
    (out / "shards" / "000003.shard").unlink()
    (out / "shards" / ".tmp-000003.shard").write_bytes(b"half")
    with pytest.raises(InputError, match="not finished; run the same"):
        open_corpus(DataConfig(source=str(out)))
    told: list[Progress] = []
    again = prepare(config, out, jobs=1, report=told.append)
    assert again.sha256 == whole.sha256
    assert first.stat().st_mtime_ns == stamp
    assert 0 < told[-1].resumed < told[-1].bytes
    assert not list((out / "shards").glob(".tmp-*"))
    with pytest.raises(InputError, match="got another split-seed; use the same"):
        prepare(DataConfig(source=text, split_seed=1), out, jobs=1, report=quiet)
    with pytest.raises(InputError, match="expected an empty or new --out"):
        prepare(config, tmp_path, jobs=1, report=quiet)


def test_a_kill_leaves_shards_that_the_next_call_keeps(tmp_path: Path) -> None:
    path, out = tmp_path / "text.txt", tmp_path / "out"
    path.write_text(MARK.join(f"tale {i} " + "of words " * 20 for i in range(20_000)))
    code = (
        "import sys; from runnel.data import prepare as p; p.UNIT = 20_000;"
        "from runnel.data import DataConfig; from pathlib import Path;"
        "p.prepare(DataConfig(source=sys.argv[1]), Path(sys.argv[2]), jobs=1, report=print)"
    )
    command = [sys.executable, "-c", code, str(path), str(out)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while len(list(out.glob("shards/0*.shard"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = {p.name: p.stat().st_mtime_ns for p in out.glob("shards/0*.shard")}
    assert len(before) >= 5
    assert not (out / "corpus.json").exists()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert all((out / "shards" / n).stat().st_mtime_ns == t for n, t in before.items())
    fresh = tmp_path / "fresh"
    subprocess.run([*command[:-1], str(fresh)], stdout=subprocess.DEVNULL, check=True)
    assert open_prepared(out).sha256 == open_prepared(fresh).sha256


@pytest.mark.usefixtures("small_units")
def test_a_full_disk_keeps_the_finished_shards(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, count = os.write, iter(range(12))

    def full(descriptor: int, data: Any) -> int:
        if next(count, None) is None:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    config, out = DataConfig(source=text, split="documents"), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(DiskError, match=r"No space left on device; free some space"):
            prepare(config, out, jobs=1, report=quiet)
    assert list(out.glob("shards/0*.shard"))
    prepare(config, out, jobs=1, report=quiet)
    assert same(open_corpus(DataConfig(source=text)).train, open_prepared(out).train)


@pytest.mark.usefixtures("small_units")
def test_another_tokenizer_than_the_models_is_refused(text: str, tmp_path: Path) -> None:
    prepare(DataConfig(source=text), tmp_path / "out", jobs=1, report=quiet)
    config = DataConfig(source=str(tmp_path / "out"))
    assert len(open_stream(config, ByteTokenizer())) > 2
    with pytest.raises(InputError, match=r"model's tokenizer \(char, 3 tokens\); got .* byte"):
        open_stream(config, CharTokenizer("ab"))


@pytest.mark.usefixtures("small_units")
def test_windows_positions_and_ranks_are_those_of_memory(text: str, tmp_path: Path) -> None:
    config = DataConfig(source=text, split="documents")
    prepare(config, tmp_path / "out", jobs=1, report=quiet)
    streams = [open_corpus(DataConfig(source=s)).train for s in (text, str(tmp_path / "out"))]
    loaders = [
        [Loader(s, batch=3, length=29, seed=1, rank=r, world=2) for r in (0, 1)] for s in streams
    ]
    for _ in range(200):
        for plain, mapped in zip(*loaders, strict=True):
            for a, b in zip(next(plain), next(mapped), strict=True):
                assert np.array_equal(a, b)
    position = loaders[1][0].position()
    assert position["epoch"] > 0
    loaders[0][1].load_position(position)
    fixed = next(Loader(streams[1], batch=50, length=29, seed=0, resets=False))
    assert not fixed.reset_BT.any()
    assert (fixed.tokens_BT == 0).any()


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("shard") / "000000.shard"
    tokens_N = (np.arange(PAGE) % 255).astype(np.uint16)
    said = {"held": 9, "held_documents": 1, "bytes": PAGE, "held_bytes": 9}
    said |= {"ended": True, "held_ended": True}
    write_shard(path, tokens_N, np.flatnonzero(tokens_N == 0), tokenizer="0" * 64, **said)
    return path, path.read_bytes()


@settings(deadline=None, max_examples=150, derandomize=True)
@given(data=st.data())
def test_a_damaged_shard_is_refused_in_one_line(
    shard: tuple[Path, bytes], data: st.DataObject
) -> None:
    path, whole = shard
    sha256 = "" if not whole else _sha(path, whole)
    kind = data.draw(st.sampled_from(["flip", "cut", "more", "noise"]))
    if kind == "flip":
        at = data.draw(st.one_of(st.integers(0, 900), st.integers(0, len(whole) - 1)))
        bit = data.draw(st.integers(0, 7))
        damaged = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
        if _is_padding(whole, at):
            return
    elif kind == "cut":
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    elif kind == "more":
        damaged = whole + data.draw(st.binary(min_size=1, max_size=9))
    else:
        damaged = whole[: data.draw(st.integers(0, 16))] + data.draw(st.binary(max_size=3000))
    path.write_bytes(damaged)
    with pytest.raises(InputError) as caught:
        _read_all(path, sha256)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500 + len(str(path))


def _read_all(path: Path, sha256: str) -> None:
    from runnel.data.shards import Shard

    found = Shard(path, sha256)
    found.read(0, found.header.tokens)


def _sha(path: Path, whole: bytes) -> str:
    path.write_bytes(whole)
    return read_header(path)[1]


def _is_padding(whole: bytes, at: int) -> bool:
    length = int.from_bytes(whole[8:16], "little") + 48
    return length <= at < -(-length // 64) * 64


Damage = Callable[[Path], Any]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "a byte of the tokens": (lambda d: _flip(d / "shards" / "000001.shard", -3), "000001.shard"),
    "a byte of a header": (lambda d: _flip(d / "shards" / "000001.shard", 40), "000001.shard"),
    "a missing shard": (lambda d: (d / "shards" / "000002.shard").unlink(), "000002.shard"),
    "a swapped shard": (
        lambda d: (d / "shards" / "000002.shard").rename(d / "shards" / "000001.shard"),
        "000001.shard: expected the shard that",
    ),
    "the index": (
        lambda d: (d / "corpus.json").write_text(
            (d / "corpus.json").read_text().replace('"cut": ', '"cut": 1')
        ),
        "corpus.json: expected what its SHA-256",
    ),
    "no index": (lambda d: (d / "corpus.json").write_text("{}"), "corpus.json: expected format 1"),
    "no tokenizer": (lambda d: (d / "tokenizer.json").unlink(), "out/tokenizer.json: expected"),
    "half a tokenizer": (
        lambda d: (d / "tokenizer.json").write_text('{"format": 1, "ty'),
        "out/tokenizer.json: expected JSON",
    ),
    "a cut shard": (
        lambda d: (d / "shards" / "000001.shard").write_bytes(
            (d / "shards" / "000001.shard").read_bytes()[:-9]
        ),
        "bytes as its header says",
    ),
    "the tokenizer": (
        lambda d: (d / "tokenizer.json").write_text(
            '{"format": 1, "type": "char", "characters": ["a"]}'
        ),
        "tokenizer.json: expected the tokenizer that",
    ),
}


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


@pytest.mark.usefixtures("small_units")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_dataset_names_the_file(text: str, tmp_path: Path, damage: str) -> None:
    out = tmp_path / "out"
    prepare(DataConfig(source=text), out, jobs=1, report=quiet)
    make, named = DAMAGES[damage]
    make(out)
    with pytest.raises(InputError) as caught:
        open_corpus(DataConfig(source=str(out)))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("small_units")
def test_slices_are_those_of_the_whole(text: str, tmp_path: Path) -> None:
    prepare(DataConfig(source=text), tmp_path / "out", jobs=1, report=quiet)
    tokens_N = open_prepared(tmp_path / "out").train.tokens_N
    assert isinstance(tokens_N, MappedTokens)
    whole_N = tokens_N[:]
    for place in (slice(1, None), slice(490, 1600), slice(-7, None), slice(5, 5), slice(0, 10**9)):
        assert np.array_equal(tokens_N[place], whole_N[place])


def test_what_failed_before_its_first_shard_may_begin_with_other_options(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"body": "The brook ran on and on."}\n' * 3)
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"a\.jsonl:1: expected the field 'text'; got body"):
        prepare(DataConfig(source=str(path)), out, jobs=1, report=quiet)
    config = DataConfig(source=str(path), field="body", tokenizer="char")
    assert prepare(config, out, jobs=1, report=quiet).tokenizer == "char"
    with pytest.raises(InputError, match="begun with; got another tokenizer"):
        prepare(DataConfig(source=str(path), field="body"), out, jobs=1, report=quiet)
