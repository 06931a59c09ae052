"""runnel evaluate: how well a run predicts a text, in every unit, or does a task."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from runnel.commands.source import add_field_flag, judged_text, task_fields
from runnel.commands.verb import Verb, positive, print_json, print_table
from runnel.errors import InputError

if TYPE_CHECKING:
    from runnel.data import DataConfig
    from runnel.inference import Evaluation
    from runnel.tasks import Score, Task


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    add = parser.add_argument
    add("run", metavar="RUN", help="run directory, checkpoint directory or .safetensors file")
    add(
        "--data",
        metavar="SOURCE",
        help="text to judge on, all of it: corpus name, path or hf:NAME (default: the run's "
        "validation text); for a task, the folder of its files",
    )
    add_field_flag(parser)
    add("--task", metavar="NAME", help="score a task (runnel list tasks) instead of a text")
    add(
        "--windows",
        type=positive(int),
        metavar="N",
        help="start from a fresh state every N tokens (default: carry it through each document)",
    )
    add(
        "--against",
        metavar="hf:NAME",
        help="judge a causal Hugging Face model too, or one in a folder, on the same text",
    )
    add("--device", default="auto", metavar="auto|cpu|cuda", help="where to compute")


def run(args: argparse.Namespace) -> None:
    """Judge the run and print what was found."""
    from runnel.configuration import from_plain, look_up
    from runnel.data import DataConfig
    from runnel.storage.load import load_config, load_model
    from runnel.tasks import TASKS, TrainableTask
    from runnel.training.precision import choose_device

    if args.task is not None:
        look_up("task", args.task, TASKS)
    device = choose_device(args.device)
    model = load_model(args.run).to(device)
    plain = load_config(args.run)
    kind: Any = TrainableTask
    own = None if plain.get("task") is None else from_plain(kind, plain["task"])
    task = args.task if args.task is not None or own is None else own.name
    if task is not None:
        for flag in ("windows", "against"):
            if getattr(args, flag) is not None:
                raise InputError(
                    f"expected --{flag} with a text; got the task {task}; leave one of them out"
                )
        _run_task(args, model, own)
    else:
        _run_text(args, model, from_plain(DataConfig, plain.get("data", {})))


def _run_task(args: argparse.Namespace, model: Any, own: Task | None) -> None:
    import dataclasses

    from runnel.inference.answers import reader
    from runnel.inference.session import tokenizer_of
    from runnel.tasks import TASKS, Reading

    same = own is not None and args.task in (None, own.name)
    task: Any = own if same else TASKS[args.task]()
    task = dataclasses.replace(task, **task_fields(task, args.data, args.field))
    read = reader(model)
    start = time.perf_counter()
    score = task.score(lambda batch: Reading(*read(batch)), tokenizer_of(model))
    seconds = time.perf_counter() - start
    if args.json:
        found: dict[str, Any] = {"task": task.name, "tasks": {task.name: score.plain()}}
        print_json(found | {"loss": score.loss, "accuracy": score.accuracy, "seconds": seconds})
        return
    _print_score(task, score, seconds)


def _print_score(task: Task, score: Score, seconds: float) -> None:
    from runnel.configuration import fields

    settings = ", ".join(f"{f.path} {_shown(f.value)}" for f in fields(task))
    rows = [("task", task.name), ("settings", settings)]
    answers = f"{score.answers:,} answers, {score.chance:.4f} by guessing"
    rows.append(("accuracy", f"{score.accuracy:.4f} of {answers}"))
    if score.loss is not None:
        rows.append(("loss", f"{score.loss:.4f} nats/answer"))
    print_table([*rows, ("time", f"{seconds:.1f} s")])
    for by, parts in score.parts.items():
        print()
        print_table(
            [
                (by, "accuracy", "guessing", "answers"),
                *(
                    (name, f"{part.accuracy:.4f}", f"{part.chance:.4f}", f"{part.answers:,}")
                    for name, part in parts.items()
                ),
            ]
        )


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _run_text(args: argparse.Namespace, model: Any, config: DataConfig) -> None:
    import dataclasses

    from runnel.inference import evaluate
    from runnel.inference.session import tokenizer_of

    tokenizer = tokenizer_of(model)
    stream, name = judged_text(config, args.data, args.field, tokenizer)
    other = None
    if args.against is not None:
        from runnel.inference.against import open_against

        other = open_against(args.against, args.device)
    start = time.perf_counter()
    # Windows follow each other from the first character: the end token before it is not read.
    tokens_N = stream.tokens_N if args.windows is None else stream.tokens_N[1:]
    found = evaluate(model, tokens_N, tokenizer, windows=args.windows)
    seconds = time.perf_counter() - start
    plain = dataclasses.asdict(found) | {"data": name, "seconds": seconds}
    against: dict[str, Evaluation] = {}
    if other is not None:
        against[args.against] = other.evaluate(stream.tokens_N, tokenizer)
        plain["against"] = {n: dataclasses.asdict(e) for n, e in against.items()}
    if args.json:
        print_json(plain)
        return
    rows: list[tuple[str, Any]] = [
        ("data", name),
        ("loss", f"{found.loss:.4f} nats/token"),
        ("", f"{found.nats_per_byte:.4f} nats/byte"),
        ("", f"{found.bits_per_byte:.4f} bits/byte"),
        ("perplexity", f"{found.perplexity:.3f} per token"),
        ("tokens", f"{found.tokens:,}"),
        ("bytes", f"{found.bytes:,}"),
        ("protocol", found.protocol),
        ("speed", f"{found.tokens / max(seconds, 1e-9):,.0f} tokens/s"),
    ]
    for title, theirs in against.items():
        rows += [
            ("", ""),
            ("against", title),
            ("loss", f"{theirs.loss:.4f} nats/token"),
            ("", f"{theirs.bits_per_byte:.4f} bits/byte"),
            ("tokens", f"{theirs.tokens:,}"),
            ("bytes", f"{theirs.bytes:,}"),
            ("protocol", theirs.protocol),
        ]
    print_table(rows)


VERB = Verb(
    "evaluate",
    "measures loss, bits per byte and perplexity on a text, or the score of a task",
    declare,
    run,
    "runnel evaluate runs/first --data other.txt\n"
    "runnel evaluate runs/first --windows 256 --json\n"
    "runnel evaluate runs/first --task recall",
)
