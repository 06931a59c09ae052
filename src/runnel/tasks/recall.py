"""Recall: how far back does a story model still know a name, a colour, a promise?"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import ClassVar, NamedTuple

import numpy as np

from runnel.data import stories
from runnel.data.loader import IGNORED, Batch
from runnel.data.sources import read_documents
from runnel.data.tokenizers import Tokenizer
from runnel.errors import InputError
from runnel.tasks.task import Part, Read, Score, Task

PROBED = "stories"
"""the corpus that asks by itself"""
# Stories that no training has written: the bundled corpus trains on those of seed 0.
UNSEEN = 20_261_122
_NEAREST, _CANDIDATES = 5, 5
_BANDS = (5, 10, 20, 40, 80, 160, 320, 640)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


class _Hit(NamedTuple):
    right: bool
    chance: float


class Question(NamedTuple):
    """A place in a text where one word is right and others like it are wrong."""

    before: str
    answer: str
    wrong: tuple[str, ...]
    distance: int
    """words since the answer was last said"""
    kind: str
    """name, color, promise and so on"""


@dataclass(frozen=True, kw_only=True)
class Recall(Task):
    """Which of five words does a model expect where only one is true to what it read before?

    On the bundled corpus its probes ask, with four wrong words of the same kind (fewer where there
    are none); on any other text names that come again ask, with names of the same text.
    """

    name: ClassVar[str] = "recall"
    source: ClassVar[str] = "runnel; the probes of the corpus stories, or names that come again"

    text: str = PROBED
    """the bundled corpus, or a source of story texts"""
    field: str = "text"
    """of a .jsonl line or .parquet row of such a source: the field that holds the text"""
    questions: int = 1000
    """questions to ask, at most"""
    reach: int = 4000
    """characters of the text before a question that are read, at most"""

    def __post_init__(self) -> None:
        if self.questions < 1 or self.reach < 100:
            raise InputError(
                "recall wants questions of at least 1 and a reach of at least 100; got "
                f"questions={self.questions}, reach={self.reach}"
            )

    def score(self, read: Read, tokenizer: Tokenizer, limit: int | None = None) -> Score:
        """See `Task.score`: right if the true word has the highest probability of all offered."""
        asked: dict[str, dict[str, list[_Hit]]] = {
            "words": defaultdict(list),
            "kind": defaultdict(list),
        }
        for question in islice(self.asked(), self.questions):
            hit = _Hit(knows(question, read, tokenizer), 1 / (1 + len(question.wrong)))
            asked["words"][band(question.distance)].append(hit)
            asked["kind"][question.kind].append(hit)
        if not asked["kind"]:
            raise InputError(
                f"expected a text in which names come again; got {self.text!r}, which has none; "
                "give stories with --data"
            )
        bands = {band(first): None for first in _BANDS}
        parts = {
            "words": {b: _part(asked["words"][b]) for b in bands if b in asked["words"]},
            "kind": {k: _part(hits) for k, hits in sorted(asked["kind"].items())},
        }
        whole = _part([hit for hits in asked["words"].values() for hit in hits])
        return Score(**asdict(whole), parts=parts)

    def asked(self) -> Iterator[Question]:
        """The questions, in the order of the text."""
        if self.text == PROBED:
            for story in stories.stories(UNSEEN):
                for probe in story.probes:
                    yield Question(*(getattr(probe, n) for n in _PROBE))
        else:
            for document in read_documents(self.text, field=self.field):
                yield from by_repeated_names(document.text, self.reach)


_PROBE = ("before", "answer", "alternatives", "distance", "kind")


def by_repeated_names(text: str, reach: int = 4000) -> Iterator[Question]:
    """Questions about each name that comes again, offered beside other names of the text.

    A name is a word that is written with a capital inside a sentence, and never without one.
    """
    words = list(_WORD.finditer(text))
    capital = Counter(m.group() for m in words if m.group()[0].isupper())
    inside = {m.group() for m in words if _inside_sentence(text, m.start())}
    small = {m.group().lower() for m in words if m.group()[0].islower()}
    names = {
        name
        for name in capital
        if name in inside and len(name) > 2 and name.lower() not in small and "'" not in name
    }
    last: dict[str, int] = {}
    ended: dict[str, int] = {}
    for place, match in enumerate(words):
        name = match.group().removesuffix("'s")
        if name not in names:
            continue
        distance = place - last[name] - 1 if name in last else 0
        # Names that were said already come first: to know them takes more than their frequency.
        said = sorted((n for n in last if ended[n] > match.start() - reach), key=last.__getitem__)
        said.reverse()
        others = [n for n in said if not (n.startswith(name) or name.startswith(n))]
        if distance >= _NEAREST and others and name in said:
            before = text[max(0, match.start() - reach) : match.start()]
            yield Question(before, name, tuple(others[: _CANDIDATES - 1]), distance, "name")
        last[name], ended[name] = place, match.start()


def band(distance: int) -> str:
    """The range of distances that one belongs to, such as 5-9 or 640+."""
    first = max(b for b in _BANDS if b <= max(distance, _BANDS[0]))
    if first == _BANDS[-1]:
        return f"{first}+"
    return f"{first}-{_BANDS[_BANDS.index(first) + 1] - 1}"


def _inside_sentence(text: str, start: int) -> bool:
    before = text[:start][-3:].rstrip(" ")
    return bool(before) and (before[-1].isalnum() or before[-1] in ",;")


def knows(question: Question, read: Read, tokenizer: Tokenizer) -> bool:
    """Whether the answer is likelier than every other word, as a whole."""
    # A blank goes with the word behind it, as byte pairs have it in running text.
    before = question.before.rstrip(" ")
    blank = question.before[len(before) :]
    before_N = tokenizer.encode(before)
    words = [tokenizer.encode(blank + word) for word in (question.answer, *question.wrong)]
    width = 1 + len(before_N) + max(map(len, words)) - 1
    tokens_BT = np.full((len(words), width), tokenizer.end, dtype=np.int64)
    targets_BT = np.full_like(tokens_BT, IGNORED)
    for row, word_M in enumerate(words):
        whole_N = np.concatenate([before_N, word_M])
        tokens_BT[row, 1 : len(whole_N)] = whole_N[:-1]
        targets_BT[row, len(before_N) : len(whole_N)] = word_M
    reset_BT = np.zeros(tokens_BT.shape, dtype=np.bool_)
    nats_B = read(Batch(tokens_BT, targets_BT, reset_BT)).nats_BT.sum(axis=1)
    return bool(nats_B.argmin() == 0)


def _part(hits: list[_Hit]) -> Part:
    right, chance = (sum(column) / len(hits) for column in zip(*hits, strict=True))
    return Part(right, len(hits), chance)
