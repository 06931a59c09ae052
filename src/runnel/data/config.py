"""What a run reads: the source, the tokenizer, the split."""

import math
from dataclasses import dataclass
from typing import Literal

from runnel.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the tokens come from."""

    source: str = "stories"
    """corpus name, path (text, .jsonl, .parquet, .tar, .gz, .zst, a folder of such, a prepared
    dataset) or hf:NAME[:FIELD]"""
    validation: str | None = None
    """a source of its own to judge by; none: held out from `source`"""
    tokenizer: str = "byte"
    """byte, char, bpe:N or gpt2:DIR; a prepared dataset has its own"""
    separator: Literal["auto", "end-of-text", "blank-line", "none"] = "auto"
    """what stands between documents; auto: <|endoftext|> where it occurs, else a file is one"""
    field: str = "text"
    """the field of each .jsonl line, or the .parquet column, that holds the text"""
    held_out: float = 0.1
    """part of the source kept for validation (fraction)"""
    split: Literal["auto", "documents", "tail"] = "auto"
    """hold out whole documents drawn by `split_seed`, or the end of the text; auto: documents
    where there are 100 or more"""
    split_seed: int = 0
    """seed of the draw of held-out documents"""
    packing: Literal["resets", "windows"] = "resets"
    """resets: nothing is remembered over the start of a document; windows: they run on over it"""
    megabytes: float = 8.0
    """how much of a corpus that writes itself is written (10^6 bytes)"""

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise InputError(
                f"data.held_out must lie between 0 and 1; got {self.held_out}; try 0.1"
            )
        if not 0 < self.megabytes < math.inf:
            raise InputError(f"data.megabytes must be positive; got {self.megabytes}; try 8")
