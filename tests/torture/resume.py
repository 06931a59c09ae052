"""Interrupted, killed and gone on with, every recipe ends bit for bit as if nothing had been.

Each recipe is made small by its own fields, and every combination of dropout, accumulation, an
epoch that wraps and bfloat16 is put to it that it has fields for.
"""

import gzip
import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from runnel.configuration import fields, override
from runnel.recipes import RECIPES
from runnel.storage import checkpoint as checkpoints
from runnel.training import Progress, Recipe, train
from torture import child, tiny
from torture.bench import Bench, Part
from torture.essence import differences
from torture.steps import at

OPTIONS = ("dropout", "accumulation", "epoch wrap", "bfloat16")
STEPS = 9
_PAIRWISE = [(0, 0, 0, 0), (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)]
"""every two options meet in all four ways"""
_LARGEST = {
    "dim": 24,  # divided among 4 or 6 heads it leaves them even widths, which rotary positions want
    "layers": 2,
    "context": 64,
    "window": 16,
    "length": 12,
    "copies": 3,
    "shortest": 10,
    "depth": 3,
    "arguments": 3,
    "pairs": 2,
    "tests": 16,
    "states": 2,
    "stages": 2,
    "rank": 2,
}


def write_sources(folder: Path) -> None:
    """Small texts and data sets for the recipes that read any."""
    tiny.write_text(folder / "long.txt")
    tiny.write_text(folder / "short.txt", documents=8)
    for split, name in itertools.product(("train", "test"), ("pos", "neg")):
        place = folder / "imdb" / split / name
        place.mkdir(parents=True)
        for i in range(12):
            (place / f"{i}.txt").write_text(f"a {name} film, {'very ' * (i % 5)}so")
    (folder / "mnist").mkdir()
    count = 1040
    images = bytes(16) + bytes((i * 7 + i // 784) % 256 for i in range(784 * count))
    labels = bytes(8) + bytes(i % 10 for i in range(count))
    for name, data in (("t10k-images-idx3", images), ("t10k-labels-idx1", labels)):
        (folder / "mnist" / f"{name}-ubyte.gz").write_bytes(gzip.compress(data, 1))


def small(name: str, sources: Path, chosen: tuple[int, ...]) -> Recipe | None:
    """A recipe made small, with the chosen options; None where it has no field for one of them."""
    recipe = RECIPES[name].make()
    dropout, accumulate, wraps, bfloat16 = chosen
    plain = {field.path: field.value for field in fields(recipe)}
    sets: dict[str, Any] = {}
    for path, value in plain.items():
        last = path.rpartition(".")[2]
        if not path.startswith(("model.", "task.")) or last not in _LARGEST or "mixer" in path:
            continue
        if type(value) is int and value > _LARGEST[last]:
            sets[path] = _LARGEST[last]
    if plain.get("model.starts"):  # grows, so that its layers part twice
        sets |= {"model.layers": 4, "model.stages": "1,2,4"}
    if "task.beyond" in plain:
        sets |= {"task.beyond": "16,20"}
    for path, value in plain.items():
        if "mixer" in path and path.rpartition(".")[2] in ("window", "states", "rank", "blocks"):
            most = {"window": 16, "states": 2, "rank": 2, "blocks": 2}
            if type(value) is int and value > most[path.rpartition(".")[2]]:
                sets[path] = most[path.rpartition(".")[2]]
        if path.endswith("mixer.dim"):
            sets[path] = _LARGEST["dim"]
    dropouts = [path for path in plain if path.endswith("dropout")]
    if dropout and not dropouts:
        return None
    sets |= dict.fromkeys(dropouts, 0.2 if dropout else 0.0)
    if recipe.task is None:
        kind = str(plain["data.tokenizer"]).partition(":")[0]
        tokenizer = {"char": "char", "bpe": "bpe:270"}.get(kind, "byte")
        source = sources / ("short.txt" if wraps else "long.txt")
        sets |= {"data.source": source, "data.tokenizer": tokenizer}
        sets |= {"training.length": 16, "data.held_out": 0.25}
    else:
        has_epochs = "task.folder" in plain
        if wraps and not has_epochs:
            return None  # its examples are drawn without end
        if has_epochs:
            sets["task.folder"] = sources / recipe.task.name.rpartition("-")[2]
    batch = {"imdb": 5 if wraps else 1, "sequential-mnist": 20 if wraps else 2}
    sets |= {
        "training.minutes": "none",
        "training.tokens": "none",
        "training.steps": STEPS,
        "training.batch": batch.get(recipe.task.name, 4) if recipe.task else 8 if wraps else 4,
        "training.accumulate": 2 if accumulate else 1,
        "training.precision": "bfloat16" if bfloat16 else "float32",
        "training.log_every": 2,
        "training.evaluate_every": 4,
        "training.evaluate_tokens": 200,
        "training.judge_tokens": 400,
        "training.save_every": 3,
        "training.seed": 5,
        "prompts": "the ",
    }
    return override(recipe, [f"{path}={value}" for path, value in sets.items()])


def _train(recipe: Recipe, out: Path, progress: Progress | None = None) -> int:
    return train(recipe, out, device="cpu", quiet=True, progress=progress).interrupted_by or 0


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _disturbed(bench: Bench, recipe: Recipe, what: str, out: Path) -> None:
    """Interrupted after two steps, killed after six or seven, interrupted again, finished."""
    for step, act, expected in (
        (2, _interrupt, signal.SIGTERM),
        (7, _kill, child.KILLED),
        (8, _interrupt, signal.SIGTERM),
        (0, None, 0),
    ):
        progress = at(step, act) if act else None
        status = child.run(partial(_train, recipe, out, progress))
        if not bench.check(status == expected, f"{what}: status {status} after step {step}"):
            return


def wrapped(out: Path) -> bool:
    """Whether the last checkpoint stands in a later epoch than the first."""
    latest = (out / "checkpoints" / "latest").read_text().strip()
    loader = checkpoints.read(out / "checkpoints" / latest).state["trainer"]["loader"]
    return loader.get("epoch", 1) >= 1


class Case(NamedTuple):
    """A recipe made small, with the options that were chosen for it."""

    name: str
    chosen: tuple[int, ...]
    recipe: Recipe


def cases(full: bool, sources: Path) -> Iterator[Case]:
    """Every recipe with all choices of options; or few that have every part, with pairwise choices.

    Choices are left out, or passed over for the next, where a recipe has no field for one of them.
    """
    turn = itertools.cycle(_PAIRWISE)
    for name in RECIPES if full else _few():
        choices = itertools.product((0, 1), repeat=len(OPTIONS)) if full else turn
        made = ((chosen, small(name, sources, chosen)) for chosen in choices)
        possible = (Case(name, chosen, recipe) for chosen, recipe in made if recipe is not None)
        yield from possible if full else itertools.islice(possible, 1)


def _few() -> Iterator[str]:
    """Each time the recipe that has most of the parts which none had so far."""
    parts = {name: _parts(recipe.make()) for name, recipe in RECIPES.items()}
    left = set().union(*parts.values())
    while left:
        name = max(parts, key=lambda name: len(parts[name] & left))
        left -= parts[name]
        yield name


def _parts(recipe: Recipe) -> set[str]:
    """What a recipe is made of, whatever the numbers: model, mixers, cache, optimizer, task."""
    parts = {f"model {recipe.model.name}", f"optimizer {recipe.training.optimizer.kind}"}
    parts |= {f"mixer {mixer.name}" for mixer in getattr(recipe.model, "mixers", ())}
    parts |= {f"task {recipe.task.name}"} if recipe.task else set()
    return parts | ({"cache"} if getattr(recipe.model, "cache", 0) else set())


def run(bench: Bench) -> None:
    """The matrix; each run, and each part of one, in a process of its own."""
    sources = bench.folder / "sources"
    sources.mkdir()
    write_sources(sources)
    with tiny.quickly():
        torch.set_num_threads(1)
        first, step = bench.share
        for name, chosen, recipe in itertools.islice(cases(bench.full, sources), first, None, step):
            labels = [n for n, on in zip(OPTIONS, chosen, strict=True) if on]
            what = f"{name} with {', '.join(labels) or 'nothing'}"
            out = bench.folder / "runs"
            with bench.trial(what):
                status = child.run(partial(_train, recipe, out / "whole"))
                if bench.check(status == 0, f"{what}: status {status}"):
                    if chosen[2]:
                        bench.check(wrapped(out / "whole"), f"{what}: no epoch wrapped")
                    _disturbed(bench, recipe, what, out / "broken")
                    found = differences(out / "whole", out / "broken")
                    bench.check(not found, f"{what}: {', '.join(found)}")
            shutil.rmtree(out, ignore_errors=True)
    bench.figures["recipes"] = len(RECIPES)


PART = Part(
    "resume",
    "every recipe, interrupted and killed and gone on with: 0 differing bits",
    run,
)
