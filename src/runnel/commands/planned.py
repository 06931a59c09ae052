"""The verbs that are promised and not there yet: they say so and exit 2."""

from __future__ import annotations

import argparse
from functools import partial

from runnel.commands.verb import Verb
from runnel.errors import InputError

_PLANNED = {
    "serve": "HTTP API and playground page",
    "export": "a model that runs elsewhere: onnx, browser, transformers",
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Any words, for they all get the same answer."""
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)


def run(name: str, args: argparse.Namespace) -> None:
    """Say that it is not there."""
    raise InputError(
        f"expected a verb that exists; got {name}, which is planned and not there yet; "
        "see runnel --help for those that are"
    )


VERBS = [
    Verb(name, f"{summary} (not yet)", declare, partial(run, name))
    for name, summary in _PLANNED.items()
]
