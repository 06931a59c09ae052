"""Somebody else's weights as a run directory; one file, one format."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from runnel.configuration import look_up, to_plain
from runnel.data.config import DataConfig
from runnel.storage.imports import mingru_pytorch, tinystoriesgru
from runnel.storage.imports.format import Format, Imported
from runnel.storage.imports.weights import read_weights
from runnel.storage.run import RunDirectory

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT for module in (mingru_pytorch, tinystoriesgru)
}


class Outcome(NamedTuple):
    """What an import made."""

    parameters: int
    vocabulary: int
    notes: tuple[str, ...]


def import_weights(path: str | Path, name: str, out: str | Path) -> Outcome:
    """Write a whole run directory at `out` from the weights at `path`; nothing if they are odd."""
    chosen = look_up("format", name, FORMATS)
    weights = read_weights(Path(path))
    imported = chosen.convert(weights)
    with torch.random.fork_rng(devices=[]):
        model = imported.config.build()
    model.load_state_dict(imported.weights)
    parameters = sum(p.numel() for p in model.parameters())
    config: dict[str, Any] = {
        "model": to_plain(imported.config),
        "data": to_plain(DataConfig(tokenizer=imported.tokenizer.name)),
    }
    with RunDirectory.create(out, config, imported.tokenizer.to_plain()) as run:
        run.publish(model.state_dict())
        run.write_text("README.md", _card(imported, chosen, weights.name, parameters))
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
