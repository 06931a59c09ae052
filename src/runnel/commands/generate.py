"""runnel generate: a run writes text as it comes, or keeps a conversation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runnel.commands.verb import Verb, natural, positive, print_json
from runnel.errors import InputError

if TYPE_CHECKING:
    from runnel.inference import Sampling


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    add = parser.add_argument
    add("run", metavar="RUN", help="run directory, checkpoint directory or .safetensors file")
    add("--prompt", default="", metavar="TEXT", help="what the text begins with")
    add(
        "--tokens",
        type=positive(int),
        default=500,
        metavar="N",
        help="tokens to write, at most (default: 500)",
    )
    add(
        "--temperature",
        type=float,
        default=0.8,
        metavar="X",
        help="randomness; 0: always the likeliest token (default: 0.8)",
    )
    add("--top-k", type=positive(int), metavar="K", help="draw only from the K likeliest tokens")
    add(
        "--top-p",
        type=float,
        metavar="P",
        help="draw only from the likeliest tokens that together reach probability P",
    )
    add(
        "--seed", type=natural, default=0, metavar="N", help="seed of the random draws (default: 0)"
    )
    add(
        "--stop",
        action="append",
        default=[],
        metavar="TEXT",
        help="stop before this text; may be repeated",
    )
    add("--device", default="auto", metavar="auto|cpu|cuda", help="where to compute")
    add(
        "--weights",
        choices=("float32", "bfloat16"),
        default="float32",
        help="format of the matrices on a CPU; bfloat16 is up to twice as fast, but rounds them",
    )
    add(
        "--chat",
        action="store_true",
        help="hold a conversation, in one stream that keeps its state; an empty line ends it",
    )


def run(args: argparse.Namespace) -> None:
    """Stream the text to standard output."""
    if args.chat and args.json:
        raise InputError("expected --chat or --json; got both; a conversation is for people")
    if args.chat and args.stop:
        raise InputError("expected --chat or --stop; got both; a turn ends with its line")
    import torch

    from runnel.inference import Sampling, Session
    from runnel.storage.load import load_model
    from runnel.training.precision import choose_device

    sampling = Sampling(temperature=args.temperature, top_k=args.top_k, top_p=args.top_p)
    model = load_model(args.run).to(choose_device(args.device))
    session = Session.start(model, args.seed, getattr(torch, args.weights))
    if args.chat:
        _converse(session, args, sampling)
        return
    session.read(args.prompt)
    pieces = session.write(args.tokens, sampling, tuple(args.stop))
    if args.json:
        text = "".join(pieces)
        print_json({"prompt": args.prompt, "text": text, "finished": session.finished})
        return
    _stream([args.prompt])
    _stream(pieces)
    print(flush=True)


def _converse(session: Any, args: argparse.Namespace, sampling: Sampling) -> None:
    from runnel.inference import Conversation

    conversation = Conversation(session, tokens=args.tokens, sampling=sampling, pause="\n")
    if args.prompt:
        session.read(args.prompt)
    interactive = sys.stdin.isatty()
    if interactive:
        print("say something; an empty line ends the conversation", file=sys.stderr)
    while True:
        if interactive:
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline().rstrip("\n")
        if not line:
            return
        _stream(conversation.say(line))
        print(flush=True)


def _stream(pieces: Iterable[str]) -> None:
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()


VERB = Verb(
    "generate",
    "writes text as it is generated; --chat holds a conversation",
    declare,
    run,
    'runnel generate runs/mingru-stories --prompt "Once upon a time" --temperature 0.7',
)
