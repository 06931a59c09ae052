"""The quarrel: two friends, one thing, and a silence that neither likes."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

FIND = event(
    "quarrel: the find",
    """
- <one_morning>, {~hero} and {friend.intro} found {toy.a} [in a ditch|on the beach|under <junk>|on
  the road|between <junk> and <junk>]. It was nobody's.
- <one_morning>, {~hero} and {friend.intro} were given {toy.a} for [helping {elder}|<chore>|a song
  about <topic>]. There was only one.
- {~Hero} and {friend.intro} were best friends. <one_morning> the river brought [<junk>
  and|<junk>, <junk> and] {toy.a}.
""",
)

MINE = event(
    "quarrel: mine",
    """
- "[It is mine|Mine]," said {hero}. "I [saw|touched] it first." "No, mine," said {friend}. "I
  [saw|need] it more, and you [have|already have] <junk>."
- "You can have <junk> for it," said {hero}. "I want [both|that one]," said {friend}. "[You always
  win|You never share|You still have my <thing>]!"
- "I will keep it [safe|at my house|next to <junk>]," said {friend}. "You [lose|break]
  everything!" said {hero}. "[You lost|You broke] my <thing>!"
""",
)

PULL = event(
    "quarrel: pulling",
    """
- {Hero} pulled on one [side|end], {friend} pulled on the other, and they both shouted about
  [old|other] things, such as <snack> and <junk>.
- They [pulled|pushed] and [shouted] until <beast> [ran away|stopped to look], and [a
  window|somewhere a window] was shut.
- They pulled until [it cracked|it slipped away], and both sat down hard [in the mud|in a
  puddle|on the stones].
""",
)

PART = event(
    "quarrel: the parting",
    """
- "[I never want to see you again]!" <cried> {friend}. "[Good|Fine|Keep it]!" <cried> {hero}. And
  they went home on two sides of the [road|river].
- {Hero} [dropped|let go of] it. "[Keep it|Take it], then," {he} said, "and [never come back|do
  not ever come to my house]." {Friend} went, without looking back.
- They hid the {toy} {spot}, so that neither had it, and [went home|walked away] [without a
  word|on two sides of the road].
""",
)

QUIET = event(
    "quarrel: the silence",
    """
- {Hero} felt <feeling>. Playing <game> is no fun alone, and neither is <snack>. [At night|In the
  evening] {he} thought of {friend}.
- The next day was [long|very long]. {Hero} felt <feeling>. {He} talked to {parent} about <topic>,
  but {parent} only [said "Hm."|nodded].
- {Hero} felt <feeling>. {He} [told a joke|said "Good morning"] to <beast>, and it did not laugh.
""",
)

WISE = event(
    "quarrel: a wise word",
    """
- "What is heavier, a {toy} or a friend?" asked {elder}, <chore>. {Hero} thought about it [all the
  way home|for an hour].
- {Elder} was <chore>. "I once had a friend and half a [boat|pear|cake|bed]," said {elder}. "[Now|
  Today] I have only the half."
- "It is easy to hold on," said {elder}, who was <chore>. "[Only the strong can let go]."
""",
)

BOTH = event(
    "quarrel: two ideas",
    """
- So {hero} [took <snack>|washed {his} ears] and <walked> to {friend}. Halfway, {he} met
  {!friend}, who was coming to {him} with the {toy.color} {toy}[ and <snack>|].
- In the morning {hero} opened the door to go to {friend}. On the step lay the {toy}, and behind
  it stood {!friend}[ with <snack>| and <beast>|].
- {Hero} drew a picture of [<junk>|<beast>|two friends] and took it to {friend}. In front of the
  door {he} met {!friend}, who had drawn [one as well|<beast>|<junk>].
""",
)

SORRY = event(
    "quarrel: sorry",
    """
- "You take it," said {friend}. "No, you," said {hero}. They looked at each other, and then they
  laughed until [they fell over|they cried|<beast> ran away].
- "I was mean," said {hero}. "I was [worse|mean first]," said {friend}. And they shared <snack>.
- Nobody said "sorry", because they both said it at once. {Hero} felt <glad>, and {friend}
  <dance>.
""",
)

END = event(
    "quarrel: the end",
    """
- And the {!toy.color} {toy}? It [lived|stayed] with {hero} in the summer and with {!friend} in
  the winter[, next to <junk>|].
- They gave the {!toy.color} {toy} to [a child|{elder}|<beast>] who had never had one, and went
  off to play <game>.
- <ever_after>, when they quarreled, one of them only had to say "{!toy.color} {toy}", and they
  [laughed|had to laugh|shared <snack>].
""",
)


def plot(t: Telling) -> str:
    """Quarrel over a find, miss each other, and make peace."""
    w = t.world
    hero = introduce(t)
    friend, elder = w.friend(hero), w.elder(hero)
    toy = w.thing(words.TOYS)
    t.add(friend=friend, elder=elder, toy=toy, spot=w.spot(words.OUTDOORS))
    weather(t)
    t.tell(FIND)
    t.tell(MINE)
    t.paragraph()
    t.maybe(PULL)
    watch(t)
    t.tell(PART)
    w.happen(hero, friend)
    w.feel(hero, "lonely")
    t.paragraph()
    t.tell(QUIET)
    t.maybe(WISE)
    t.paragraph()
    t.tell(BOTH)
    t.tell(SORRY)
    t.tell(END)
    close(t)
    return t.chooser.pick(("The quarrel", "One {toy} for two"))
