"""Datasets of the Hugging Face hub, through the `datasets` library when it is installed."""

import importlib
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from runnel.data.documents import Document
from runnel.data.files import checked_field, role_of
from runnel.errors import InputError


def open_hub(name: str, field: str) -> dict[str, Iterator[Document]]:
    """The training documents of a dataset, and the validation documents where it has them."""
    try:
        datasets = importlib.import_module("datasets")
    except ModuleNotFoundError:
        raise InputError(
            f"hf:{name}: expected the `datasets` library, which reads the hub; got none "
            "installed; install runnel with the extra `hub`"
        ) from None
    # Retries and bars would be written between our own lines; what fails is said in one of them.
    datasets.disable_progress_bars()
    for talker in ("datasets", "huggingface_hub"):
        logging.getLogger(talker).setLevel(logging.CRITICAL)
    try:
        splits: dict[str, Any] = dict(datasets.load_dataset(name, streaming=True))
    except Exception as error:
        raise _unreachable(name, error) from None
    by_role = {role_of(split): split for split in reversed(list(splits))}
    train = by_role.get("train") or (next(iter(splits)) if len(splits) == 1 else None)
    if train is None:
        raise InputError(
            f"hf:{name}: expected a split named train; got {', '.join(splits) or 'none'}; "
            "download the one that you want and give its file"
        )
    readers = {"train": _read(name, train, splits[train], field)}
    if (judge := by_role.get("validation")) is not None:
        readers["validation"] = _read(name, judge, splits[judge], field)
    return readers


def _read(
    name: str, split: str, records: Iterable[dict[str, object]], field: str
) -> Iterator[Document]:
    rows = iter(records)
    number = 0
    while True:
        # Only the library's own failures are the network's; ours keep their words.
        try:
            record = next(rows, None)
        except Exception as error:
            raise _unreachable(name, error) from None
        if record is None:
            return
        number += 1
        where = f"hf:{name}/{split}:{number}"
        text = checked_field(record, field, where)
        if text and not text.isspace():
            yield Document(text, where, True)


def _unreachable(name: str, error: Exception) -> InputError:
    reason = next(iter(str(error).strip().splitlines()), "")[:160]
    return InputError(
        f"hf:{name}: expected a dataset that can be reached; got {type(error).__name__}: "
        f"{reason or 'no reason'}; check the name and the network, or give its files as .txt "
        "or .jsonl"
    )
