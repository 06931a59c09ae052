"""Recall: what it asks of a text, and that only a reader with a memory answers right."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from runnel.data import Document
from runnel.data.loader import IGNORED, Batch
from runnel.data.tokenizers import ByteTokenizer
from runnel.data.tokenizers.bpe import train_bpe
from runnel.errors import InputError
from runnel.tasks import Reading, recall
from runnel.tasks.recall import Recall, band, by_repeated_names, knows

TALE = (
    "One day Mia met Otto. They ran far and wide over the hill, and at night Otto went home. "
    "In the morning there was snow on all the roofs, and Mia laughed."
)


def test_names_that_come_again_are_asked_for() -> None:
    found = [(q.answer, q.wrong, q.distance) for q in by_repeated_names(TALE)]
    assert found == [("Otto", ("Mia",), 11), ("Mia", ("Otto",), 27)]
    question = next(by_repeated_names(TALE))
    assert TALE.startswith(question.before + question.answer)


def test_what_lies_beyond_the_reach_is_not_asked_for() -> None:
    assert [q.answer for q in by_repeated_names(TALE, reach=100)] == ["Otto"]


def _reader(remembers: Callable[[str, str], bool]) -> Callable[[Batch], Reading]:
    """A reader to whom words that it remembers cost nothing."""

    def read(batch: Batch) -> Reading:
        nats_BT = np.zeros(batch.targets_BT.shape)
        for row, (tokens_T, targets_T) in enumerate(
            zip(batch.tokens_BT, batch.targets_BT, strict=True)
        ):
            counted = np.flatnonzero(targets_T != IGNORED)
            word = bytes(targets_T[counted].tolist()).decode()
            before = bytes(tokens_T[1 : counted[0] + 1].tolist()).decode()
            nats_BT[row, counted] = 0.0 if remembers(before, word) else 1.0
        return Reading(nats_BT, batch.tokens_BT)

    return read


def _apart(before: str, word: str) -> tuple[str, str]:
    """The blank that goes with a word, back at the end of what stands before it."""
    return before + word[: -len(word.lstrip(" "))], word.lstrip(" ")


def test_words_are_offered_in_the_tokens_of_running_text() -> None:
    tokenizer = train_bpe([TALE] * 20, 300)
    question = next(by_repeated_names(TALE))
    offered: list[list[int]] = []

    def read(batch: Batch) -> Reading:
        for row_T, targets_T in zip(batch.tokens_BT, batch.targets_BT, strict=True):
            counted = np.flatnonzero(targets_T != IGNORED)
            offered.append([*row_T[1 : counted[0] + 1], *targets_T[counted]])
        return Reading(np.zeros(batch.targets_BT.shape), batch.tokens_BT)

    knows(question, read, tokenizer)
    expected = [
        tokenizer.encode(question.before + word).tolist()
        for word in (question.answer, *question.wrong)
    ]
    assert offered == expected


def test_a_perfect_memory_scores_one_and_none_at_all_scores_chance() -> None:
    task = Recall(questions=100)
    true = {(q.before, q.answer) for q in islice(task.asked(), 100)}
    perfect = task.score(
        _reader(lambda before, word: _apart(before, word) in true), ByteTokenizer()
    )
    assert (perfect.accuracy, perfect.answers) == (1.0, 100)
    # A reader that prefers words by their spelling alone.
    blind = task.score(_reader(lambda before, word: hash(word) % 7 == 0), ByteTokenizer())
    assert blind.accuracy < 0.75
    assert perfect.chance is not None
    assert 0.2 <= perfect.chance < 0.25
    assert perfect.parts["kind"]["name"].chance == pytest.approx(0.2)
    assert sum(part.answers for part in perfect.parts["words"].values()) == 100
    assert {"name", "color"} <= set(perfect.parts["kind"])


@pytest.mark.parametrize(
    ("distance", "name"), [(5, "5-9"), (9, "5-9"), (10, "10-19"), (900, "640+")]
)
def test_bands(distance: int, name: str) -> None:
    assert band(distance) == name


def test_a_corpus_of_the_hub_is_asked_by_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def documents(source: str, field: str) -> list[Document]:
        read.append(source)
        return [Document(TALE, "tale", True)]

    monkeypatch.setattr(recall, "read_documents", documents)
    assert [q.answer for q in Recall(text="tinystories").asked()] == ["Otto", "Mia"]
    assert read == ["tinystories"]


def test_a_text_without_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("the brook ran on and on. " * 30)
    with pytest.raises(InputError, match="names come again"):
        Recall(text=str(path)).score(_reader(lambda b, w: True), ByteTokenizer())
