"""Telling: turns events and the cast into text, keeps pronouns clear and gathers the probes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from runnel.data.stories import phrases
from runnel.data.stories.chance import Chooser
from runnel.data.stories.template import Choice, Event, Phrase, Sequel, Slot, parse
from runnel.data.stories.world import Character, Spot, Thing, World

_CAPITAL = re.compile(r'(?:^|\n|[.!?] |\." )"?\x01?[a-z]')
_ARTICLE = re.compile(r"\b([Aa]) (?=\x01?[aeiou])")
_FIRST = re.compile(r"[A-Za-z]")
_GAPS = re.compile(r" +([ ,.!?;:\n])")
_WRONG = 4
_NEAREST = 5


@dataclass(frozen=True)
class Probe:
    """A place in a story where only one word keeps it true.

    before: the text up to the word. answer: the word. alternatives: words of the same kind, all wrong.
    distance: words between the answer's previous mention and here. kind: name, color, promise, place...
    """

    before: str
    answer: str
    alternatives: tuple[str, ...]
    distance: int
    kind: str


def _last_word(text: str, word: str, before: int) -> int:
    """Return where the last mention of the word before a position ends, or -1."""
    start = text.rfind(word, 0, before)
    while start >= 0:
        end = start + len(word)
        if not (text[end].isalpha() or (start and text[start - 1].isalpha())):
            return end
        start = text.rfind(word, 0, end - 1)
    return -1


@final
class Telling:
    """Tells one story: `cast` names its entities, `tell` tells one event."""

    def __init__(self, chooser: Chooser, milieu: str | None = None) -> None:
        self.chooser = chooser
        self.world = World(chooser, milieu)
        self.cast: dict[str, Character | Thing | Spot] = {}
        self.frame = "none"
        self._out: list[str] = []
        self._marks: list[tuple[str, str, Sequence[str]]] = []
        self._bags: dict[str, list[int]] = {}
        self._focus: dict[str, Character] = {}
        self._since_name: dict[Character, int] = {}
        self._introduced: set[Character] = set()

    def add(self, **entities: Character | Thing | Spot) -> None:
        """Name entities for the slots of later events."""
        self.cast.update(entities)

    def who(self, name: str) -> Character:
        """Return a character of the cast."""
        entity = self.cast[name]
        assert isinstance(entity, Character)
        return entity

    def tell(self, event: Event) -> None:
        """Tell an event in one of its ways."""
        if self._out and self._out[-1] != "\n":
            self._out.append(" ")
        start = len(self._out)
        self._render(self.chooser.favor(event.ways), self._out)
        while not self._out[start].lstrip('"\x01'):
            start += 1
        self._out[start] = _FIRST.sub(lambda m: m.group().upper(), self._out[start], count=1)

    def maybe(self, event: Event, numerator: int = 1, denominator: int = 2) -> None:
        """Tell an event in `numerator` of `denominator` stories."""
        if self.chooser.chance(numerator, denominator):
            self.tell(event)

    def words(self) -> int:
        """Return about how many words the story has so far."""
        return "".join(self._out).count(" ") + 1

    def paragraph(self) -> None:
        """Start a new paragraph; names are said again in it."""
        self._out.append("\n")
        self._focus.clear()
        self._since_name.clear()

    def render(self, text: str) -> str:
        """Return a short template, such as a title, with its slots filled."""
        out: list[str] = []
        self._render(parse(text), out)
        return "".join(out)

    def finish(self) -> tuple[str, tuple[Probe, ...]]:
        """Return the whole text and its probes."""
        text = _GAPS.sub(r"\1", "".join(self._out))
        text = _ARTICLE.sub(r"\1n ", text)
        text = _CAPITAL.sub(lambda match: match.group()[:-1] + match.group()[-1].upper(), text)
        pieces = text.split("\x01")
        return "".join(pieces), tuple(self._probes(pieces))

    def _probes(self, pieces: list[str]) -> list[Probe]:
        probes: list[Probe] = []
        text, here = "".join(pieces), 0
        for index, (answer, kind, pool) in enumerate(self._marks):
            here += len(pieces[index])
            last = _last_word(text, answer, here)
            if last < 0 or not text.startswith(answer, here):
                continue
            distance = len(text[last:here].split()) - (not text[last].isspace())
            if distance < _NEAREST:
                continue
            wrong = self._wrong(answer, pool, text[:here])
            if len(wrong) >= 3:
                probes.append(Probe(text[:here], answer, wrong, distance, kind))
        return probes

    def _wrong(self, answer: str, pool: Sequence[str], before: str) -> tuple[str, ...]:
        """Choose wrong words: those of the story first, then a fixed walk through the pool.

        None begins with the answer or begins it, so that their probabilities can be compared.
        """
        others = [w for w in pool if not (w.startswith(answer) or answer.startswith(w))]
        if before.endswith((" a ", " an ")):
            others = [w for w in others if (w[0] in "aeiou") == before.endswith("n ")]
        told = [word for word in others if word in self.world.used]
        rest = [word for word in others if word not in self.world.used]
        start = len(before) % max(1, len(rest))
        return tuple((told + rest[start:] + rest[:start])[:_WRONG])

    def _render(self, sequel: Sequel, out: list[str]) -> None:
        for node in sequel:
            if isinstance(node, str):
                out.append(node)
            elif isinstance(node, Choice):
                self._render(self.chooser.favor(node.options), out)
            elif isinstance(node, Slot):
                out.append(self._slot(node))
            else:
                self._phrase(node, out)

    def _phrase(self, node: Phrase, out: list[str]) -> None:
        """Render a phrase of a class; none comes again before a good part of the class is used up."""
        name = node.name
        if name == "feeling":
            name = self.who("hero").feeling
        options = phrases.CLASSES[name]
        bag = self._bags.get(name)
        if bag is None or len(bag) <= len(options) // 3:
            bag = self._bags[name] = list(range(len(options)))
        start = len(out)
        chosen = self.chooser.favor(bag)
        bag.remove(chosen)
        self._render(options[chosen], out)
        if node.capital:
            out[start] = out[start][0].upper() + out[start][1:]

    def _slot(self, slot: Slot) -> str:
        entity = self.cast[slot.entity]
        form = slot.form
        if isinstance(entity, Character):
            if form == "feeling":
                out: list[str] = []
                self._phrase(Phrase(entity.feeling), out)
                return "".join(out)
            text = self._refer(entity, slot)
        else:
            text = entity.forms[form]
        if slot.capital:
            text = text[0].upper() + text[1:]
        if slot.probe:
            kind, pool = entity.pools[form]
            self._marks.append((text, kind, pool))
            text = "\x01" + text
        return text

    def _refer(self, who: Character, slot: Slot) -> str:
        pronoun = who.forms["he"]
        form = slot.form
        if form in ("intro", "full"):
            self._introduced.add(who)
        elif not form and "intro" in who.forms:
            assert who in self._introduced, f"{who} must be introduced before being named"
        if slot.auto:
            count = self._since_name.get(who, 9)
            if self._focus.get(pronoun) is who and count < 1:
                self._since_name[who] = count + 1
            else:
                form = ""
        if form == "":
            self._since_name[who] = 0
        self._focus[pronoun] = who
        if slot.auto and form == "" and slot.form == "his":
            return who.forms[""] + "'s"
        return who.forms[form]
