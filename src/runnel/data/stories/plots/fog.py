"""Lost in the fog: marks of the right color lead home, marks of another do not."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

MARK = event(
    "fog: the marks",
    """
- {Parent} had [tied|hung] {color} {marks} along the path[, from the <near> to the <near>| with
  {his} help|]. "[Follow|Trust] them," {parent} [always|often] said, "and you will come home."
- [Every autumn|In spring|Long ago] {parent} had tied {color} {marks} to the trees, from the
  <near> to the <near>. "They lead home," {parent} said.
- "[See|Remember] the {color} {marks} on the trees," said {parent}, who was <chore>. "They lead
  home[ like a string|, always|, even at night|]."
""",
)

OTHER = event(
    "fog: the other marks",
    """
- "The {bad} ones were put up by [pirates|giants|<beast>]," {parent.he} added. "They lead to [the
  swamp|nowhere|a cave]."
- "But [mind|watch out for|never trust] the {bad} ones," {parent.he} [added|said]. "They lead [to
  the swamp|to the bear|around in circles|to <beast>]."
- "There are {bad} ones, too, and they lead [to the swamp|around in circles|to the giants]. [Leave
  them alone|Never follow them]," {parent.he} said.
""",
)

GO = event(
    "fog: the way out",
    """
- <one_morning>, {~hero} <walked> out to look for [mushrooms|blackberries]. {He} saw <beast> and
  <chased>, {he} found <junk>, and so {he} went [ on and on] into the trees.
- <one_morning>, {~hero} took a basket and <snack> and <walked> out to pick
  [mushrooms|blackberries]. There was always [a better one|one more] a little farther on.
- <one_morning>, {~hero} <ran> after <chased>, past the [last fence|old bridge] and [over a
  stream], and saw too late where {he} was.
""",
)

FOG = event(
    "fog: the fog",
    """
- Then the fog came, [as thick as porridge|like a wall|on soft feet]. The trees [disappeared|were
  gone], and so did the path. {Hero} felt <feeling>.
- Fog [rose|crept] out of the ground. {Hero} could not see {his} own {hero.feet}, and {he} felt
  <feeling>. Somewhere [a branch cracked|an owl called].
- Soon there was nothing but fog. "[Hello|Is anyone there]?" {he} <cried>. "[Hello|There]," said
  the fog. {Hero} felt <feeling>.
""",
)

MEET = event(
    "fog: somebody else is lost",
    """
- Somebody sniffed. It was {friend.intro}, who sat on [a stump|a stone] with <snack> and <junk>
  and was lost as well. "[We shall have to live here|Now we are two|I want to go home]," said
  {friend}.
- Then {he} bumped into {friend.intro}, who [held|had found] <junk>. "[Do you know the way|Are you
  a ghost|Are you lost as well]?" they both asked.
- {Friend.intro} came out of the fog, [as wet as a fish|holding <junk>|calling for help]. "I have
  passed this [stone|tree|<thing>] [three|four|five|seven] times," {friend.he} said.
""",
)

SEE = event(
    "fog: a mark is seen",
    """
- "Look, {marks}!" <cried> {friend}. {Hero} looked closer. These were {bad}. "[Stop|No|Not
  those]," {he} said. "Ours are {!color}."
- On a branch hung something {bad}[, beside <junk>|]. "[A mark|There]!" said {friend}. "[Wait|Not
  that one|No]," said {hero}. "We need {!color}."
- Behind <junk> they found {marks}, but they were {bad}. "[Not those|Never those]," said {hero}.
  "The ones that lead home are {!color}."
""",
)

FOLLOW = event(
    "fog: following",
    """
- They <looked> [under wet leaves|from tree to tree|behind every stone] until they found one that
  was {!color}. Then they found [the next|a second one|three more], and so they went, [hand in
  hand|step by step|past <junk>|past <beast>].
- <at_last>, on a [wet branch|fence|dead tree|pine], hung something {!color}. {friend} <dance>.
  From one to the next they [walked|went|ran], [singing|talking about <topic>].
- After an hour something {!color} shone through the fog, and [behind it|twenty steps on|next to
  <junk>] another. They [counted|kissed|greeted] every one of them.
""",
)

HOME = event(
    "fog: home",
    """
- <soon> they came to the last {!color} one and saw the light of the house. {Parent} stood at the
  door with a lantern and [hugged|squeezed] them both. There was <snack>, and {hero} felt <calm>.
- The last {!color} one hung on {his} own [gate|fence]. {Parent} [dried|rubbed] their ears and
  gave them <snack>. {Hero} felt <calm>.
- Then a dog barked, and {parent} called the names of {hero} and {!friend}. {Hero} felt <calm>.
  "[I knew you would come|You remembered]," said {parent}.
""",
)

END = event(
    "fog: the end",
    """
- "Alone, I would have followed the {bad} ones," said {!friend} at home, over <snack>. "[But you
  were not alone|And I would have sat down and cried]," said {hero}.
- And when {hero} was old and had a [small one|child] of {his} own, {he} hung {!color} {marks} on
  the trees, from the <near> to the <near>.
- The next day {hero} and {!friend} [went|ran] out with <snack> and hung up [ten|twenty|more]
  {marks}, {!color} ones, so that nobody would be lost there again.
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
