"""Tokenizers: what goes in comes out, whole or piece by piece, and nothing odd is let through."""

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel.data import ByteTokenizer, CharTokenizer, Tokenizer, tokenizer_from_plain
from runnel.errors import InputError

HARD_TEXTS = [
    "",
    "a",
    "plain words\nand lines\r\n\ttabs ",
    "caf\u00e9 \u2014 \u2018quoted\u2019 \u2026",
    "e\u0301 combining, n\u0303 twice \u0323",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🎓",
    "\u0001\x7f\u0080\uffff\U0010ffff",
    "\ufeffbyte order mark",
    "日本語 العربية",
]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
laws = settings(deadline=None, max_examples=80, derandomize=True)


def tokenizer_for(kind: str, text: str) -> Tokenizer:
    return ByteTokenizer() if kind == "byte" else CharTokenizer.of_texts([text or "a"])


kinds = pytest.mark.parametrize("kind", ["byte", "char"])


def check_round_trip(tokenizer: Tokenizer, text: str) -> None:
    tokens_N = tokenizer.encode(text)
    assert tokens_N.dtype == np.uint16
    assert tokens_N.ndim == 1
    assert tokenizer.end not in tokens_N
    assert tokenizer.decode(tokens_N) == text
    assert tokenizer.decode(tokens_N.tolist()) == text
    assert tokenizer.token_bytes_V.dtype == np.int64
    assert tokenizer.token_bytes_V.shape == (tokenizer.vocab_size,)
    assert tokenizer.token_bytes_V[tokens_N].sum() == len(text.encode())
    assert tokenizer.token_bytes_V[tokenizer.end] == 1


@kinds
@pytest.mark.parametrize("text", HARD_TEXTS)
def test_hard_texts_come_back(kind: str, text: str) -> None:
    check_round_trip(tokenizer_for(kind, text), text)


@kinds
@laws
@given(text=texts)
def test_any_text_comes_back(kind: str, text: str) -> None:
    check_round_trip(tokenizer_for(kind, text), text)


@kinds
def test_a_text_longer_than_a_block_comes_back(kind: str) -> None:
    text = "é" * 70_000 + "end"
    check_round_trip(tokenizer_for(kind, text), text)


@kinds
@laws
@given(data=st.data(), text=texts)
def test_fed_one_by_one_equals_the_whole(kind: str, data: st.DataObject, text: str) -> None:
    tokenizer = tokenizer_for(kind, text)
    last = tokenizer.vocab_size - 1
    noise = data.draw(st.lists(st.integers(0, last), max_size=20))
    tokens = noise + [int(t) for t in tokenizer.encode(text)] + noise[::-1]
    decoder = tokenizer.decoder()
    for _ in range(2):  # a finished decoder starts anew
        pieces = [decoder.feed(token) for token in tokens]
        assert "".join(pieces) + decoder.finish() == tokenizer.decode(tokens)
    assert decoder.finish() == ""


def test_a_character_of_many_bytes_comes_out_once_whole() -> None:
    decoder = ByteTokenizer().decoder()
    assert [decoder.feed(byte) for byte in "é🎓".encode()] == ["", "é", "", "", "", "🎓"]
    assert decoder.feed(0xC3) == ""
    assert decoder.finish() == "\ufffd"


def test_an_end_token_shows_as_nothing_and_parts_what_is_beside_it() -> None:
    assert ByteTokenizer().decode([97, 0, 98]) == "ab"
    assert ByteTokenizer().decode([0xC3, 0, 0xA9]) == "\ufffd\ufffd"
    assert CharTokenizer("ab").decode([0, 1, 0, 2, 0]) == "ab"


def test_characters_are_sorted_and_counted_from_one() -> None:
    tokenizer = CharTokenizer.of_texts(["ba", "é", "a"])
    assert tokenizer.characters == ("a", "b", "é")
    assert tokenizer.encode("éab").tolist() == [3, 1, 2]
    assert tokenizer.token_bytes_V.tolist() == [1, 1, 1, 2]
    assert tokenizer.vocab_size == 4


@pytest.mark.parametrize(
    ("tokenizer", "text", "named"),
    [
        (CharTokenizer("ab"), "abxa", "'x' (U+0078) at character 2"),
        (CharTokenizer("ab"), "ab\U0001f393", "(U+1F393) at character 2"),
        (CharTokenizer("ab"), "\0", r"'\x00' (U+0000) at character 0"),
        (CharTokenizer("ab"), "b\ud800", r"'\ud800' (U+D800) at character 1"),
        (CharTokenizer("ab"), "a" * 2**16 + "?", "'?' (U+003F) at character 65536"),
        (ByteTokenizer(), "ab\0", r"'\x00' (U+0000) at character 2"),
        (ByteTokenizer(), "é\ud800", r"'\ud800' (U+D800) at character 1"),
    ],
)
def test_a_character_outside_the_vocabulary_is_named(
    tokenizer: Tokenizer, text: str, named: str
) -> None:
    with pytest.raises(InputError, match=re.escape(named)) as caught:
        tokenizer.encode(text)
    assert "\n" not in str(caught.value)
    assert caught.value.args[0].startswith("expected")


@kinds
@pytest.mark.parametrize("tokens", [[-1], [1, 256], [[1]], [1.5], ["a"]])
def test_odd_tokens_are_refused(kind: str, tokens: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        tokenizer_for(kind, "abc").decode(tokens)


@kinds
@pytest.mark.parametrize("token", [-1, 256])
def test_a_decoder_refuses_odd_tokens(kind: str, token: int) -> None:
    with pytest.raises(ValueError, match=f"got {token}"):
        tokenizer_for(kind, "abc").decoder().feed(token)


@pytest.mark.parametrize(
    "tokenizer", [ByteTokenizer(), CharTokenizer("ab"), CharTokenizer("zé🎓\n")]
)
def test_plain_form_survives_json(tokenizer: Tokenizer) -> None:
    again = tokenizer_from_plain(json.loads(json.dumps(tokenizer.to_plain())))
    assert again == tokenizer
    assert hash(again) == hash(tokenizer)
    assert type(again) is type(tokenizer)


def test_tokenizers_are_equal_when_they_read_alike() -> None:
    assert ByteTokenizer() == ByteTokenizer()
    assert ByteTokenizer() != CharTokenizer("ab")
    assert CharTokenizer("ab") == CharTokenizer(["a", "b"])
    assert CharTokenizer("ab") != CharTokenizer("ba")
    assert CharTokenizer("ab") != "ab"


def char(characters: object) -> dict[str, object]:
    return {"format": 1, "type": "char", "characters": characters}


@pytest.mark.parametrize(
    ("plain", "named"),
    [
        (None, "expected a JSON object; got NoneType"),
        ([], "expected a JSON object; got list"),
        ({}, "expected format 1; got 'None'"),
        ({"format": 2, "type": "byte"}, "update runnel"),
        ({"format": True, "type": "byte"}, "expected format 1; got 'True'"),
        ({"format": "1", "type": "byte"}, "expected format 1"),
        ({"format": 1}, "type byte, char or bpe; got 'None'"),
        ({"format": 1, "type": "wpe"}, "type byte, char or bpe; got 'wpe'"),
        ({"format": 1, "type": ["byte"]}, "type byte, char"),
        ({"format": 1, "type": "byte", "merges": []}, "surplus 'merges'"),
        ({"format": 1, "type": "char"}, "no 'characters'"),
        (char("ab"), "list of characters; got str"),
        (char([]), "1 to 65535 characters; got 0"),
        (char(["a"] * 65_536), "1 to 65535 characters; got 65536"),
        (char(["a", "b", "a"]), "3 characters of which 2 differ"),
        (char(["a", "bc"]), "got 'bc' at place 1"),
        (char(["a", ""]), "got '' at place 1"),
        (char(["a", 5]), "got '5' at place 1"),
        (char(["a", None]), "got 'None' at place 1"),
        (char(["a", ["b"]]), "at place 1"),
        (char(["\0"]), "at place 0"),
        (char(["\ud800"]), "at place 0"),
    ],
)
def test_an_odd_plain_form_is_refused_in_one_line(plain: object, named: str) -> None:
    with pytest.raises(InputError, match=re.escape(named)) as caught:
        tokenizer_from_plain(plain)
    message = str(caught.value)
    assert message.startswith("tokenizer.json: ")
    assert "\n" not in message
    assert len(message) < 300


def test_token_bytes_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        ByteTokenizer().token_bytes_V[0] = 7
