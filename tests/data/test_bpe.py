"""BPE: GPT-2's published tokens, the library's tokens, bytes counted, nothing odd let through."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel.data.tokenizers import (
    BPETokenizer,
    make_tokenizer,
    read_gpt2,
    tokenizer_from_plain,
    words,
)
from runnel.data.tokenizers.merges import merges_of_lines
from runnel.errors import InputError

GPT2 = Path(__file__).parents[3] / "shared" / "data" / "gpt2-bpe"
HARD = [
    *("", " ", "  ", "\n", "\n\n x", "a\n", "hello world", " hello  world   ", "x\t\ty \n z\r\n"),
    *("I'll we've it's they'd I'm you're don't", "'s 's''s x's's 'S 'LL 'lll", "'", "''s", "a'"),
    *("a'd' 's\n's\t're", "'r", "'v 'l", "l'été", "3.14159, 1,000; 2²½ Ⅷ ٣", "x_y __init__ --"),
    *(
        "é 日本語 テスト。 العربية",
        "👩‍👩‍👧‍👦 🏳️‍🌈",
        "e\u0301 \u00a0x\u2003y \u2028z\u0085 ",
        "\u001c\u200b",
    ),
    *("<|endoftext|>", "SolidGoldMagikarp", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "!?!?...   ?"),
    *(
        "def f(x):\n    return x**2  # ok\n\n\n",
        "https://a.b/c?d=e&f=%20",
        "\U0010ffff\ufeff\ufffd",
    ),
]
any_text = st.text(
    st.one_of(
        st.sampled_from("abst'rvemld  \n\t019é日!."),
        st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"),
    ),
    max_size=40,
)
laws = settings(deadline=None, max_examples=200, derandomize=True)


@pytest.fixture(scope="module")
def gpt2() -> BPETokenizer:
    if not GPT2.is_dir():
        pytest.skip("needs ../shared/data/gpt2-bpe")
    return read_gpt2(GPT2)


@pytest.fixture(scope="module")
def published() -> Any:
    """GPT-2's tokens by the library that publishes them, from the same files."""
    if not GPT2.is_dir():
        pytest.skip("needs ../shared/data/gpt2-bpe")
    library = pytest.importorskip("tokenizers", reason="the extra data trains and checks BPE")
    made = library.Tokenizer(
        library.models.BPE.from_file(str(GPT2 / "encoder.json"), str(GPT2 / "vocab.bpe"))
    )
    made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return lambda text: made.encode(text).ids


@pytest.fixture(scope="module")
def small() -> BPETokenizer:
    lines = ["64 65", "256 66", "220 256", "85 86", "220 220"]
    return BPETokenizer(merges_of_lines(lines))


@pytest.mark.parametrize("text", HARD)
def test_hard_texts_have_the_published_tokens(
    gpt2: BPETokenizer, published: Any, text: str
) -> None:
    tokens_N = gpt2.encode(text)
    assert tokens_N.tolist() == published(text)
    assert gpt2.decode(tokens_N) == text
    assert gpt2.token_bytes_V[tokens_N].sum() == len(text.encode())


def test_words_whose_tokens_are_well_known(gpt2: BPETokenizer) -> None:
    assert gpt2.encode("Hello world").tolist() == [15496, 995]
    # The mark of a text's end is 50256 as a token of its own, and spelled out seven others.
    assert gpt2.encode("<|endoftext|>").tolist() == [27, 91, 437, 1659, 5239, 91, 29]
    known = {" SolidGoldMagikarp": 43453, " petertodd": 37444, " attRot": 35207}
    assert {word: gpt2.encode(word).tolist() for word in known} == {
        w: [t] for w, t in known.items()
    }
    assert (gpt2.end, gpt2.vocab_size) == (50256, 50257)
    assert gpt2.dtype == np.uint16


@laws
@given(any_text)
def test_any_text_has_the_published_tokens(gpt2: BPETokenizer, published: Any, text: str) -> None:
    assert gpt2.encode(text).tolist() == published(text)


@laws
@given(st.lists(any_text, max_size=4))
def test_joined_texts_read_as_each_alone(small: BPETokenizer, texts: list[str]) -> None:
    alone = [t for text in texts for t in [*small.encode(text).tolist(), small.end]]
    assert small.encode_joined("\0".join([*texts, ""])).tolist() == alone


@laws
@given(any_text, st.integers(4, 9))
def test_pieces_keep_the_words(text: str, size: int) -> None:
    def cut(whole: str) -> list[str]:
        starts = words.word_starts(whole)[0].tolist()
        return [whole[a:b] for a, b in pairwise(starts)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "BLOCK", size)
        parts = list(words.pieces(text))
    assert "".join(parts) == text
    assert [word for part in parts for word in cut(part)] == cut(text)


def test_a_word_seen_often_or_forgotten_reads_the_same(
    small: BPETokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runnel.data.tokenizers import store

    text = " ".join(f"abc{i} abcdefghij{i % 7}" for i in range(500))
    first = small.encode(text)
    assert np.array_equal(small.encode(text), first)
    monkeypatch.setattr(store, "_MOST_SHORT", 0)
    assert np.array_equal(small.encode(text), first)
    assert small.decode(first) == text


def test_trained_merges_are_the_librarys(tmp_path: Path) -> None:
    library = pytest.importorskip("tokenizers", reason="the extra data trains BPE")
    text = "the cat sat on the mat, the cat's hat; " * 30 + "été à la plage " * 20
    made = make_tokenizer("bpe:280", lambda: [text])
    assert made == make_tokenizer("bpe:280", lambda: [text])
    assert isinstance(made, BPETokenizer)
    assert made.vocab_size == 280
    plain = made.to_plain()
    again = tokenizer_from_plain(json.loads(json.dumps(plain)))
    assert again == made
    symbols = {i: s for s, i in _symbols().items()}
    names = ["".join(symbols[_token(b)] for b in piece) for piece in made.merges.pieces]
    (tmp_path / "v.json").write_text(json.dumps({n: i for i, n in enumerate(names)}))
    lines = [f"{names[a]} {names[b]}" for a, b in made.merges.pairs]
    (tmp_path / "m.txt").write_text("#version: 0.2\n" + "\n".join(lines))
    twin = library.Tokenizer(
        library.models.BPE.from_file(str(tmp_path / "v.json"), str(tmp_path / "m.txt"))
    )
    twin.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    for sample in (text, "the theater été's", *HARD):
        assert made.encode(sample).tolist() == twin.encode(sample).ids


def _symbols() -> dict[str, int]:
    from runnel.data.tokenizers.merges import SYMBOLS

    return SYMBOLS


def _token(byte: int) -> int:
    from runnel.data.tokenizers.merges import ORDER

    return ORDER.index(byte)


def test_a_token_may_end_inside_a_character(gpt2: BPETokenizer) -> None:
    tokens = gpt2.encode("🎓").tolist()
    decoder = gpt2.decoder()
    assert len(tokens) > 1
    assert "".join(map(decoder.feed, tokens)) + decoder.finish() == "🎓"
    assert gpt2.decode(tokens[:1]) == "\ufffd"
    assert int(gpt2.token_bytes_V[tokens].sum()) == 4


@pytest.mark.parametrize(
    ("merges", "named"),
    [
        ("x", "expected a list of merges; got str"),
        ([5], "got '5' as merge 0"),
        (["1"], "got '1' as merge 0"),
        (["1 256"], "before which there are 256"),
        (["-1 2"], "got '-1 2'"),
        (["1 2", "1 2"], "a repeated one as merge 1"),
        (["1 1", *(f"{i} {i}" for i in range(256, 270))], "2048 bytes as merge 10"),
        (["1 2"] * 150_001, "at most 150000 merges; got 150001"),
    ],
)
def test_odd_merges_are_refused_in_one_line(merges: object, named: str) -> None:
    with pytest.raises(InputError, match=re.escape(named)) as caught:
        tokenizer_from_plain({"format": 1, "type": "bpe", "merges": merges})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("bpe:5", "N from 257"),
        ("bpe:99999999", "to 150257"),
        ("bpe:x", "bpe:N or gpt2:DIR"),
        ("gpt2:", "bpe:N or gpt2:DIR"),
        ("gpt2:/nowhere", "which is not a folder; check the name"),
    ],
)
def test_odd_names_are_refused(name: str, named: str) -> None:
    with pytest.raises(InputError, match=re.escape(named)):
        make_tokenizer(name, lambda: ["text"])


@pytest.mark.parametrize(
    ("vocabulary", "merges", "named"),
    [
        ("{}", "#version: 0.2\nĠ t\n", "numbered in the order of vocab.bpe; got 0"),
        ("{}", "#version: 0.2\nĠ t x\n", "two symbols in each merge"),
        ("{}", "Ġt x\n", "symbols made before them; got 'Ġt'"),
        ("[", "Ġ t\n", "expected JSON"),
    ],
)
def test_files_that_are_not_gpt2s_are_refused(
    tmp_path: Path, vocabulary: str, merges: str, named: str
) -> None:
    (tmp_path / "encoder.json").write_text(vocabulary, encoding="utf-8")
    (tmp_path / "vocab.bpe").write_text(merges, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(named)) as caught:
        read_gpt2(tmp_path)
    assert "\n" not in str(caught.value)
