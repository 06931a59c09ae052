"""Somebody else's weights as a run directory; one file, one format."""

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import torch

from runnel import files
from runnel.configuration import look_up, to_plain
from runnel.data.config import DataConfig
from runnel.errors import InputError
from runnel.storage.imports import hgrn, mingru_pytorch, minrnns, tinystoriesgru
from runnel.storage.imports.format import Format, Imported, Told
from runnel.storage.imports.vocabulary import named_tokenizer
from runnel.storage.imports.weights import read_weights
from runnel.storage.run import CONFIG, RunDirectory

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT for module in (hgrn, mingru_pytorch, minrnns, tinystoriesgru)
}


class Outcome(NamedTuple):
    """What an import made."""

    parameters: int
    vocabulary: int
    notes: tuple[str, ...]


def import_weights(
    path: str | Path,
    name: str,
    out: str | Path,
    *,
    tokenizer: str | None = None,
    normalized: bool = False,
) -> Outcome:
    """Write a whole run directory at `out` from the weights at `path`; nothing if they are odd.

    `tokenizer` and `normalized` say what a file of some formats does not: see `Told`.
    """
    chosen = look_up("format", name, FORMATS)
    for field, given in (("tokenizer", tokenizer is not None), ("normalized", normalized)):
        if given and field not in chosen.asks:
            raise InputError(
                f"expected no --{field} with {name}, which has no use for it; leave it out"
            )
    told = Told(None if tokenizer is None else named_tokenizer(tokenizer), normalized)
    weights = read_weights(Path(path))
    imported = chosen.convert(weights, told)
    with torch.random.fork_rng(devices=[]):
        model = imported.config.build()
    model.load_state_dict(imported.weights)
    parameters = sum(p.numel() for p in model.parameters())
    config: dict[str, Any] = {
        "model": to_plain(imported.config),
        "data": to_plain(DataConfig(tokenizer=imported.tokenizer.name)),
    }
    with RunDirectory.create(out, config, imported.tokenizer.to_plain()) as run:
        try:
            run.publish(model.state_dict())
            run.write_text("README.md", _card(imported, chosen, weights.name, parameters))
        except OSError:
            # Half of an import is no run: the same command may be given again.
            with contextlib.suppress(OSError):
                files.remove(run.path / CONFIG)
            raise
    return Outcome(parameters, imported.config.vocab_size, imported.notes)


def _card(imported: Imported, chosen: Format, file: str, parameters: int) -> str:
    notes = "\n".join(f"- {note}" for note in imported.notes)
    size = f"width {imported.config.dim}, {imported.config.layers} layers, {parameters:,} numbers"
    return f"""# A language model imported into runnel

The weights of `{file}`, trained and published by others ({chosen.source}), which runnel computes
with its own code: {imported.config.name}, {size}, {imported.config.vocab_size:,} tokens.

{notes}

What it was trained on, how well it does and what it may be used for is for its source to say.
"""


__all__ = ["FORMATS", "Outcome", "import_weights"]
