"""Corpora: the split is complete, disjoint and repeatable; the stream says where texts start."""

import hashlib
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from runnel.data import (
    ByteTokenizer,
    CharTokenizer,
    Corpus,
    DataConfig,
    Document,
    Loader,
    Tokenizer,
    TokenStream,
    make_stream,
    open_corpus,
    open_stream,
)
from runnel.errors import InputError

MARK = "\n<|endoftext|>\n"
TINYSTORIES = Path(__file__).parents[3] / "shared" / "data" / "tinystories"

Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_one(name: str, content: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
        return str(path)

    return write_one


def texts_of(stream: TokenStream, tokenizer: Tokenizer) -> list[str]:
    """The documents of a stream, read back by its end tokens."""
    assert stream.tokens_N[0] == stream.end
    parts = np.split(stream.tokens_N, np.flatnonzero(stream.tokens_N == stream.end))[1:]
    return [tokenizer.decode(part) for part in parts]


def both(corpus: Corpus) -> tuple[list[str], list[str]]:
    return texts_of(corpus.train, corpus.tokenizer), texts_of(corpus.validation, corpus.tokenizer)


def many(count: int) -> list[str]:
    return [f"tale {i}, é and more" + " and more" * (i % 7) for i in range(count)]


def test_a_stream_has_an_end_before_each_document_and_after_a_whole_last_one() -> None:
    whole = [Document("ab", "x:1", False), Document("é", "x:2", True)]
    stream = make_stream(whole, ByteTokenizer())
    assert stream.tokens_N.tolist() == [0, 97, 98, 0, 0xC3, 0xA9, 0]
    assert stream.tokens_N.dtype == np.uint16
    assert len(stream) == 7
    assert stream.bytes == 7
    cut = make_stream(whole[:1], CharTokenizer("ba"))
    assert cut.tokens_N.tolist() == [0, 2, 1]
    chars = make_stream(whole, CharTokenizer("abé"))
    assert (len(chars), chars.bytes) == (6, 7)


def test_no_documents_make_no_stream() -> None:
    with pytest.raises(InputError, match="expected at least one document"):
        make_stream([], ByteTokenizer())


def test_bytes_are_counted_over_more_than_a_block() -> None:
    tokenizer = CharTokenizer("aé")
    stream = make_stream([Document("éa" * 1_000_000, "x:1", True)], tokenizer)
    assert stream.bytes == 3_000_000 + 2


@pytest.mark.parametrize("kind", ["byte", "char"])
def test_documents_are_split_completely_and_disjointly(write: Write, kind: str) -> None:
    texts = many(1000)
    source = write("a.txt", MARK.join([*texts, ""]))
    corpus = open_corpus(DataConfig(source=source, tokenizer=kind))
    train, validation = both(corpus)
    # The end token after the last, whole document starts an empty one.
    assert train.pop() == validation.pop() == ""
    assert sorted(train + validation) == sorted(texts)
    held = set(validation)
    assert train == [text for text in texts if text not in held]
    assert validation == [text for text in texts if text in held]
    assert 70 <= len(validation) <= 130
    assert corpus.documents == (len(train), len(validation))
    assert corpus.bytes == sum(len(text.encode()) for text in texts)
    assert corpus.train.bytes + corpus.validation.bytes == corpus.bytes + len(texts) + 2


def test_the_split_follows_from_its_seed(write: Write) -> None:
    source = write("a.txt", MARK.join(many(500)))

    def held(seed: int) -> list[str]:
        return both(open_corpus(DataConfig(source=source, split_seed=seed)))[1]

    assert held(0) == held(0)
    assert held(0) != held(1)
    assert len(set(held(0)) & set(held(1))) < len(held(0)) / 2


def test_a_document_keeps_its_side_when_others_follow(write: Write) -> None:
    few = open_corpus(DataConfig(source=write("a.txt", MARK.join(many(150)))))
    more = open_corpus(DataConfig(source=write("b.txt", MARK.join(many(600)))))
    assert set(both(few)[1]) <= set(both(more)[1])
    assert set(both(few)[0]) <= set(both(more)[0])


def test_more_held_out_holds_the_same_and_more(write: Write) -> None:
    source = write("a.txt", MARK.join([*many(2000), ""]))
    sides = [
        set(both(open_corpus(DataConfig(source=source, held_out=part)))[1])
        for part in (0.01, 0.1, 0.5, 0.9)
    ]
    assert all(a < b for a, b in pairwise(sides))
    assert [len(side) for side in sides] == pytest.approx([20, 200, 1000, 1800], rel=0.5, abs=10)


def test_the_tail_is_the_last_part_of_the_characters(write: Write) -> None:
    text = "".join(chr(97 + i % 26) for i in range(999)) + "é"
    corpus = open_corpus(DataConfig(source=write("a.txt", text)))
    assert both(corpus) == ([text[:900]], [text[900:]])
    assert corpus.documents == (1, 1)
    assert "last 10%" in corpus.description


def test_the_tail_may_cut_a_document_or_fall_between_two(write: Write) -> None:
    source = write("a.txt", MARK.join(["abcdef", "ghij", ""]))

    def tail(held_out: float) -> tuple[list[str], list[str]]:
        return both(open_corpus(DataConfig(source=source, held_out=held_out)))

    assert tail(0.2) == (["abcdef", "gh"], ["ij", ""])
    assert tail(0.4) == (["abcdef", ""], ["ghij", ""])
    assert tail(0.7) == (["abc"], ["def", "ghij", ""])


def test_few_documents_are_cut_and_many_are_drawn(write: Write) -> None:
    few, enough = (write(f"{n}.txt", MARK.join(many(n))) for n in (99, 100))
    assert "last 10%" in open_corpus(DataConfig(source=few)).description
    assert "documents held out (seed 0)" in open_corpus(DataConfig(source=enough)).description
    drawn = open_corpus(DataConfig(source=few, split="documents"))
    assert drawn.documents[0] + drawn.documents[1] == 99
    assert "last 10%" in open_corpus(DataConfig(source=enough, split="tail")).description


@pytest.mark.parametrize(
    ("content", "split", "named"),
    [
        ("one" + MARK + "two", "documents", "give more text or data.split=tail"),
        ("a", "tail", "nothing for training from 1 documents"),
    ],
)
def test_a_side_without_text_is_refused(write: Write, content: str, split: str, named: str) -> None:
    config = DataConfig(source=write("a.txt", content), split=split)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=named):
        open_corpus(config)


def test_a_source_of_its_own_to_judge_by(write: Write) -> None:
    train, judge = write("a.txt", "abc"), write("b.txt", "abé")
    corpus = open_corpus(DataConfig(source=train, validation=judge, tokenizer="char"))
    assert both(corpus) == (["abc"], ["abé"])
    assert corpus.tokenizer == CharTokenizer("abcé")
    assert corpus.name == "a.txt"
    assert "judged by the file b.txt" in corpus.description
    assert corpus.sha256 == hashlib.sha256("abc\0abé\0".encode()).hexdigest()


def test_folders_that_name_their_parts(write: Write, tmp_path: Path) -> None:
    write("one/train.txt", "one")
    write("one/valid.txt", "judge one")
    write("one/test.txt", "never")
    write("two/train.txt", "two")
    write("two/valid.txt", "judge two")
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert both(open_corpus(DataConfig(source=one))) == (["one"], ["judge one"])
    assert "never read: test.txt" in open_corpus(DataConfig(source=one)).description
    assert both(open_corpus(DataConfig(source=one, validation=two))) == (["one"], ["judge two"])
    stream = open_stream(DataConfig(source=one), ByteTokenizer())
    assert texts_of(stream, ByteTokenizer()) == ["judge one"]
    stream = open_stream(DataConfig(source=one + "/train.txt"), ByteTokenizer())
    assert texts_of(stream, ByteTokenizer()) == ["one"]


def test_the_hash_is_of_the_text_and_not_of_its_split(write: Write) -> None:
    source = write("a.txt", MARK.join(many(200)))
    expected = hashlib.sha256("".join(f"{text}\0" for text in many(200)).encode()).hexdigest()
    for config in (
        DataConfig(source=source),
        DataConfig(source=source, split="tail", held_out=0.5, tokenizer="char"),
    ):
        assert open_corpus(config).sha256 == expected
    other = write("b.txt", MARK.join([*many(199), "tale"]))
    assert open_corpus(DataConfig(source=other)).sha256 != expected


def test_a_given_tokenizer_is_kept_and_must_know_the_text(write: Write) -> None:
    config = DataConfig(source=write("a.txt", "abcabcabca" + MARK + "abx"), tokenizer="char")
    tokenizer = CharTokenizer("xcba")
    assert open_corpus(config, tokenizer).tokenizer is tokenizer
    with pytest.raises(InputError, match=r"a\.txt:2: expected text of .*'x' \(U\+0078\)"):
        open_corpus(config, CharTokenizer("abc"))


def test_an_unknown_tokenizer_is_refused(write: Write) -> None:
    with pytest.raises(InputError, match=r"bpe:N or gpt2:DIR; got .word."):
        open_corpus(DataConfig(source=write("a.txt", "abc" * 10), tokenizer="word"))


def test_the_alphabet_is_that_of_both_parts(write: Write) -> None:
    text = "ab" * 500 + "z"
    corpus = open_corpus(DataConfig(source=write("a.txt", text), tokenizer="char"))
    assert corpus.tokenizer == CharTokenizer("abz")


def test_stories_are_drawn_by_document() -> None:
    config = DataConfig(source="stories", megabytes=0.2)
    corpus, again = open_corpus(config), open_corpus(config)
    assert corpus.name == "stories"
    assert corpus.sha256 == again.sha256
    assert corpus.sha256 != open_corpus(config, seed=1).sha256
    assert np.array_equal(corpus.train.tokens_N, again.train.tokens_N)
    assert corpus.train.tokens_N[-1] == corpus.train.end
    train, validation = both(corpus)
    assert not set(train) & set(validation) - {""}


def test_the_text_is_in_memory_a_few_times_at_most(write: Write) -> None:
    source = write("a.txt", MARK.join(["A tale of words. " * 60] * 5000))
    size = Path(source).stat().st_size
    tracemalloc.start()
    try:
        open_corpus(DataConfig(source=source))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The documents once, and tokens of two bytes twice while they are laid out.
    assert peak < 6 * size


@pytest.mark.skipif(not TINYSTORIES.is_dir(), reason="needs ../shared/data/tinystories")
def test_real_stories_are_read_as_they_were_published() -> None:
    corpus = open_corpus(DataConfig(source=str(TINYSTORIES), tokenizer="char"))
    assert "2 files" in corpus.description
    assert "1 more to judge by" in corpus.description
    # 2,317 and 1,728 stories, of which the last of each part may be cut; no marks in the other.
    assert corpus.documents == (2317 + 1728, 1)
    train = (TINYSTORIES / "v1-train-part.txt").read_text() + "\n"
    train += (TINYSTORIES / "v2-train-part.txt").read_text()
    stories = texts_of(corpus.train, corpus.tokenizer)
    assert all(story in train for story in stories[::50])
    judge = (TINYSTORIES / "v1-valid-part.txt").read_text()
    assert texts_of(corpus.validation, corpus.tokenizer) == [judge]
    assert corpus.validation.bytes == 394_850 + 1
    batch = next(Loader(corpus.train, batch=16, length=512, seed=0))
    assert batch.reset_BT.any()
    tail = open_corpus(DataConfig(source=str(TINYSTORIES / "v1-valid-part.txt")))
    assert both(tail)[0][0] + both(tail)[1][0] == judge
