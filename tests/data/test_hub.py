"""Data sets of the hub: what is asked of its library, and one line for whatever it cannot give."""

import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from data.reading import read, refusal
from runnel.data import Document
from runnel.data import hub as hub_module


def hub(load_dataset: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(load_dataset=load_dataset, disable_progress_bars=lambda: None)


def test_the_hub_wants_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "extra `hub`" in refusal("hf:roneneldan/TinyStories")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is asked without a look at the network, as for kept copies."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.usefixtures("offline")
def test_a_dataset_of_the_hub_is_read_by_split(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name: str, **options: Any) -> dict[str, Any]:
        asked.append((name, options))
        return {
            "train": [{"text": "one", "story": "a"}, {"text": " ", "story": "b"}],
            "validation": [{"text": "two", "story": "c"}],
            "validation_more": [{"text": "no"}],
            "test": None,
        }

    monkeypatch.setitem(sys.modules, "datasets", hub(load))
    assert read("hf:who/what") == [
        Document("one", "hf:who/what/train:1", True),
        Document("two", "hf:who/what/validation:1", True),
    ]
    assert [d.text for d in read("hf:who/what:story")] == ["a", "b", "c"]
    assert asked[0] == ("who/what", {"streaming": True})
    assert "field 'body'; got text, story" in refusal("hf:who/what:body")
    assert "hf:NAME" in refusal("hf:")


@pytest.mark.usefixtures("offline")
def test_a_dataset_without_training_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = {"left": [{"text": "x"}], "right": [{"text": "y"}]}
    monkeypatch.setitem(sys.modules, "datasets", hub(lambda name, **_: splits))
    assert "expected a split named train; got left, right" in refusal("hf:a/b")
    splits.pop("right")
    assert [d.text for d in read("hf:a/b")] == ["x"]


@pytest.mark.usefixtures("offline")
def test_a_hub_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(name: str, **_: Any) -> Any:
        raise ConnectionError("no route to host\nmore\nlines")

    monkeypatch.setitem(sys.modules, "datasets", hub(closed))
    assert "ConnectionError: no route to host; check the name" in refusal("hf:a/b")

    def breaks() -> Iterator[dict[str, object]]:
        yield {"text": "x"}
        raise TimeoutError

    monkeypatch.setitem(sys.modules, "datasets", hub(lambda name, **_: {"train": breaks()}))
    assert "TimeoutError: no reason" in refusal("hf:a/b")


@pytest.mark.usefixtures("offline")
def test_a_corpus_of_the_hub_has_a_name_a_field_and_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(path: str, **options: Any) -> dict[str, Any]:
        asked.append((path, options.get("name")))
        return {"train": [{"text": "one"}], "test": None, "validation": [{"text": "two"}]}

    monkeypatch.setitem(sys.modules, "datasets", hub(load))
    for source in ("hf:wikitext-103-raw", "wikitext-103-raw", "hf:WikiText-103-raw"):
        assert [d.text for d in read(source, field="body")] == ["one", "two"]
    assert set(asked) == {("Salesforce/wikitext", "wikitext-103-raw-v1")}


def test_a_closed_network_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", hub(lambda *_, **__: {}))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert "give its files as .txt, .jsonl or .parquet" in refusal("hf:TinyStories")


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"])
@pytest.mark.parametrize(
    ("value", "told"), [("1", True), ("True", True), ("0", False), ("", False)]
)
def test_kept_copies_only_is_said_as_the_libraries_spell_it(
    name: str, value: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    assert hub_module.is_offline() is told


def test_a_hub_that_stays_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", hub(lambda *_, **__: {}))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub_module, "_PATIENCE", 0.05)
    answered = threading.Event()

    def wait(*_: Any, **__: Any) -> Any:
        answered.wait(20)
        raise OSError

    monkeypatch.setattr(urllib.request, "urlopen", wait)
    assert "TimeoutError: no answer within" in refusal("hf:TinyStories")
    answered.set()
