"""runnel evaluate: how well a run predicts a text, in every unit."""

from __future__ import annotations

import argparse
import time
from typing import Any

from runnel.commands.verb import Verb, positive, print_json, print_table
from runnel.errors import InputError


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    add = parser.add_argument
    add("run", metavar="RUN", help="run directory, checkpoint directory or .safetensors file")
    add(
        "--data",
        metavar="SOURCE",
        help="corpus name, path or hf:NAME, judged whole (default: the run's validation text)",
    )
    add("--task", metavar="NAME", help="a task of runnel list tasks")
    add(
        "--windows",
        type=positive(int),
        metavar="N",
        help="a fresh state every N tokens (default: carried through each document)",
    )
    add("--device", default="auto", metavar="auto|cpu|cuda", help="where to compute")


def run(args: argparse.Namespace) -> None:
    """Judge the run and print loss, nats and bits per byte, perplexity, tokens and bytes."""
    if args.task is not None:
        raise InputError(f"expected the name of a task; got {args.task!r}; there are none yet")
    import dataclasses

    from runnel.configuration import from_plain
    from runnel.data import DataConfig, open_corpus, open_stream
    from runnel.inference import evaluate
    from runnel.inference.session import tokenizer_of
    from runnel.storage.load import load_config, load_model
    from runnel.training.precision import choose_device

    model = load_model(args.run).to(choose_device(args.device))
    tokenizer = tokenizer_of(model)
    config = from_plain(DataConfig, load_config(args.run).get("data", {}))
    if args.data is not None:
        config = dataclasses.replace(config, source=args.data, validation=None)
        stream, name = open_stream(config, tokenizer), args.data
    else:
        corpus = open_corpus(config, tokenizer)
        stream, name = corpus.validation, f"validation text of {config.source}"
    start = time.perf_counter()
    # Windows follow each other from the first character: the end token before it is not read.
    tokens_N = stream.tokens_N if args.windows is None else stream.tokens_N[1:]
    found = evaluate(model, tokens_N, tokenizer, windows=args.windows)
    seconds = time.perf_counter() - start
    if args.json:
        print_json(dataclasses.asdict(found) | {"data": name, "seconds": seconds})
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
    print_table(rows)


VERB = Verb(
    "evaluate",
    "loss, bits per byte and perplexity on a text",
    declare,
    run,
    "runnel evaluate runs/first --data other.txt\nrunnel evaluate runs/first --windows 256 --json",
)
