"""Every task asks what it says: a plain solver that reads the text finds the same answers."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from runnel.data.loader import IGNORED, Batch
from runnel.data.tokenizers import CharTokenizer
from runnel.errors import InputError
from runnel.tasks import TRAINABLE, Reading
from runnel.tasks.listops import ListOps, evaluated
from runnel.tasks.state_tracking import StateTracking
from runnel.tasks.task import GeneratedTask

SMALL: dict[str, GeneratedTask] = {
    name: cls(**{"selective-copying": {"length": 40, "copies": 5}}.get(name, {}))
    for name, cls in TRAINABLE.items()
    if issubclass(cls, GeneratedTask)
} | {"listops": ListOps(shortest=5, length=60, depth=4, arguments=5, tests=8)}


def _texts(task: GeneratedTask, batch: Batch) -> list[tuple[str, str]]:
    """The question and the answer of each row, as people read them."""
    tokenizer = task.tokenizer()
    return [
        (tokenizer.decode(tokens_T), tokenizer.decode(targets_T[targets_T != IGNORED]))
        for tokens_T, targets_T in zip(batch.tokens_BT, batch.targets_BT, strict=True)
    ]


def _walk(steps: str) -> str:
    return str((steps.count(">") - steps.count("<")) % 5)


def _missing(text: str) -> str:
    half = len(text) // 2
    return text[text.index("_") - half]


def _most(text: str) -> str:
    return min(set(text), key=lambda digit: (-text.count(digit), digit))


def _list_value(text: str) -> str:
    stack: list[Any] = []
    for symbol in text:
        if symbol != "]":
            stack.append(symbol if symbol in "nxms" else int(symbol))
            continue
        values: list[int] = []
        while not isinstance(stack[-1], str):
            values.append(stack.pop())
        stack.append(evaluated(stack.pop(), values))
    return str(stack.pop())


def _recalled(text: str) -> str:
    pairs, rest = dict(zip(text[:8:2], text[1:8:2], strict=True)), text[8:]
    return "".join(pairs[key] for key in rest if key in pairs)


SOLVERS: dict[str, Callable[[str], str]] = {
    "selective-copying": lambda text: text.replace(".", ""),
    "bucket-sort": lambda text: "".join(sorted(text)),
    "cycle-navigation": _walk,
    "even-pairs": lambda text: str(sum(map(str.__ne__, text, text[1:])) % 2),
    "majority": _most,
    "majority-count": lambda text: chr(0x2500 + min(63, max(Counter(text).values()))),
    "missing-duplicate": _missing,
    "parity": lambda text: str(text.count("b") % 2),
    "listops": _list_value,
    "associative-recall": _recalled,
}


@pytest.mark.parametrize("name", SMALL)
def test_a_plain_solver_finds_the_answers(name: str) -> None:
    task = SMALL[name]
    batches = [task.training_batch(3, index, 9) for index in range(4)]
    if isinstance(task, StateTracking):
        batches += [batch for _, (_, batch) in zip(range(4), task.test_batches(), strict=False)]
    for batch in batches:
        for question, answer in _texts(task, batch):
            assert SOLVERS[name](question.rstrip("=")) == answer


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_depends_on_seed_and_number_only(name: str) -> None:
    task = SMALL[name]
    first = task.training_batch(1, 5, 4)
    task.training_batch(1, 6, 4)
    again = task.training_batch(1, 5, 4)
    assert all(map(np.array_equal, first, again))
    for seed, index in ((2, 5), (1, 6)):
        other = task.training_batch(seed, index, 4)
        assert not all(map(np.array_equal, first, other))


@pytest.mark.parametrize("name", SMALL)
def test_tokens_and_targets_lie_in_the_vocabulary_and_rows_begin_afresh(name: str) -> None:
    task = SMALL[name]
    batch = task.training_batch(0, 0, 8)
    counted_BT = batch.targets_BT != IGNORED
    assert counted_BT.any(axis=1).all()
    assert batch.tokens_BT.max() < task.tokenizer().vocab_size > batch.targets_BT.max()
    assert (batch.targets_BT[counted_BT] > 0).all()
    assert batch.tokens_BT.shape[1] <= task.longest()
    assert not batch.tokens_BT[:, 0].any()
    assert isinstance(task.tokenizer(), CharTokenizer)


def test_lengths_beyond_training_are_judged_apart() -> None:
    task = TRAINABLE["parity"](tests=40)  # type: ignore[call-arg]
    widths = {part: batch.tokens_BT.shape[1] for part, batch in task.test_batches()}
    assert widths == {"40": 42, "80": 82, "160": 162, "256": 258}
    longest = max(task.training_batch(0, i, 2).tokens_BT.shape[1] for i in range(200))
    assert longest == 42


def test_listops_says_where_expressions_are_too_rare() -> None:
    task = ListOps(shortest=400, depth=12, arguments=2)
    with pytest.raises(InputError, match="further apart"):
        task.training_batch(0, 0, 1)


def test_no_answer_of_a_state_tracking_task_is_nearly_always_the_same() -> None:
    for cls in TRAINABLE.values():
        if issubclass(cls, StateTracking):
            score = cls(tests=128).score(_always(1), cls().tokenizer())
            chances = [part.chance for part in score.parts["length"].values()]
            assert all(chance is not None and chance < 0.9 for chance in chances), cls.name


def test_guessing_is_to_give_the_commonest_answer_always() -> None:
    task = TRAINABLE["parity"](tests=64)  # type: ignore[call-arg]
    scores = [task.score(_always(token), task.tokenizer()) for token in (2, 3)]
    assert scores[0].chance == scores[1].chance == max(score.accuracy for score in scores)
    assert sum(score.accuracy for score in scores) == 1
    for of_zero, of_one in zip(*(score.parts["length"].values() for score in scores), strict=True):
        assert of_zero.chance == max(of_zero.accuracy, of_one.accuracy)


def _always(token: int) -> Callable[[Batch], Reading]:
    """A reader that gives one answer, whatever it is asked."""
    return lambda batch: Reading(
        np.zeros(batch.tokens_BT.shape), np.full_like(batch.tokens_BT, token)
    )


def test_listops_has_the_lengths_of_long_range_arena() -> None:
    batch = ListOps().training_batch(0, 0, 16)
    sizes = (batch.targets_BT != IGNORED).argmax(axis=1)
    assert sizes.min() >= 500
    assert sizes.max() <= 2000
