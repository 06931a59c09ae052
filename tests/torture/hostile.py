"""Files that want to do something: run code, be imported, or be read and written elsewhere.

A canary lies outside: code that runs would make it, and a file there holds a secret that must
appear nowhere. Around every trial the whole folder outside is compared with what it was.
"""

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runnel.configuration import fields, override, to_plain
from runnel.errors import InputError
from runnel.recipes import RECIPES
from runnel.reports import results
from runnel.storage import checkpoint as checkpoints
from runnel.storage.imports import FORMATS, import_weights
from torture import child, fuzz_targets, tiny
from torture.bench import Bench, Part
from torture.kit import Kit
from torture.mutate import places, put
from torture.traps import (
    MODULE,
    SECRET,
    Outside,
    Trap,
    archives,
    import_paths,
    names,
    pickles,
    traps,
)

_HTML = "<script>alert(1)</script>"
_TOGETHER = 24
"""trials in one process"""


def run_pickles(bench: Bench, k: Kit, outside: Outside) -> None:
    """Every pickle at every importer, and in the place of every file of weights."""
    files = list(pickles(outside.canary))
    for name in FORMATS:

        def read_all(name: str = name) -> None:
            for what, data in files:
                for suffix in (".pt", ".safetensors"):
                    path = k.folder / f"theirs{suffix}"
                    path.write_bytes(data)
                    with pytest.raises(InputError) as caught:
                        import_weights(path, name, k.new)
                    assert "\n" not in str(caught.value), what
                    assert not k.new.exists(), f"{what}: wrote"
                    assert not outside.canary.exists(), f"{what}: the canary is there"

        said = child.call(read_all)
        with bench.trial(f"pickles as {name}"):
            bench.check(said.code == 0, f"pickles as {name}: {said.error[-400:]}")
            bench.check(outside.untouched(), f"pickles as {name}: something outside changed")
        bench.counts["pickles"] += 2 * len(files)
    places_and_words = [
        (k.run / "model.safetensors", k.generate(k.run)),
        (k.checkpoint / checkpoints.TRAINING, k.resume),
        (k.run / "tokenizer.json", k.generate(k.run)),
    ]
    chosen = files[:: 1 if bench.full else 15]
    trials = [
        Trial(f"{what} as {path.name}", path, data, words)
        for what, data in chosen
        for path, words in places_and_words
    ]
    _try(bench, k, outside, trials)


class Trial(NamedTuple):
    """A thing in its place, and what reads it."""

    what: str
    path: Path
    thing: bytes | Path
    """bytes, or where a link leads"""
    words: list[str]
    good: bool = False
    """it may as well be passed over"""
    also: Callable[[], None] = lambda: None
    """what else must hold afterwards"""


def _try(bench: Bench, k: Kit, outside: Outside, trials: Sequence[Trial]) -> None:
    """Exit 2 in one line (or, where that is allowed, 0), the secret kept, nothing touched."""

    def act(trial: Trial) -> int:
        with _instead(trial.path, trial.thing):
            code = child.main(trial.words)
            assert outside.untouched(), "something outside changed"
            held = [p for p in k.new.rglob("*") if p.is_file() and not p.is_symlink()]
            assert not any(SECRET.encode() in p.read_bytes() for p in held), "took the secret"
            trial.also()
        k.clear(went_on=trial.words == k.resume)
        return code

    for group in (trials[i : i + _TOGETHER] for i in range(0, len(trials), _TOGETHER)):
        said = child.each([partial(act, trial) for trial in group], limit=1200)[1]
        bench.check(len(said) == len(group), f"{group[len(said) - 1].what}: the process ended")
        for trial, heard in zip(group, said, strict=False):
            what = trial.what
            with bench.trial(what):
                good = heard.code == 2 or (trial.good and heard.code == 0)
                bench.check(good, f"{what}: status {heard.code}: {heard.error[-400:]}")
                if heard.code == 2:
                    bench.check(heard.error.count("\n") == 1, f"{what}: {heard.error[-400:]}")
                bench.check(SECRET not in heard.out + heard.error, f"{what}: told the secret")


def run_import_paths(bench: Bench, k: Kit, outside: Outside) -> None:
    """Every import path in every place of every kind of JSON that is read."""
    paths = import_paths(outside.canary)
    names = list(RECIPES) if bench.full else ["mingru-stories"]
    plains = [("config", to_plain(RECIPES[name].make()) | {"format": 1}) for name in names]
    plains += [
        (target, json.loads(seed.lstrip(b"\0\1") or b"{}"))
        for target in ("manifest", "tokenizer", "shard")
        for seed in fuzz_targets.seeds(target)
        if not seed.startswith(b"\1")
    ]
    found = json.loads(k.results.read_bytes())
    (first, *_) = found["comparisons"][0]["entries"]
    found["comparisons"][0]["entries"] = [first | {"runs": first["runs"][:1]}]
    plains.append(("results", found))
    seen: set[tuple[str, tuple[Any, ...]]] = set()
    for number, (target, plain) in enumerate(plains):
        # What recipes have in common is tried once.
        new = [place for place in places(plain) if (target, place) not in seen]
        seen |= {(target, place) for place in new}
        folder = bench.folder / f"json-{number}"
        folder.mkdir()

        def put_all(
            target: str = target, plain: Any = plain, folder: Path = folder, new: Any = new
        ) -> None:
            sys.path.insert(0, outside.modules)
            front = b"\0" if target == "shard" else b""
            for place in new:
                for value in paths:
                    changed = put(json.loads(json.dumps(plain)), place, value)
                    data = front + json.dumps(changed).encode()
                    if target == "results":
                        _read_results(data, folder)
                    else:
                        fuzz_targets.call(target, data, folder)
                assert not outside.canary.exists(), f"{place}: the canary is there"
            assert MODULE not in sys.modules

        with bench.trial(f"import paths in {target} {number}"):
            said = child.call(put_all, limit=3600)
            bench.check(said.code == 0, f"import paths in {target}: {said.error[-400:]}")
            bench.check(outside.untouched(), f"import paths in {target}: outside changed")
            bench.counts["import paths"] += len(new) * len(paths)

    def set_all() -> None:
        sys.path.insert(0, outside.modules)
        recipe = RECIPES["mingru-stories"].make()
        for field in fields(recipe):
            for value in paths:
                try:
                    override(recipe, [f"{field.path}={value}"])
                except InputError:
                    continue
        assert MODULE not in sys.modules

    with bench.trial("import paths by --set"):
        said = child.call(set_all, limit=3600)
        bench.check(said.code == 0, f"import paths by --set: {said.error[-400:]}")
        bench.check(outside.untouched(), "import paths by --set: outside changed")


def _read_results(data: bytes, folder: Path) -> None:
    (folder / "results.json").write_bytes(data)
    message = ""
    try:
        results.read(folder)
    except InputError as error:
        message = str(error)
    assert "\n" not in message


def run_names(bench: Bench, k: Kit, outside: Outside) -> None:
    """Manifests, pointers, tensors and results with names that lead elsewhere; links to there."""

    def no_script() -> None:
        page = k.new / "report.html"
        assert not page.exists() or _HTML not in page.read_text(), "a script in the page"

    trials = []
    for name in names(outside):
        label = f"{name[:60]!r}"
        manifest = k.checkpoint / checkpoints.MANIFEST
        plain = json.loads(manifest.read_bytes())
        del plain["sha256"]
        entry = plain["files"].pop(checkpoints.MODEL)
        plain["files"] = {name: entry, **plain["files"]}
        sealed = json.dumps(checkpoints.sealed(plain), indent=2).encode() + b"\n"
        trials.append(Trial(f"manifest {label}", manifest, sealed, k.generate(k.checkpoint)))
        for pointer in ("latest", "best"):
            # A pointer that is not believed is passed over.
            path, text = k.killed / "checkpoints" / pointer, name.encode() + b"\n"
            trials.append(Trial(f"{pointer} {label}", path, text, k.generate(k.killed), True))
        changed = json.loads(k.results.read_bytes())
        changed["comparisons"][0]["entries"][0]["name"] = f"{name}{_HTML}"
        changed["comparisons"][0]["conditions"]["data"] = f"{name}{_HTML}"
        data = json.dumps(changed).encode()
        trials.append(Trial(f"results {label}", k.results, data, k.merge, True, no_script))
    _try(bench, k, outside, trials)


class _instead:
    """Within this context a file holds other bytes, or is a link."""

    def __init__(self, path: Path, data: bytes | Path) -> None:
        self._path, self._data = path, data
        self._kept = path.with_name(f"kept-{path.name}")

    def __enter__(self) -> None:
        if self._path.exists():
            self._path.rename(self._kept)
        if isinstance(self._data, Path):
            self._path.symlink_to(self._data)
        else:
            self._path.write_bytes(self._data)

    def __exit__(self, *error: object) -> None:
        if self._path.is_symlink() or self._path.is_file():
            self._path.unlink()
        elif self._path.is_dir():
            shutil.rmtree(self._path)
        if self._kept.exists():
            self._kept.rename(self._path)


def run_links(bench: Bench, k: Kit, outside: Outside) -> None:
    """Every file and folder of a run and of a dataset replaced by a link to the secret."""
    secret, empty = outside.folder / "secret.txt", outside.folder / "checkpoints"
    more = (".lock", "samples.md", ".tmp-config.json", ".tmp-metrics.jsonl", ".tmp-x")
    paths = dict.fromkeys([*k.killed.rglob("*"), *(k.killed / name for name in more)])

    def not_taken() -> None:
        held = [p for p in k.killed.rglob("*") if p.is_file() and not p.is_symlink()]
        assert not any(SECRET.encode() in p.read_bytes() for p in held), "took the secret"

    trials = [
        Trial(
            f"{path.relative_to(k.killed)} as a link to {target.name}",
            *(path, target, k.resume, True, not_taken),
        )
        for path in paths
        for target in (secret, empty)
    ]
    words = ["train", "mingru-stories", "--steps", "1", "--data", str(k.dataset)]
    words += ["--out", str(k.new), *tiny.FLAGS, "--set", "data.tokenizer=byte"]
    trials += [
        Trial(f"{path.name} of a dataset as a link", path, secret, words, True)
        for path in k.dataset.rglob("*")
        if path.is_file()
    ]
    _try(bench, k, outside, trials)


def run_archives(bench: Bench, k: Kit, outside: Outside) -> None:
    """Archives as a source; members are read in passing, and nothing is unpacked anywhere."""
    path = k.folder / "hostile.tar"

    def seen() -> set[Path]:
        return {p for p in bench.folder.rglob("*") if k.new not in (p, *p.parents)}

    before = seen() | {path}

    def nothing_more() -> None:
        assert not seen() - before, f"wrote {seen() - before}"

    chosen = list(archives(outside))[:: 1 if bench.full else 4]
    _try(
        bench,
        k,
        outside,
        [Trial(what, path, data, k.prepare(path), True, nothing_more) for what, data in chosen],
    )


def trap_works(bench: Bench, outside: Outside) -> None:
    """Whoever does unpickle meets the canary; else the trials would prove nothing."""
    for name, trap in traps(outside.canary):
        if name not in ("os.system", "eval", "exec", "open", "import", "makedirs"):
            continue

        def fall(trap: Trap = trap) -> int:
            sys.path.insert(0, outside.modules)
            pickle.loads(pickle.dumps(trap))
            return 0

        child.run(fall)
        bench.check(outside.canary.exists(), f"the trap {name} does nothing")
        if outside.canary.is_dir():
            outside.canary.rmdir()
        outside.canary.unlink(missing_ok=True)


def run(bench: Bench) -> None:
    """All of them; both sizes differ in how many recipes and archives."""
    parts: list[Callable[[Bench, Kit, Outside], None]] = [
        run_pickles,
        run_import_paths,
        run_names,
        run_links,
        run_archives,
    ]
    with tiny.quickly(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        place = bench.folder / "kit"
        place.mkdir()
        k, outside = Kit(place), Outside(bench.folder)
        trap_works(bench, outside)
        for part in parts:
            part(bench, k, outside)
            bench.say(f"{part.__name__.removeprefix('run_')}: {bench.counts['trials']} trials")


PART = Part(
    "hostile",
    "pickles, import paths, names and links that lead elsewhere: nothing runs, nothing leaves",
    run,
)
