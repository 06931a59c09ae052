"""The race: the prize goes to the one who stopped."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

NEWS = event(
    "race: the prize",
    """
- <one_morning>, {elder} hung up a sign: "Great race on Sunday, [from the mill to the bridge|three
  times around the pond|up the hill and back|from <junk> to <junk>]! The winner gets {prize.a}."
- Every [summer|year|spring] there was a big race, and this time the prize was {prize.a}. {Elder}
  had made it out of [<junk>|old hats|stars and moonlight|<junk> and <junk>].
- "Whoever wins the race on Sunday," said {elder}, <chore>, "shall have {prize.a}." Everybody
  looked at it, for it was a <nice> thing.
""",
)

WANT = event(
    "race: the wish",
    """
- {~Hero} [wanted] it more than [anything|<snack>|summer]. {He} [practiced|ran] every
  [morning|evening], [past the hens|up the stairs|around the well], until {his} {hero.feet} [were
  hot].
- {~Hero} could think of nothing else. {He} ran to [breakfast|bed|the well], {he} ran [in the
  rain], and {he} [even|] ran in {his} sleep.
- "It will [look good] [on my wall|over my bed]," said {hero}, and {he} trained [by chasing|by
  running after] [bees|clouds|leaves|hens].
""",
)

BOAST = event(
    "race: the rival",
    """
- But {friend.intro} was fast, too. "[You will see|All you will see is] my [back]," said {friend}
  and [laughed|stuck out {friend.his} tongue|yawned].
- "[Save your breath]," said {friend.intro}. "I am as fast as [the wind|a hare]."
- {Friend.intro} only laughed. "You? You could not [catch a snail|win against <junk>]."
""",
)

START = event(
    "race: the start",
    """
- On Sunday [everybody came|the whole village came|they all stood in a row]. "[Ready|One, two],
  [three], go!" <cried> {elder}, and [off they went|they <ran> off].
- Then came the day. {Elder} [dropped a hat], and they <ran> off in a [cloud of dust].
- On Sunday {elder} [waved a flag|clapped twice], and [twenty|forty|a hundred] [feet]
  [drummed|thundered] on the [road|path].
""",
)

AHEAD = event(
    "race: ahead",
    """
- {Friend} was ahead, but at the [bridge|mill|big oak|barn], {hero} [caught up|passed
  {friend.him}]. {He} could already [see|smell] the end.
- {Hero} ran as {he} had never run before. {He} passed <beast>, {he} passed <beast>, and then only
  {friend} was [ahead|in front] of {him}.
- Side by side, {hero} and {friend} came around the [last|big] bend, [red|hot] in the face, past
  <beast> and <junk>.
""",
)

FALL = event(
    "race: the fall",
    """
- <then> there was a cry. {Friend} had [stepped into a hole|tripped over a
  [stone|rope|bucket|branch]|slipped in the mud] and lay [in the ditch|by the road], holding
  {friend.his} {friend.foot}.
- <then> {friend} [stumbled|slipped|tripped over <junk>], [rolled over twice|flew through the air]
  and [did not get up|fell into the ditch].
""",
)

CHOOSE = event(
    "race: the choice",
    """
- {Hero} looked at the end of the road. {He} thought of the {!prize.color} {prize}[ and of
  <snack>|]. Then {he} [turned around|stopped] and went back.
- The {!prize.color} {prize} was [so near|only a few steps away|next to {elder}]. {Hero} took
  [one|two|three] more steps, sighed, and turned back.
- "[Run|Go on]!" <cried> [somebody|<beast>]. "The {!prize.color} {prize} is yours!" But {hero}
  [shook {his} head|had already stopped].
""",
)

HELP = event(
    "race: the help",
    """
- {He} put the arm of {friend} around {his} neck, and [step by step|slowly] they came in together,
  [last of all|behind <beast>|after everybody else].
- {He} [pulled|helped] {friend} [up|out], tied <junk_cloth> around {friend.his} {friend.foot}, and
  half carried {friend.him} to the end. They were [the very last|last].
- {He} [sat down|stayed] with {friend}, and they [ate <snack>|talked about <topic>] until
  {friend.he} could [walk|stand]. They came in [last of all|when it was dark].
""",
)

SORRY = event(
    "race: sorry",
    """
- "You could have won," <whispered> {friend}. "[I laughed at you], and you came back." "[Of
  course]," said {hero}.
- "Why did you stop?" asked {friend}. "[Because you fell|It is no fun without you]," said {hero}
  <kindly>.
- {friend} [rubbed|wiped] {friend.his} eyes. "I am sorry that I [laughed]," {friend.he} said.
""",
)

PRIZE = event(
    "race: the prize is given",
    """
- "It is good to be fast," said {elder}, "but a [good|kind] heart is better," and [gave {hero} the
  {!prize}|hung the {!prize} around the neck of {hero}|put the {!prize} in the {hero.hands} of
  {hero}].
- The winner was <beast>, who got [a bag of nuts|<snack>|<junk>]. But {elder} <walked> to {hero}.
  "The {!prize} is for the one who [turned back|stopped]," said {elder}.
- That evening {elder} knocked at the door[ with <snack>|]. "[The winner wants|We all want] you to
  have this," said {elder}, and there was the {!prize}.
""",
)

END = event(
    "race: the end",
    """
- {Hero} was <feeling>. {He} [kept] it one day, and {!friend} the next, and they were friends
  [ever after|from then on].
- {Hero} was <feeling>. <ever_after>, {he} and {!friend} ran together, and nobody [counted|asked
  who won].
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
