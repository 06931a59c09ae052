"""Datasets of the Hugging Face hub, through the `datasets` library when it is installed."""

import importlib
import importlib.util
import logging
import os
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from runnel.data.documents import Document
from runnel.data.files import role_of
from runnel.data.records import checked_field
from runnel.errors import InputError

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
_PATIENCE = 3.0
"""seconds in which the hub has to answer before the library, with its retries, is asked at all"""


class HubCorpus(NamedTuple):
    """A dataset known by a name of its own."""

    name: str
    """on the hub"""
    configuration: str | None
    field: str
    splits: tuple[str, ...]
    """to train on and, where there is one, to judge by"""
    description: str


HUB: dict[str, HubCorpus] = {
    "tinystories": HubCorpus(
        "roneneldan/TinyStories",
        None,
        "text",
        ("train", "validation"),
        "2.1 million short stories in a child's words",
    ),
    "wikitext-103-raw": HubCorpus(
        "Salesforce/wikitext",
        "wikitext-103-raw-v1",
        "text",
        ("train", "validation"),
        "28,475 good and featured articles, a line a record",
    ),
    "open-web-math": HubCorpus(
        "open-web-math/open-web-math",
        None,
        "text",
        ("train",),
        "6.3 million mathematical web pages",
    ),
    "maths-college": HubCorpus(
        "ajibawa-2023/Maths-College",
        None,
        "text",
        ("train",),
        "970,000 synthetic lessons of college mathematics",
    ),
}


def open_hub(name: str, own_field: str | None, field: str) -> dict[str, Iterator[Document]]:
    """The training documents of a dataset, and the validation documents where it has them.

    `name` is one of HUB, in any case, or a dataset's own; `own_field` stands before a known
    corpus's field, which stands before `field`.
    """
    known = HUB.get(name.lower())
    wanted = HubCorpus(name, None, field, (), "") if known is None else known
    if not _installed():
        raise InputError(
            f"hf:{name}: expected the `datasets` library, which reads the hub; got none "
            "installed; pip install 'runnel[hub]' (the extra `hub`)"
        )
    # Asked first, because the library takes seconds to import and half a minute to give up.
    if not is_offline() and (closed := hub_failure()) is not None:
        raise _unreachable(name, closed)
    datasets = importlib.import_module("datasets")
    # Retries and bars would be written between our own lines; what fails is said in one of them.
    datasets.disable_progress_bars()
    for talker in ("datasets", "huggingface_hub"):
        logging.getLogger(talker).setLevel(logging.CRITICAL)
    options = {} if wanted.configuration is None else {"name": wanted.configuration}
    try:
        splits: dict[str, Any] = dict(datasets.load_dataset(wanted.name, streaming=True, **options))
    except Exception as error:
        raise _unreachable(name, error) from None
    if known is not None:
        splits = {split: splits[split] for split in known.splits if split in splits}
    by_role = {role_of(split): split for split in reversed(list(splits))}
    train = by_role.get("train") or (next(iter(splits)) if len(splits) == 1 else None)
    if train is None:
        raise InputError(
            f"hf:{name}: expected a split named train; got {', '.join(splits) or 'none'}; "
            "download the one that you want and give its file"
        )
    text = own_field or wanted.field
    readers = {"train": _read(name, train, splits[train], text)}
    if (judge := by_role.get("validation")) is not None:
        readers["validation"] = _read(name, judge, splits[judge], text)
    return readers


def _installed() -> bool:
    if "datasets" in sys.modules:
        return sys.modules["datasets"] is not None
    return importlib.util.find_spec("datasets") is not None


def hub_failure() -> Exception | None:
    """Why the hub cannot be reached, soon; none if it can. Its own libraries try for minutes."""
    found: list[Exception | None] = []

    def ask() -> None:
        place = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        try:
            request = urllib.request.Request(place, method="HEAD")
            urllib.request.urlopen(request, timeout=_PATIENCE).close()
        except urllib.error.HTTPError:
            found.append(None)  # an answer, whichever it is
        except Exception as error:
            found.append(error)
        else:
            found.append(None)

    # A thread, because looking a name up cannot be given a time.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    return found[0] if found else TimeoutError(f"no answer within {_PATIENCE:.0f} s")


def is_offline() -> bool:
    """Whether the hub's libraries are told to read kept copies only, in the words they know."""
    return any(os.environ.get(n, "").upper() in ("1", "ON", "YES", "TRUE") for n in _OFFLINE)


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
        f"{reason or 'no reason'}; check the name and the network, or give its files as .txt, "
        ".jsonl or .parquet"
    )
