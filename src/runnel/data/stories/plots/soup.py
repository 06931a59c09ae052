"""The soup: everybody brings one thing, and nobody could have made it alone."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

HUNGRY = event(
    "soup: nothing to eat",
    """
- It had been a [long|hard|bad] winter, and <one_morning> the [cupboard|cellar|pantry] was empty.
  [There was only|{~Hero} found only|All {~hero} had was] {food1.a} [and a pot of water|and some
  salt].
- <one_morning>, {~hero} looked into the [cupboard|cellar|pantry] and saw [nothing but|only]
  {food1.a} and <junk>.
- <one_morning>, {~hero} was so hungry that {his} [belly|stomach] [growled like a bear|sang
  songs|barked]. But there was [nothing|little] in the house but {food1.a}.
""",
)

POT = event(
    "soup: the pot",
    """
- "One {food1} [does not make|is not] a soup," said {hero} <sadly>, but {he} [lit|made] a fire
  [all the same|outside] and hung up the [big|biggest] pot.
- {He} [thought|thought hard] for a moment. Then {he} [carried|dragged] the big pot [outside|to
  the square|to the old oak], made a fire under it and [threw|dropped] in the {food1}.
- "[A small soup is better than none|Hot water is better than nothing]," said {hero}. {He} put the
  {food1} into the [big| biggest] pot and [stirred|blew on the fire].
""",
)

COMES = event(
    "soup: the friend comes",
    """
- <soon> {friend.intro} came by, [cold|wet|thin|tired] and hungry. "What is in the pot?" "Soup,"
  said {hero}. "But it needs [something|more|a friend]." "I have {food2.a}," said {friend}[. "It
  is all I have"|].
- {Friend.intro} was <chore> and [smelled|saw] the smoke. "May I have [some|a bowl]?" {friend.he}
  asked, and [brought|gave {him}|ran home for] {food2.a}.
- <then> {friend.intro} looked [over the fence|around the corner|out from behind <junk>]. "I have
  only {food2.a}," said {friend}, "and [no pot|no fire|nobody to eat with]." "[Put|Throw] it in,"
  said {hero}.
""",
)

ELDER = event(
    "soup: the elder comes",
    """
- Then came {elder}, who [could not see well but smelled everything|had walked all day|never said
  much], with {food3.a} [in a basket|under one arm|on a string]. In it went.
- {Elder} had been <chore>. "I was going to eat this alone," said {elder}, and [held up|showed
  them] {food3.a}, "but [that is no fun]."
- "[Make room|Wait for me]!" <cried> {elder}, and [added|dropped in] {food3.a}, [some pepper|a
  leaf of mint] and a [joke|long story] about <topic>.
""",
)

COOK = event(
    "soup: it cooks",
    """
- The soup [hummed] and smelled of [summer|home|pepper and smoke|better days]. They [stirred
  it|waited] [in turns|together] and talked about <topic>.
- They stirred with [a broom], and while it cooked, they played <game>[ to keep warm|].
- [A cloud] rose from the pot, and <weather_sound>. "[Not yet|Soon]," said {hero}. "[Now|Yes],"
  said {hero} [at last| after an hour].
""",
)

EAT = event(
    "soup: they eat",
    """
- [Everybody|Each of them] [had|ate] [two|three|four] bowls. It was the best soup [ever|in the
  world|of the year], and {hero} was <feeling>.
- They ate until the [spoons|pots] [shone|were dry] and [nobody|no one] could [move|say a word].
  {Hero} was <feeling>.
- It was [hot|thick] and <nice>, and {hero} was <feeling>, for there is nothing so good as soup
  with [friends|company].
""",
)

WHO = event(
    "soup: who did it",
    """
- "It was my {!food2}," said {friend}. "No, it was my {!food3}," said {elder}. "[And the pot was
  mine|And my fire]," said {hero}, and they <smiled>.
- "Without the {!food2} of {friend}, it would have been [thin|nothing but water|sad]," said
  {hero}. "And without {!food3} and salt, [thinner|even worse]," said {elder}.
- "Who brought the {!food2}?" asked {elder}. "I did," said {friend}. "And who brought the
  {!food3}?" "[You did|That was you]!" they <cried>.
""",
)

END = event(
    "soup: the end",
    """
- <ever_after>, they cooked together [every week|every Sunday|when the moon was full], and the
  first thing in the pot was always a {!food1}[, and the last was a song|, and then <snack>|].
- And to think that it all [began|started] with [one|a single] {!food1}!
- When [spring|summer] came, {hero} [planted|dug] a garden, and {!friend} [watered it|sang to
  it|kept <beast> out of it].
- "[Tomorrow|Next time], bring [bread|spoons|<snack>]," said {hero} to {!friend}, "and [come
  early|I will bring the {food1}]."
""",
)


def plot(t: Telling) -> str:
    """Cook a soup out of what three of them have."""
    w = t.world
    hero = introduce(t)
    friend, elder = w.friend(hero), w.elder(hero)
    foods = [w.thing(words.VEGETABLES, None, "food", color=False) for _ in range(3)]
    for food, owner in zip(foods, (hero, friend, elder), strict=True):
        w.own(food, owner)
    t.add(friend=friend, elder=elder, food1=foods[0], food2=foods[1], food3=foods[2])
    weather(t, "cool", "windy", "cloudy")
    t.tell(HUNGRY)
    t.tell(POT)
    t.paragraph()
    t.tell(COMES)
    w.give(foods[1], friend, hero)
    watch(t)
    t.tell(ELDER)
    w.give(foods[2], elder, hero)
    t.tell(COOK)
    t.paragraph()
    w.feel(hero, "glad")
    t.tell(EAT)
    t.tell(WHO)
    t.tell(END)
    close(t)
    return t.chooser.pick(("The soup of three", "{hero} cooks a soup"))
