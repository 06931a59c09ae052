"""Lost in the fog: marks of the right color lead home, marks of another do not."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

MARK = event(
    "fog: the marks",
    """
- Before {~hero} went into the [forest|hills] for the first time, {parent} said, "I have [tied|hung] {color} {marks} along the path. [Follow|Trust] them, and you will
  come home."
- Every autumn {parent} tied {color} {marks} to the trees, [from the well to the old bridge|from hill to hill]. "[Follow them|If you are lost, follow
  them]," {parent} [always|] said.
- "[See|Remember] the {color} {marks} on the trees," said {parent}. "I put them there [for you|when I was young]. They lead home."
""",
)

OTHER = event(
    "fog: the other marks",
    """
- "The {bad} ones were put up by [hunters]," {parent.he} added. "They lead to [the swamp|nowhere]."
- "But [mind|watch out for] the {bad} ones," {parent.he} [added|said]. "They lead [to the swamp|to the bear]."
- "There are {bad} ones [as well|too], and they lead [to the swamp|around in circles]. [Leave them alone|Never follow them]."
""",
)

GO = event(
    "fog: the way out",
    """
- <one_morning>, {~hero} <walked> out to look for [mushrooms|blackberries]. {He} saw <beast> and <chased>, {he} found <junk>, and so {he} went [
  on and on] into the trees.
- <one_morning>, {~hero} took a basket and <snack> and <walked> out to pick [mushrooms|blackberries]. There was always [a better one|one more] a little farther on.
- <one_morning>, {~hero} <ran> after <chased>, past the [last fence|old bridge] and [over a stream], and saw too late where {he} was.
""",
)

FOG = event(
    "fog: the fog",
    """
- Then the fog came, [as thick as porridge|like a wall|on soft feet]. The trees [disappeared|were gone], and so did the path. {Hero} felt <feeling>.
- Fog [rose|crept] out of the ground. {Hero} could not see {his} own {hero.feet}, and {he} felt <feeling>. Somewhere [a branch cracked|an owl called].
- Soon there was nothing but fog. "[Hello|Is anyone there]?" {he} <cried>. "[Hello|There]," said the fog. {Hero} felt <feeling>.
""",
)

MEET = event(
    "fog: somebody else is lost",
    """
- [Something|Somebody] sniffed. It was {friend.intro}, who sat on a stump with <snack> and was lost as well. "[We shall have to live here|Now we are two]," said {friend}.
- Then {he} bumped into {friend.intro}. "[Do you know the way|Are you a ghost]?" they both asked. [Nobody laughed|Neither of them did].
- {Friend.intro} came out of the fog, [as wet as a fish|calling for help]. "[I have walked in a circle|I passed this stone three times]," {friend.he} said.
""",
)

SEE = event(
    "fog: a mark is seen",
    """
- "Look, {marks}!" <cried> {friend}, and [pointed|ran] to the left. {Hero} [rubbed {his} eyes]. These were {bad}. "[Stop|No]," {he} said. "Ours are {!color}."
- On a branch hung something {bad}. "[A mark]!" said {friend}. "[Wait|Not that one]," said {hero}. "That leads [to the swamp|nowhere]. We need {!color}."
- They found {marks}, but they were {bad}. {friend} wanted to follow them. "[Not those|Never]," said {hero}. "The ones that lead home are {!color}."
""",
)

FOLLOW = event(
    "fog: following",
    """
- They <looked> [under wet leaves|from tree to tree] until they found one that was {!color}. Then they found [the next|a second one], and [{hero} took|they held] hands, and so they went [from
  mark to mark|step by step].
- On {hero.hands} and knees they [searched], and there, on a [crooked pine], hung a {!color} one. {friend} <dance>. From one to the next they [walked|went], [singing|talking about
  <topic>] [to keep warm].
- [At last|After an hour] something {!color} shone through the fog. And [behind it|twenty steps on] shone another. They [counted|kissed] every one of them.
""",
)

HOME = event(
    "fog: home",
    """
- <soon> they came to the last {!color} one and saw the light of the house. {Parent} stood at the door with a lantern and [hugged|squeezed] them both. There was <snack>, and {hero} felt <calm>.
- The last {!color} one hung on {his} own [gate|fence]. {Parent} [dried|rubbed] their ears and gave them <snack>. {Hero} felt <calm>.
- Then a dog barked, and {parent} called the names of {hero} and {!friend}. {Hero} felt <calm>. "[I knew you would come|You remembered]," said {parent}.
""",
)

END = event(
    "fog: the end",
    """
- "Alone, I would have followed the {bad} ones," said {!friend} when they were home. "[But you were not alone|And I would have sat down and cried]," said {hero}.
- And when {hero} was [old] and had a [small one|child] of {his} own, {he} went out and hung {!color} {marks} on the trees.
- The next day {hero} and {!friend} [went|ran] out and hung up [more] {marks}, {!color} ones, so that [nobody|no one] would [ever|] be lost there again.
""",
)


def plot(t: Telling) -> str:
    """Be lost in the fog with somebody, and follow marks of the right color home."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    color = w.word(tuple(color for color in words.COLORS if color != "gray"), "color")
    color.forms["a"] = f"a {color}"
    t.add(friend=friend, color=color, bad=w.word(words.COLORS, "color"))
    t.add(marks=w.phrase(w.fresh(words.MARKS)))
    weather(t, "cool", "cloudy")
    t.tell(MARK)
    t.tell(OTHER)
    promise = w.promise(t.who("parent"), hero, "that the marks lead home")
    t.paragraph()
    t.tell(GO)
    w.happen(hero)
    w.feel(hero, "afraid")
    t.tell(FOG)
    watch(t)
    t.paragraph()
    t.tell(MEET)
    t.tell(SEE)
    t.tell(FOLLOW)
    w.keep(promise)
    t.paragraph()
    t.tell(t.chooser.pick((HOME, END)))
    close(t)
    return t.chooser.pick(("The {color} {marks}", "{hero} in the fog"))
