"""The race: the prize goes to the one who stopped."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

NEWS = event(
    "race: the prize",
    """
- <one_morning>, {elder} [hung up] a [sign|notice]: "Great race on Sunday[, from the mill to the bridge|,
  three times around the pond|, up the hill and back]! The [prize|winner] [is|gets] {prize.a}."
- Every [summer|year|spring] there was a [great|big] race, and this time the prize was {prize.a}. {Elder} had [made] it [with care|by hand|for a month].
- "Whoever wins the race on Sunday," said {elder} <one_morning>, "shall have {prize.a}." Everybody [cheered|looked at
  it], for it was [a <nice>|the most <nice>] thing.
""",
)

WANT = event(
    "race: the wish",
    """
- {~Hero} [wanted] it more than [anything|<snack>|summer]. {He} [practiced|ran] every [morning|evening], [past the
  hens|up the stairs|around the well], until {his} {hero.feet} [were hot].
- {~Hero} could think of nothing else. {He} ran to [breakfast|bed|the well], {he} ran [in the rain], and {he} [even|]
  ran in {his} sleep.
- "It will [look good] [on my wall|over my bed]," said {hero}, and {he} trained [by chasing|by running after] [bees|clouds|leaves|hens].
""",
)

BOAST = event(
    "race: the rival",
    """
- But {friend.intro} was fast, too. "[You will see|All you will see is] my [back]," said {friend} and [laughed|stuck out
  {friend.his} tongue|yawned].
- "[Save your breath]," said {friend.intro}. "I am as fast as [the wind|a hare]."
- {Friend.intro} only laughed. "You? You could not [catch a snail|win against <junk>]."
""",
)

START = event(
    "race: the start",
    """
- On Sunday [everybody came|the whole village came|they all stood in a row]. "[Ready|One, two], [three], go!" <cried> {elder},
  and [off they went|they <ran> off].
- Then came the day. {Elder} [dropped a hat], and they <ran> off in a [cloud of dust].
- On Sunday {elder} [waved a flag|clapped twice], and [twenty|forty|a hundred] [feet] [drummed|thundered] on the
  [road|path].
""",
)

AHEAD = event(
    "race: ahead",
    """
- {Friend} [was|shot] ahead, but at the [bridge|mill|big oak], {hero} [caught up|passed {friend.him}]. {He} could already [see|smell]
  the [end|finish].
- {Hero} ran as {he} had never run before. {He} passed [a fat goose|the twins|a cow], and then only {friend} was
  [ahead|in front] of {him}.
- Side by side, {hero} and {friend} came around the [last|big] bend, [red|hot] in the face, and [nobody|no one] could say who was
  faster.
""",
)

FALL = event(
    "race: the fall",
    """
- <then> there was a cry. {Friend} had [stepped into a hole|tripped over <junk>|slipped in the mud] and lay [in the ditch|by the
  road], holding {friend.his} {friend.foot}.
- <then> {friend} [stumbled|slipped|tripped over <junk>], [rolled over twice|flew through the air] and [did not get up|fell into the
  ditch].
""",
)

CHOOSE = event(
    "race: the choice",
    """
- {Hero} looked at the [finish|line]. {He} thought of the {!prize.color} {prize}. Then {he} [turned around|stopped] and went back.
- The {!prize.color} {prize} was [so near]. {Hero} took [one|two] more steps, [sighed], and turned back.
- "[Run|Go on]!" <cried> somebody. "The {!prize.color} {prize} is yours!" But {hero} [shook {his} head|had already stopped].
""",
)

HELP = event(
    "race: the help",
    """
- {He} [put|laid] the arm of {friend} around {his} neck, and [step by step|slowly] they [came|limped] in together, [last of all|behind
  the geese|after everybody else].
- {He} [pulled|helped] {friend} [up|out], [wrapped|tied] a wet cloth around {friend.his} {friend.foot}, and [carried|half carried] {friend.him}
  to the end. They were [the very last|last].
""",
)

SORRY = event(
    "race: sorry",
    """
- "You could have won," <whispered> {friend}. "[I laughed at you], and you came back." "[Of course]," said {hero}.
- "Why did you stop?" asked {friend}. "[Because you fell|It is no fun without you]," said {hero} <kindly>.
- {friend} [rubbed|wiped] {friend.his} eyes. "I am sorry that I [laughed]," {friend.he} said.
""",
)

PRIZE = event(
    "race: the prize is given",
    """
- {Elder} [looked] at the [winner|first one], [a fat goose|one of the twins], and then at the two of them. "[Fast feet
  are good|It is good to be fast], but a [good|kind] heart is better," said {elder}, and gave {hero} the {!prize}.
- The winner was [a stranger|somebody] [from the next village|with very long legs|nobody knew], who got a [cake|bag of nuts]. But {elder} [came|walked] to
  {hero}. "The {!prize} is for the one who [turned back|stopped]," said {elder}.
- That evening {elder} knocked at the door. "[The winner|We all] [wants|want] you to have this," said {elder}, and there was the {!prize}.
""",
)

END = event(
    "race: the end",
    """
- {Hero} was <feeling>. {He} [kept] it one day, and {!friend} the next, and they were friends
  [ever after|from then on].
- {Hero} was <feeling>. <ever_after>, {he} and {!friend} ran together, and nobody [counted|asked who won].
- {Hero} was <feeling>, and {!friend} cheered [louder than anyone|until {friend.he} was hoarse].
""",
)


def plot(t: Telling) -> str:
    """Give up a race to help a rival, and win more than a race."""
    w = t.world
    hero = introduce(t)
    friend, elder = w.friend(hero), w.elder(hero)
    prize = w.thing(words.PRIZES, elder)
    t.add(friend=friend, elder=elder, prize=prize)
    weather(t)
    t.tell(NEWS)
    t.maybe(WANT)
    t.tell(BOAST)
    t.paragraph()
    t.tell(START)
    t.tell(AHEAD)
    t.tell(FALL)
    w.happen(friend)
    t.tell(CHOOSE)
    watch(t)
    t.paragraph()
    t.tell(HELP)
    t.maybe(SORRY, 1, 3)
    w.give(prize, elder, hero)
    t.tell(PRIZE)
    w.feel(hero, "proud")
    t.tell(END)
    close(t)
    return t.chooser.pick(("The race for the {prize.full}", "{hero} turns back"))
