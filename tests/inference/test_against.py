"""A Hugging Face model on our text: the same bytes, every token judged once, errors in one line."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runnel.data.tokenizers import ByteTokenizer
from runnel.errors import InputError
from runnel.inference import against
from runnel.inference.against import HuggingFaceModel, open_against

_TEXT = "The brook ran on and on. Grüße! "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 of bytes with a context of 32, written to a folder."""
    transformers = pytest.importorskip("transformers", reason="needs the extra hub")
    tokenizers = pytest.importorskip("tokenizers")
    path = tmp_path_factory.mktemp("gpt2")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {c: i for i, c in enumerate(alphabet)} | {"<|endoftext|>": 256}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    end = "<|endoftext|>"
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=end, eos_token=end
    )
    wrapped.save_pretrained(path)
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=257, n_positions=32, n_embd=16, n_layer=1, n_head=2, bos_token_id=256
    )
    transformers.GPT2LMHeadModel(config).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def theirs(folder: Path) -> HuggingFaceModel:
    return open_against(str(folder), "cpu")


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


def test_a_closed_hub_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="needs the extra hub")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="the hub does not answer"):
        open_against("hf:nobody/nothing-of-this-name")


@pytest.mark.parametrize("name", ["nonsense", "hf:"])
def test_what_is_neither_name_nor_folder_is_refused(name: str) -> None:
    pytest.importorskip("transformers", reason="needs the extra hub")
    with pytest.raises(InputError, match="expected --against hf:NAME or a folder"):
        open_against(name)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra hub")
    with pytest.raises(InputError, match="expected a causal language model"):
        open_against(str(tmp_path))
