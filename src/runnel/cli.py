"""The command line: parse, call the verb, turn known errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from runnel import __version__
from runnel.commands import (
    bench,
    compare,
    data,
    doctor,
    evaluate,
    generate,
    importing,
    inspect,
    listing,
    planned,
    train,
)
from runnel.commands.verb import Verb
from runnel.errors import KNOWN, InputError, tell_error

VERBS: list[Verb] = [
    listing.VERB,
    data.VERB,
    train.VERB,
    generate.VERB,
    evaluate.VERB,
    compare.VERB,
    importing.VERB,
    inspect.VERB,
    bench.VERB,
    doctor.VERB,
    *planned.VERBS,
]

# So often a thread of torch looks for work before it sleeps, some 20 us. By default (300,000
# times) those of a busy machine keep the processor from the one they wait for: a training step of
# two threads took 2.7 s beside other work, with this 0.3 s (docs/LOG.md, 2026-11-28).
_SPINS = "1000"

_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """argparse with one line for an error, and a suggestion for an unknown verb."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice" in message and "VERB" in message:
            import difflib

            word = message.split("'")[1]
            close = difflib.get_close_matches(word, [v.name for v in VERBS], n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else "see runnel --help"
            message = f"expected a verb; got {word!r}; {hint}"
        else:
            message = f"{message}; see {self.prog} --help"
        self.exit(InputError.exit_code, f"error: {message}\n")


def make_parser() -> argparse.ArgumentParser:
    """All verbs with their flags; imports nothing heavy, so that help is instant."""
    parser = _Parser(
        prog="runnel",
        description="Train, compare and run small language models that stream.",
        epilog="runnel VERB --help tells more about each verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"runnel {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    for verb in VERBS:
        sub = verbs.add_parser(
            verb.name,
            help=verb.summary,
            description=verb.summary[0].upper() + verb.summary[1:] + ".",
            epilog=_examples(verb),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.declare(sub)
        sub.add_argument("--json", action="store_true", help="one JSON object on standard output")
        sub.set_defaults(act=verb.run)
    return parser


def _examples(verb: Verb) -> str | None:
    if not verb.examples:
        return None
    return "examples:\n" + "\n".join(f"  {line}" for line in verb.examples.splitlines())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code.

    0: done; 2: the user's input is at fault; 3: training diverged; 4: the disk failed; 128 + N:
    ended by signal N after saving.
    """
    _let_threads_sleep()
    try:
        args = make_parser().parse_args(arguments)
        return args.act(args) or 0
    except KNOWN as error:
        return tell_error(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader went away; keep Python from complaining once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _let_threads_sleep() -> None:
    """Before torch is imported, which reads it once; what the user says of waiting stands."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


if __name__ == "__main__":
    sys.exit(main())
