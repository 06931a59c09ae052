"""A Hugging Face model on our text: the same bytes, every token judged once, errors in one line."""

import math
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from runnel.data.tokenizers import ByteTokenizer
from runnel.errors import InputError
from runnel.inference import against
from runnel.inference.against import HuggingFaceModel, check_against, open_against

_TEXT = "The brook ran on and on. Grüße! "


@pytest.fixture(scope="module")
def theirs(byte_gpt2: Path) -> HuggingFaceModel:
    return open_against(str(byte_gpt2), "cpu")


def _stream(*texts: str) -> Any:
    ours = ByteTokenizer()
    return np.concatenate([part for text in texts for part in ([0], ours.encode(text))] + [[0]])


def test_a_short_text_equals_a_plain_forward(theirs: HuggingFaceModel) -> None:
    tokens_N = _stream("on and on")
    found = theirs.evaluate(tokens_N, ByteTokenizer())
    ids = torch.tensor([[256, *theirs._tokenizer("on and on")["input_ids"], 256]])
    with torch.inference_mode():
        expected = theirs._model(ids, labels=ids).loss.item()
    assert found.loss == pytest.approx(expected, rel=1e-5)
    assert found.tokens == found.bytes == len(tokens_N) - 1
    assert found.bits_per_byte == pytest.approx(expected / math.log(2), rel=1e-5)


def test_long_texts_are_read_in_windows_and_every_token_counts_once(
    theirs: HuggingFaceModel,
) -> None:
    tokens_N = _stream(_TEXT * 7, "short", _TEXT)
    found = theirs.evaluate(tokens_N, ByteTokenizer())
    assert found.tokens == found.bytes == len(tokens_N) - 1
    assert found.loss == pytest.approx(math.log(257), rel=0.05)
    for count in (1, 31, 32, 33, 48, 49, 100):
        windows = list(against._windows(list(range(count + 1)), 32))
        judged = [t for w in windows for t in w.tokens[-w.counted :]]
        assert judged == list(range(1, count + 1))
        assert max(len(w.tokens) for w in windows) <= 33


def test_a_stream_goes_on_past_the_context(theirs: HuggingFaceModel) -> None:
    read = []

    def counting(module: Any, arguments: Any, named: dict[str, Any]) -> None:
        (cache,) = [value for name, value in named.items() if name != "use_cache"]
        read.append(0 if cache is None else cache.get_seq_length())

    handle = theirs._model.register_forward_pre_hook(counting, with_kwargs=True)
    step = theirs.stepper()
    for _ in range(theirs.context + 2):
        step()
    handle.remove()
    assert read == [*range(theirs.context), 0, 1]


def test_a_closed_hub_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="needs the extra hub")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # Neither the library nor its retries are waited for: an empty one in its place is not missed.
    unread = ModuleType("transformers")
    unread.__spec__ = ModuleSpec("transformers", None)
    monkeypatch.setitem(sys.modules, "transformers", unread)
    with pytest.raises(InputError, match="the hub does not answer"):
        open_against("hf:nobody/nothing-of-this-name")


@pytest.mark.parametrize(
    ("names", "hint"), [(["hf:a", "hf:a"], "twice"), (["hf:a", "nowhere"], "hf:NAME or a folder")]
)
def test_what_no_opening_can_mend_is_refused_at_once(names: list[str], hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        check_against(names)


@pytest.mark.parametrize("name", ["nonsense", "hf:"])
def test_what_is_neither_name_nor_folder_is_refused(name: str) -> None:
    pytest.importorskip("transformers", reason="needs the extra hub")
    with pytest.raises(InputError, match="expected --against hf:NAME or a folder"):
        open_against(name)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra hub")
    with pytest.raises(InputError, match="expected a causal language model"):
        open_against(str(tmp_path))
