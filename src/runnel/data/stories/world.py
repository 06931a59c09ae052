"""The world of a story: who is in it, what each one holds, hid, lost, promised and feels.

Plots change the world before they tell of it, and the world refuses what cannot be: giving away what one
does not hold, finding what was not lost, feeling something for no reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from runnel.data.stories import words
from runnel.data.stories.chance import Chooser

Forms = dict[str, str]


@final
@dataclass(eq=False)
class Character:
    """Somebody. `forms` are the words for her, `pools` the words that would be wrong for each form."""

    forms: Forms
    pools: dict[str, tuple[str, Sequence[str]]] = field(default_factory=dict)
    feeling: str = ""
    moved: bool = False

    def __str__(self) -> str:
        return self.forms[""]


@final
@dataclass(eq=False)
class Thing:
    """Something that can be held, hidden, lost, promised."""

    forms: Forms
    pools: dict[str, tuple[str, Sequence[str]]] = field(default_factory=dict)
    owner: Character | None = None
    holder: Character | None = None
    spot: "Spot | None" = None
    lost: bool = False

    def __str__(self) -> str:
        return self.forms[""]


@final
@dataclass(eq=False)
class Spot:
    """Somewhere: a place to go to, or a place where something can be hidden."""

    forms: Forms
    pools: dict[str, tuple[str, Sequence[str]]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.forms[""]


@final
@dataclass(eq=False)
class Promise:
    """What one character told another to do or to bring."""

    giver: Character
    receiver: Character
    what: Thing | str
    kept: bool = False


@final
class World:
    """One small world. Its milieu is "town" (children) or "wood" (young animals)."""

    def __init__(self, chooser: Chooser, milieu: str | None = None) -> None:
        self.chooser = chooser
        self.milieu = milieu or chooser.pick(("town", "wood"))
        self.promises: list[Promise] = []
        self.things: list[Thing] = []
        self.used: set[str] = set()

    def fresh(self, table: Sequence[str]) -> str:
        """Return a word of the table that this story has not used yet."""
        rest = [word for word in table if word not in self.used]
        word = self.chooser.favor(rest, 4)
        self.used.add(word)
        return word

    def hero(self) -> Character:
        """Return a child or a young animal."""
        return self._young(self.chooser.pick(("he", "she")), None)

    def friend(self, of: Character) -> Character:
        """Return another young one, whose pronoun differs, so that "he" and "she" are clear."""
        return self._young("she" if of.forms["he"] == "he" else "he", of)

    def _young(self, pronoun: str, friend_of: Character | None) -> Character:
        names = words.NAMES[self.milieu, pronoun]
        name = self.fresh(names)
        if self.milieu == "town":
            kind = "boy" if pronoun == "he" else "girl"
            intros = words.TOWN_INTROS
        else:
            kind = self.fresh(tuple(words.ANIMALS))
            intros = words.WOOD_INTROS
        forms = {"": name, "kind": kind, **words.PRONOUNS[pronoun], **words.BODY[self.milieu]}
        if self.milieu == "wood":
            forms["den"] = words.ANIMALS[kind]
        if friend_of is not None:
            his = friend_of.forms["his"]
            forms["intro"] = self.chooser.pick(intros).format(name=name, kind=kind, his=his)
            forms["full"] = name if self.milieu == "town" else f"{name} the {kind}"
        return Character(forms, {"": ("name", names), "kind": ("animal", tuple(words.ANIMALS))})

    def elder(self, other_than: Character) -> Character:
        """Return somebody old and wise, whose pronoun differs from the given character's."""
        pronoun = "she" if other_than.forms["he"] == "he" else "he"
        table = words.ELDERS[self.milieu]
        ref = self.fresh(tuple(table))
        forms = {"": ref, "at": table[ref], **words.PRONOUNS[pronoun]}
        return Character(forms)

    def parent(self, of: Character) -> Character:
        """Return somebody of the character's family."""
        role = self.fresh(words.PARENTS)
        forms = {"": f"{of.forms['his']} {role}", "role": role}
        forms |= words.PRONOUNS["he" if role in words.MEN else "she"]
        return Character(forms)

    def thing(
        self,
        table: Sequence[str],
        owner: Character | None = None,
        kind: str = "thing",
        color: bool = True,
    ) -> Thing:
        """Return a thing out of the table, held by its owner, with a color of its own or none."""
        noun = self.fresh(table)
        forms = {"": noun, "full": noun, "a": f"a {noun}"}
        thing = Thing(forms, {"": (kind, table)}, owner, owner)
        if color:
            self.paint(thing, self.fresh(words.COLORS))
        self.things.append(thing)
        return thing

    def own(self, thing: Thing, owner: Character) -> None:
        """Make the thing the character's own, and put it into the character's hands."""
        thing.owner = thing.holder = owner

    def twin(self, thing: Thing) -> Thing:
        """Return a thing that is the same but for its color, and nobody's."""
        twin = Thing({"": thing.forms[""]}, dict(thing.pools))
        self.paint(twin, self.fresh(words.COLORS))
        return twin

    def paint(self, thing: Thing, color: str) -> None:
        """Give the thing a color."""
        noun = thing.forms[""]
        thing.forms |= {"color": color, "full": f"{color} {noun}", "a": f"a {color} {noun}"}
        thing.pools["color"] = ("color", words.COLORS)

    def spot(self, table: Sequence[str], kind: str = "place") -> Spot:
        """Return a place out of a table of "preposition the noun" phrases; its `noun` can be probed."""
        free = [phrase for phrase in table if phrase.rsplit(" ", 1)[1] not in self.used]
        start, noun = self.fresh(free).rsplit(" ", 1)
        self.used.add(noun)
        same = tuple(other.rsplit(" ", 1)[1] for other in table if other.rsplit(" ", 1)[0] == start)
        forms = {"": f"{start} {noun}", "noun": noun, "start": start, "the": f"the {noun}"}
        return Spot(forms, {"noun": (kind, same)})

    def word(self, table: Sequence[str], kind: str) -> Spot:
        """Return a single word out of a table, such as a password or a number."""
        return Spot({"": (noun := self.fresh(table)), "noun": noun}, {"": (kind, table)})

    def phrase(self, text: str) -> Spot:
        """Return words that belong to the story's cast but cannot be probed."""
        return Spot({"": text})

    def give(self, thing: Thing, giver: Character, receiver: Character) -> None:
        """Hand a thing over."""
        assert thing.holder is giver, f"{giver} must hold the {thing} to give it"
        thing.holder = receiver
        giver.moved = receiver.moved = True

    def take(self, thing: Thing, taker: Character) -> None:
        """Pick up what lies about or was hidden; what was lost is found."""
        assert thing.holder is None, f"the {thing} must lie free to be taken"
        thing.holder, thing.spot, thing.lost, taker.moved = taker, None, False, True

    def put(self, thing: Thing, spot: Spot) -> None:
        """Put down or hide what one holds."""
        assert thing.holder is not None, f"the {thing} must be held to be put down"
        thing.holder.moved = True
        thing.holder, thing.spot = None, spot

    def lose(self, thing: Thing) -> None:
        """Lose what one holds or has put somewhere; a story may not end before it is found."""
        loser = thing.holder or thing.owner
        assert loser is not None, f"the {thing} must be somebody's to be lost"
        thing.holder, thing.lost, loser.moved = None, True, True

    def promise(self, giver: Character, receiver: Character, what: Thing | str) -> Promise:
        """Promise something; a story may not end before it is kept."""
        giver.moved = receiver.moved = True
        self.promises.append(Promise(giver, receiver, what))
        return self.promises[-1]

    def keep(self, promise: Promise) -> None:
        """Keep a promise; a promised thing must be in the receiver's hands."""
        if isinstance(promise.what, Thing):
            assert promise.what.holder is promise.receiver, (
                f"the {promise.what} must be handed over"
            )
        promise.kept = promise.giver.moved = promise.receiver.moved = True

    def happen(self, *characters: Character) -> None:
        """Note that something befell these characters, which may move their feelings."""
        for character in characters:
            character.moved = True

    def feel(self, character: Character, feeling: str) -> None:
        """Change a feeling; something must have happened to the character since the last change."""
        assert character.moved, f"{character} must have a reason to feel {feeling}"
        assert feeling in words.FEELINGS, f"no words for the feeling {feeling}"
        character.feeling, character.moved = feeling, False

    def loose_ends(self) -> list[str]:
        """Return what a story must not leave open: lost things and promises not kept."""
        lost = [f"the {thing} is lost" for thing in self.things if thing.lost]
        return lost + [f"{p.giver} promised {p.what}" for p in self.promises if not p.kept]
