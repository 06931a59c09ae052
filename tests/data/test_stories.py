"""The corpus `stories`: the same text everywhere, well-formed prose, honest probes."""

import hashlib
import math
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from runnel.data import stories as corpus
from runnel.data.stories import Story, attempt, compose, stories, story, write
from runnel.data.stories.chance import Chooser, Dice
from runnel.data.stories.phrases import CLASSES
from runnel.data.stories.plots import PLOTS
from runnel.data.stories.synonyms import vary
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import EVENTS, Event, count_forms, event, parse
from runnel.data.stories.world import World

FIRST_HUNDRED = "ffb2f0c9173c99f66900530e6b866a61e958769c9f7d1970ac478a051109bb48"
MANY = 2_000
WORD = re.compile(r"[a-z]+(?:'[a-rt-z]+)?")


class CountingDice(Chooser):
    """A chooser that adds up the nats of its choices."""

    def __init__(self, seed: int, index: int) -> None:
        self._dice = Dice(seed, index)
        self.nats = 0.0

    def below(self, n: int) -> int:
        """Choose as Dice does."""
        self.nats += math.log(n)
        return self._dice.below(n)


def digest(tales: Iterator[Story]) -> str:
    """Return a hash over everything that the tales say."""
    sha = hashlib.sha256()
    for tale in tales:
        sha.update(repr(tale).encode())
    return sha.hexdigest()


@pytest.fixture(scope="module")
def tales() -> list[Story]:
    """The first stories of seed 1: about 2.3 MB."""
    return list(islice(stories(1), MANY))


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, possessives without their ending."""
    return WORD.findall(text.lower())


def test_first_hundred_never_change() -> None:
    assert digest(islice(stories(0), 100)) == FIRST_HUNDRED


def test_another_process_with_another_hash_seed_writes_the_same() -> None:
    code = (
        "import hashlib; from itertools import islice; from runnel.data.stories import stories\n"
        "sha = hashlib.sha256()\n"
        "for tale in islice(stories(0), 100): sha.update(repr(tale).encode())\n"
        "print(sha.hexdigest())"
    )
    source = Path(corpus.__file__).parents[3]
    environment = os.environ | {"PYTHONHASHSEED": "4321", "PYTHONPATH": str(source)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == FIRST_HUNDRED


def test_a_story_depends_on_nothing_but_seed_and_index(tales: list[Story]) -> None:
    assert story(1, 57) == tales[57] == next(stories(1, start=57))
    assert story(2, 57) != tales[57]
    with pytest.raises(ValueError, match="index must be 0 or more; got -1"):
        story(1, -1)


def test_write_stops_at_the_first_story_that_fills_the_size(tales: list[Story]) -> None:
    texts = write(0.05, seed=1)
    size = sum(map(len, texts))
    assert texts == [tale.text for tale in tales[: len(texts)]]
    assert size >= 50_000 > size - len(texts[-1])
    assert write(0) == []


def test_speed_allows_twenty_megabytes_in_a_minute() -> None:
    start = time.process_time()
    size = sum(len(story(3, index).text) for index in range(300))
    assert (time.process_time() - start) / size < 60 / 20e6 * 2


def test_lengths_and_paragraphs(tales: list[Story]) -> None:
    for tale in tales:
        assert 80 <= len(tale.text.split()) <= 250
        paragraphs = tale.text.split("\n")
        assert 2 <= len(paragraphs) <= 5
        assert all(len(paragraph.split()) >= 5 for paragraph in paragraphs)


FLAWS = {
    "not plain": r"[^A-Za-z0-9 \n.,;:!?'\"-]",
    "unfilled slot": r"[{}<>\[\]|\x01]",
    "double space": r"  | \n|\n |^ | $",
    "space before a mark": r" [.,;:!?]",
    "article": r"\b[Aa] [aeiou]|\b[Aa]n (?!hour)[^aeiou]",
    "doubled word": r"\b(?!had\b|that\b)(\w+) \1\b|\b(?:[Tt]he|an?) (?:the|an?)\b",
    "small letter at the start": r'(?:^|\n|[.!?] |\." )"?[a-z]',
    "marks in a row": r"[.,;:!?]{2}",
    "no full stop at the end": r'[^.!?"]$|[^.!?"]\n|[^.!?]"\n|[^.!?]"$',
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_no_flaw_in_print(tales: list[Story], flaw: str) -> None:
    pattern = re.compile(FLAWS[flaw])
    for index, tale in enumerate(tales):
        found = pattern.search(tale.text) or pattern.search(tale.title + ".")
        assert not found, (
            f"story {index}: {tale.text[max(0, found.start() - 40) : found.end() + 20]!r}"
        )


def test_quotes_are_closed_in_every_paragraph(tales: list[Story]) -> None:
    for tale in tales:
        for paragraph in tale.text.split("\n"):
            assert paragraph.count('"') % 2 == 0, paragraph
            assert not re.search(r'"[^"]*[a-z]" [a-z]+ed\b', paragraph), paragraph


def test_vocabulary(tales: list[Story]) -> None:
    vocabulary = Counter(word for tale in tales for word in words(tale.text))
    assert 1400 <= len(vocabulary) <= 1700


def test_no_two_stories_are_the_same(tales: list[Story]) -> None:
    assert len({tale.text for tale in tales}) == MANY
    assert len({tale.text[-200:] for tale in tales}) > 0.99 * MANY


@pytest.mark.slow
def test_ten_thousand_stories_differ_and_hold_the_vocabulary() -> None:
    texts = write(12)
    assert len(texts) > 10_000
    assert len(set(texts)) == len(texts)
    assert 1400 <= len({word for text in texts for word in words(text)}) <= 1700


def test_no_long_sentence_is_worn_out(tales: list[Story]) -> None:
    sentences = Counter(
        sentence for tale in tales for sentence in re.split(r'(?<=[.!?])"?[ \n]', tale.text)
    )
    total = sum(sentences.values())
    for sentence, count in sentences.most_common(500):
        assert len(sentence.split()) <= 12 or count <= 0.01 * total, sentence


def test_every_plot_occurs_in_equal_measure() -> None:
    plots = Counter(Dice(1, index).pick(tuple(PLOTS)) for index in range(2000))
    assert len(PLOTS) >= 16
    assert set(plots) == set(PLOTS)
    assert min(plots.values()) > 0.6 * 2000 / len(PLOTS)


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_told_in_ten_ways(name: str) -> None:
    def phrase_size(phrase: str) -> int:
        phrase = "glad" if phrase == "feeling" else phrase
        return sum(count_forms(form, phrase_size) for form in CLASSES[phrase])

    assert sum(count_forms(way, phrase_size) for way in EVENTS[name].ways) >= 10


@pytest.mark.parametrize("plot", PLOTS)
def test_probes(plot: str) -> None:
    for index in range(60):
        tale = compose(Dice(5, index), plot)
        assert len(tale.probes) >= 3
        assert len({probe.kind for probe in tale.probes}) >= 2
        for probe in tale.probes:
            assert tale.text.startswith(probe.before + probe.answer)
            after = tale.text[len(probe.before) + len(probe.answer) :]
            assert not after[0].isalpha()
            assert probe.before[-1] in ' "\n'
            mentions = list(re.finditer(rf"\b{probe.answer}\b", probe.before))
            assert mentions, "the answer must have been told"
            gap = re.sub(r"^\S+", "", probe.before[mentions[-1].end() :])
            assert probe.distance == len(gap.split()) >= 5
            wrong = probe.alternatives
            assert len(wrong) == len(set(wrong)) >= 3
            assert probe.answer not in wrong
            assert not any(tale.text.startswith(probe.before + word) for word in wrong)
            assert not any(probe.answer.startswith(word) for word in wrong)


def test_probes_reach_far_and_near(tales: list[Story]) -> None:
    distances = sorted(probe.distance for tale in tales for probe in tale.probes)
    assert distances[0] >= 5
    assert distances[len(distances) // 10] < 30
    assert distances[len(distances) * 2 // 3] > 100
    kinds = Counter(probe.kind for tale in tales for probe in tale.probes)
    assert {"name", "color", "promise", "place", "thing", "food", "number", "word"} <= set(kinds)


def test_wrong_words_come_from_the_story_first(tales: list[Story]) -> None:
    color_probes = [probe for tale in tales for probe in tale.probes if probe.kind == "color"]
    told = sum(
        any(word in words(probe.before) for word in probe.alternatives) for probe in color_probes
    )
    assert told > 0.3 * len(color_probes)


def test_entropy_is_within_the_budget() -> None:
    nats = size = 0.0
    for plot in PLOTS:
        for index in range(40):
            dice = CountingDice(7, index)
            tale = attempt(dice, plot)
            if tale is not None:
                nats += dice.nats
                size += len(tale.text)
    assert 0.09 < nats / size < 0.22


def test_pronouns_keep_one_he_and_one_she(tales: list[Story]) -> None:
    for index in range(200):
        telling = Telling(Dice(9, index))
        hero = telling.world.hero()
        friend, elder = telling.world.friend(hero), telling.world.elder(hero)
        assert hero.forms["he"] != friend.forms["he"] == elder.forms["he"]
        assert str(hero) != str(friend)


def test_a_friend_must_be_introduced() -> None:
    telling = Telling(Dice(0, 0))
    hero = telling.world.hero()
    telling.add(hero=hero, friend=telling.world.friend(hero))
    with pytest.raises(AssertionError, match="must be introduced before being named"):
        telling.render("{friend}")
    assert telling.render("{friend.intro} {~friend}")


def test_the_world_refuses_what_cannot_be() -> None:
    world = World(Dice(0, 0), "town")
    hero = world.hero()
    friend = world.friend(hero)
    toy = world.thing(("kite",), hero)
    with pytest.raises(AssertionError, match="must hold the kite to give it"):
        world.give(toy, friend, hero)
    with pytest.raises(AssertionError, match="must have a reason to feel sad"):
        world.feel(hero, "sad")
    with pytest.raises(AssertionError, match="must lie free to be taken"):
        world.take(toy, friend)
    world.lose(toy)
    world.feel(hero, "sad")
    promise = world.promise(hero, friend, toy)
    assert world.loose_ends() == ["the kite is lost", f"{hero} promised kite"]
    world.take(toy, hero)
    with pytest.raises(AssertionError, match="the kite must be handed over"):
        world.keep(promise)
    world.give(toy, hero, friend)
    world.keep(promise)
    assert world.loose_ends() == []


def test_a_plot_may_leave_no_loose_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(telling: Telling) -> str:
        hero = telling.world.hero()
        telling.world.lose(telling.world.thing(("kite",), hero))
        return "Careless"

    monkeypatch.setitem(PLOTS, "careless", careless)
    with pytest.raises(AssertionError, match=r"careless ends while \['the kite is lost'\]"):
        attempt(Dice(0, 0), "careless")


def test_a_plot_that_never_fits_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def mute(telling: Telling) -> str:
        telling.tell(Event("silence", (parse("Nothing happened."),)))
        return "Mute"

    monkeypatch.setitem(PLOTS, "mute", mute)
    with pytest.raises(RuntimeError, match="mute came out too long or asked too little 100 times"):
        compose(Dice(0, 0), "mute")


@pytest.mark.parametrize("plot", PLOTS)
def test_most_tellings_fit(plot: str) -> None:
    assert sum(attempt(Dice(6, index), plot) is not None for index in range(50)) > 20


@pytest.mark.parametrize(
    ("text", "message"),
    [("[a|b", "brackets must match"), ("a]", "brackets must match"), ("{hero his}", "a slot must")],
)
def test_templates_are_checked(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_event_names_differ() -> None:
    with pytest.raises(ValueError, match="event names must differ"):
        event(next(iter(EVENTS)), "- Again.")


def test_synonyms_know_who_speaks() -> None:
    assert vary('Nobody did not see. "It is nobody. There it is," said {nobody}.') == (
        "[Nobody|No one] [did not|didn't] see. "
        '"[It is|It\'s] [nobody|no one]. There it is," said {nobody}.'
    )
