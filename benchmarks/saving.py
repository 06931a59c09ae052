#!/usr/bin/env python3
"""What a save costs training: blocks of steps in turns with and without one, in one process.

    benchmarks/saving.py mingru-stories mingru-18m --pairs 20 --json FILE

A block is so many steps as fill about half a second, two at least. One of each pair begins with a
save in the background, as a run makes it; the order within pairs alternates. Told are, by save: how
long the loop stood still for the copy, how much longer its block took by the clock, and how much
more of the processor it used, which is an upper bound where the writing thread finds a core of its
own. At one save a minute the cost is that over sixty seconds.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from runnel.bench.measure import machine
from runnel.configuration import to_plain
from runnel.recipes import RECIPES, with_training
from runnel.storage import Checkpoint, RunDirectory
from runnel.storage.background import BackgroundWriter
from runnel.training.loop import resolve
from runnel.training.subject import open_subject
from runnel.training.trainer import Trainer

_BLOCK = 0.5
_MINUTE = 60.0


def measured(name: str, pairs: int, batch: int | None, folder: Path) -> dict[str, Any]:
    """One recipe on the bundled stories, as it stands but for the batch."""
    recipe = RECIPES[name].make()
    data = dataclasses.replace(recipe.data, source="stories")
    recipe = dataclasses.replace(recipe, data=data)
    if batch is not None:
        recipe = with_training(recipe, batch=batch)
    subject = open_subject(recipe)
    recipe = resolve(recipe, subject)
    trainer = Trainer(recipe, subject, torch.device("cpu"))
    seconds = min(_timed(trainer, 1)[0] for _ in range(4))
    steps = max(2, round(_BLOCK / seconds))
    rows = []
    with RunDirectory.create(folder / name, to_plain(recipe), subject.tokenizer.to_plain()) as run:
        for pair in range(pairs):
            row: dict[bool, tuple[float, float]] = {}
            stood = 0.0
            for saving in (pair % 2 == 0, pair % 2 == 1):
                with BackgroundWriter(run) as writer:
                    begin, used = time.perf_counter(), time.process_time()
                    if saving:
                        writer.save(_checkpoint(trainer), best=False)
                        stood = time.perf_counter() - begin
                    _timed(trainer, steps)
                    clock = time.perf_counter() - begin
                    writer.wait()
                    row[saving] = clock, time.process_time() - used
            rows.append((stood, *(a - b for a, b in zip(row[True], row[False], strict=True))))
            rows[-1] = (*rows[-1], row[False][0])
        size = sum(p.stat().st_size for p in run.latest().rglob("*"))  # type: ignore[union-attr]
    stood_s, longer_s, used_s, block_s = (
        statistics.median(column) for column in zip(*rows, strict=True)
    )
    return {
        "recipe": name,
        "checkpoint_bytes": size,
        "pairs": pairs,
        "steps_of_a_block": steps,
        "seconds_of_a_block": block_s,
        "stood_still_seconds": stood_s,
        "longer_by_the_clock_seconds": longer_s,
        "quartiles_seconds": statistics.quantiles([row[1] for row in rows], n=4),
        "more_of_the_processor_seconds": used_s,
        "percent_at_one_a_minute": 100 * longer_s / _MINUTE,
        "percent_of_the_processor": 100 * used_s / _MINUTE,
    }


def _timed(trainer: Trainer, steps: int) -> tuple[float, float]:
    begin, used = time.perf_counter(), time.process_time()
    for _ in range(steps):
        trainer.step()
    return time.perf_counter() - begin, time.process_time() - used


def _checkpoint(trainer: Trainer) -> Checkpoint:
    return Checkpoint(
        step=trainer.spent.steps,
        model=trainer.weights(),
        training=trainer.tensors(),
        state={"trainer": trainer.plain()},
    )


def main() -> None:
    """Print a line a recipe."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--batch", type=int, help="sequences in a batch; else the recipe's")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path, help="on the disk to be judged; else temporary")
    args = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for name in args.recipes:
            row = measured(name, args.pairs, args.batch, Path(folder))
            found.append(row)
            print(
                f"{name}: {row['checkpoint_bytes'] / 1e6:.1f} MB a save; stood still "
                f"{1e3 * row['stood_still_seconds']:.1f} ms, block "
                f"{1e3 * row['longer_by_the_clock_seconds']:.0f} ms longer, "
                f"{1e3 * row['more_of_the_processor_seconds']:.0f} ms more of the processor; at "
                f"one a minute {row['percent_at_one_a_minute']:.2f} % by the clock, "
                f"{row['percent_of_the_processor']:.2f} % of the processor",
                flush=True,
            )
    if args.json is not None:
        args.json.write_text(json.dumps({"machine": machine(), "rows": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
