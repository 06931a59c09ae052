"""runnel import: a run directory from somebody else's weights."""

from __future__ import annotations

import argparse

from runnel.commands.verb import Verb, print_json, print_table


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    add = parser.add_argument
    add("file", metavar="FILE", help="a .safetensors file, or an archive made by torch.save")
    add(
        "--as",
        dest="format",
        required=True,
        metavar="FORMAT",
        help="whose weights they are: tinystoriesgru, mingru-pytorch, minrnns, or hgrn (of "
        "flash-linear-attention)",
    )
    add(
        "--tokenizer",
        metavar="NAME",
        help="what the tokens of minrnns, hgrn or mingru-pytorch stand for: byte, gpt2:DIR, or "
        "char:CHARACTERS, one character for each token in order",
    )
    add(
        "--normalized",
        action="store_true",
        help="minrnns: the minLSTM was trained with use_coeff_norm",
    )
    add("--out", required=True, metavar="DIR", help="the run directory to make")


def run(args: argparse.Namespace) -> None:
    """Read weights only, refuse what does not fit, write the run directory."""
    from runnel.storage.imports import import_weights

    made = import_weights(
        args.file,
        args.format,
        args.out,
        tokenizer=args.tokenizer,
        normalized=args.normalized,
    )
    if args.json:
        print_json({"run": args.out, "format": args.format} | made._asdict())
        return
    rows = [
        ("run", str(args.out)),
        ("parameters", f"{made.parameters:,}"),
        ("tokens", f"{made.vocabulary:,}"),
        *(("note" if i == 0 else "", note) for i, note in enumerate(made.notes)),
    ]
    print_table(rows)


VERB = Verb(
    "import",
    "makes a run directory from weights that others published",
    declare,
    run,
    "runnel import tinystoriesgru-0.2M.pt --as tinystoriesgru --out runs/theirs\n"
    "runnel import hgrn.safetensors --as hgrn --tokenizer gpt2:gpt2-bpe --out runs/hgrn",
)
