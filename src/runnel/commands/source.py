"""The text that a verb works on: what --data and --field mean for a corpus and for a task."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any

from runnel.errors import InputError

if TYPE_CHECKING:
    from runnel.data import DataConfig, Tokenizer, TokenStream


def add_field_flag(parser: argparse.ArgumentParser, usual: str = "the run's") -> None:
    """--field, beside a source that may have records; `usual` says what stands without it."""
    parser.add_argument(
        "--field",
        metavar="NAME",
        help=f"the field of a .jsonl line or .parquet row that holds the text (default: {usual})",
    )


def chosen_text(config: DataConfig, source: str | None, field: str | None) -> DataConfig:
    """The configuration with what was given put into it."""
    given: dict[str, Any] = {"source": source, "field": field}
    return dataclasses.replace(config, **{k: v for k, v in given.items() if v is not None})


def judged_text(
    config: DataConfig, source: str | None, field: str | None, tokenizer: Tokenizer
) -> tuple[TokenStream, str]:
    """All of a source, or else the validation text of a run's configuration; and its name."""
    from runnel.data import open_corpus, open_stream

    config = chosen_text(config, source, field)
    if source is not None:
        return open_stream(dataclasses.replace(config, validation=None), tokenizer), source
    return open_corpus(config, tokenizer).validation, f"validation text of {config.source}"


def task_fields(
    task: Any, source: str | None, field: str | None, length: int | None = None
) -> dict[str, Any]:
    """The fields of a task into which --data, --field and --length go; InputError without one."""
    known = {field.name for field in dataclasses.fields(task)}
    given: dict[str, Any] = {}
    for flag, value, names, reason in (
        ("data", source, ("folder", "text"), "which makes its own examples"),
        ("field", field, ("field",), "which reads no records"),
        ("length", length, ("length",), "whose sequences have their own"),
    ):
        if value is None:
            continue
        name = next((name for name in names if name in known), None)
        if name is None:
            raise InputError(
                f"expected no --{flag} for the task {task.name}, {reason}; got {value!r}; "
                "leave it out"
            )
        given[name] = value
    return given
