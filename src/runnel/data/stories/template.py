"""The small grammar in which events are written, and the registry of events.

    [ran|went]        one of the forms
    <quickly>         one phrase of that class (phrases.py), rarely the same twice in a story
    {hero} {hero.his} a name, a pronoun, or another form of somebody or something in the cast
    {he} {him} {his}  the hero's pronouns
    {~hero}           "he", "him" (`~hero.him`) or "his" (`~hero.his`), or the name where that is unclear
    {!toy.color}      a probe: only this word keeps the story true

An event's text is a list: each line that starts with "- " is one way to tell it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from runnel.data.stories.synonyms import vary

Sequel: TypeAlias = "tuple[str | Choice | Phrase | Slot, ...]"


@dataclass(frozen=True)
class Choice:
    """One of several forms."""

    options: tuple[Sequel, ...]


@dataclass(frozen=True)
class Phrase:
    """A phrase of a class."""

    name: str
    capital: bool = False


@dataclass(frozen=True)
class Slot:
    """A form of somebody or something in the cast."""

    entity: str
    form: str
    capital: bool
    probe: bool
    auto: bool


@dataclass(frozen=True)
class Event:
    """Something that happens, with the ways to tell it."""

    name: str
    ways: tuple[Sequel, ...]


EVENTS: dict[str, Event] = {}
PRONOUNS = {"he", "him", "his", "himself"}
_TOKEN = re.compile(r"[\[\]|]|\{[^{}]*\}|<[^<>]*>|[^\[\]|{}<>]+")
_SLOT = re.compile(r"([!~]?)([A-Za-z_][A-Za-z_0-9]*)(?:\.([A-Za-z]+))?")


def event(name: str, text: str) -> Event:
    """Register an event; `text` is a list of ways to tell it, each line of it starting with "- "."""
    if name in EVENTS:
        raise ValueError(f"event names must differ; got {name!r} twice")
    items = [" ".join(item.split()) for item in re.split(r"(?m)^\s*- ", text)]
    EVENTS[name] = Event(name, tuple(parse(vary(item)) for item in items if item))
    return EVENTS[name]


@cache
def parse(text: str) -> Sequel:
    """Turn one way of telling into nodes."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise ValueError(f"brackets must match; got {text!r}")
    sequel, end = _sequel(tokens, 0)
    if end != len(tokens):
        raise ValueError(f"brackets must match; got {text!r}")
    return sequel


def _sequel(tokens: list[str], start: int) -> tuple[Sequel, int]:
    nodes: list[str | Choice | Phrase | Slot] = []
    while start < len(tokens) and tokens[start] not in "|]":
        token = tokens[start]
        start += 1
        if token == "[":
            options = []
            while True:
                option, start = _sequel(tokens, start)
                options.append(option)
                if start == len(tokens):
                    raise ValueError(f"brackets must match; got {''.join(tokens)!r}")
                start += 1
                if tokens[start - 1] == "]":
                    break
            nodes.append(Choice(tuple(options)))
        elif token[0] == "{":
            nodes.append(_slot(token[1:-1]))
        elif token[0] == "<":
            name = token[1].lower() + token[2:-1]
            nodes.append(Phrase(name, token[1].isupper()))
        else:
            nodes.append(token)
    return tuple(nodes), start


def _slot(text: str) -> Slot:
    match = _SLOT.fullmatch(text)
    if match is None:
        raise ValueError(f"a slot must look like {{hero.his}}; got {{{text}}}")
    mark, key, form = match.group(1), match.group(2), match.group(3) or ""
    capital, key = key[0].isupper(), key[0].lower() + key[1:]
    if key in PRONOUNS:
        key, form = "hero", key
    if mark == "~" and not form:
        form = "he"
    return Slot(key, form, capital, mark == "!", mark == "~")


def count_forms(sequel: Sequel, phrase_size: Callable[[str], int]) -> int:
    """Return how many ways a sequel can be told, slots aside."""
    count = 1
    for node in sequel:
        if isinstance(node, Choice):
            count *= sum(count_forms(option, phrase_size) for option in node.options)
        elif isinstance(node, Phrase):
            count *= phrase_size(node.name)
    return count
