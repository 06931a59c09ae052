"""runnel inspect: what a run is made of, and how long each layer remembers on a text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from runnel.commands.source import add_field_flag, judged_text
from runnel.commands.verb import Verb, print_json, print_table
from runnel.errors import DiskError, InputError

_ROWS, _LENGTH = 16, 512


def declare(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    add = parser.add_argument
    add("run", metavar="RUN", help="run directory, checkpoint directory or .safetensors file")
    add(
        "--data",
        metavar="SOURCE",
        help="the text to observe the gates on (default: the run's validation text)",
    )
    add_field_flag(parser)
    add("--picture", metavar="FILE.svg", help="draw the half-lives of each layer's channels")
    add("--device", default="auto", metavar="auto|cpu|cuda", help="where to compute")


def run(args: argparse.Namespace) -> None:
    """Read some text and print sizes, half-lives, shut gates and spectral radii."""
    if args.picture is not None and not args.picture.endswith(".svg"):
        raise InputError(f"expected a name ending in .svg after --picture; got {args.picture!r}")
    import dataclasses

    from runnel.models.inspection import inspect_model
    from runnel.storage.load import load_model
    from runnel.training.precision import choose_device

    device = choose_device(args.device)
    model = load_model(args.run).to(device)
    tokens_BT, reset_BT, data = _text(args, model)
    found = inspect_model(model, tokens_BT.to(device), reset_BT.to(device))
    plain = dataclasses.asdict(found) | {"run": args.run, "data": data}
    if args.picture is not None:
        _draw(Path(args.picture), plain)
        plain["picture"] = args.picture
    if args.json:
        print_json(plain)
    else:
        _print(plain)


def _text(args: argparse.Namespace, model: Any) -> tuple[Any, Any, str]:
    """The first tokens of the text in rows, where documents begin in them, and the text's name."""
    import torch

    from runnel.configuration import from_plain
    from runnel.data import DataConfig
    from runnel.inference.session import tokenizer_of
    from runnel.storage.load import load_config

    tokenizer = tokenizer_of(model)
    config = from_plain(DataConfig, load_config(args.run).get("data", {}))
    stream, name = judged_text(config, args.data, args.field, tokenizer)
    tokens = torch.tensor(stream.tokens_N[: _ROWS * _LENGTH].tolist(), dtype=torch.int64)
    length = min(_LENGTH, len(tokens))
    tokens_BT = tokens[: len(tokens) // length * length].view(-1, length)
    return tokens_BT, tokens_BT == tokenizer.end, name


def _draw(path: Path, plain: dict[str, Any]) -> None:
    from runnel.reports.half_lives import draw_half_lives

    if all(layer["half_lives"] is None for layer in plain["layers"]):
        raise InputError("expected a run with mixers that report decays; got none to draw")
    try:
        path.write_text(draw_half_lives(plain["layers"], title=plain["run"]), encoding="utf-8")
    except OSError as error:
        raise DiskError(f"cannot write {path}: {error.strerror}") from error


def _print(plain: dict[str, Any]) -> None:
    rows: list[tuple[str, ...]] = [
        ("run", plain["run"]),
        ("parameters", f"{plain['parameters']:,}"),
        ("state", f"{plain['state_bytes']:,} bytes a stream"),
        ("text", f"{plain['tokens']:,} tokens, {plain['data']}"),
    ]
    if "picture" in plain:
        rows.append(("picture", plain["picture"]))
    print_table(rows)
    print("\nparameters by part")
    share = 100 / max(1, plain["parameters"])
    width = max(len(f"{n:,}") for n in plain["parts"].values())
    print_table(
        [
            (name, f"{count:>{width},}  {count * share:5.1f} %")
            for name, count in plain["parts"].items()
        ],
        indent="  ",
    )
    print(f"\n{'state':>33} {'half-life (tokens)':>20} {'gates that':>13} {'spectral':>8}")
    titles = ("layer", "parameters", "bytes", "10 %", "median", "90 %", "wipe", "keep", "radius")
    print(_line(*titles))
    for layer in plain["layers"]:
        print(_row(layer))


def _row(layer: dict[str, Any]) -> str:
    from runnel.reports.half_lives import words

    number = ".".join(part for part in layer["name"].split(".") if part.isdigit())
    seen = ["-"] * 5
    if (quantiles := layer["half_lives"]) is not None:
        seen = [words(quantiles[i]) for i in (2, 10, 18)]
        seen += [_percent(layer["wiping"]), _percent(layer["keeping"])]
    radius = layer["spectral_radius"]
    return _line(
        f"{number} {layer['mixer']}".strip(),
        f"{layer['parameters']:,}",
        f"{layer['state_bytes']:,}",
        *seen,
        "-" if radius is None else f"{radius:.3f}",
    )


def _line(label: str, *cells: str) -> str:
    """A line of the table, at most 80 signs wide."""
    widths = (11, 10, 6, 7, 6, 6, 6, 8)
    ends = "".join(f" {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{label:<11.11}{ends}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.01 else "<1 %"


VERB = Verb(
    "inspect",
    "shows parameters, state size, memory half-life and gates of each layer",
    declare,
    run,
    "runnel inspect runs/first\nrunnel inspect runs/first --picture memory.svg",
)
