"""The birthday that everybody seems to have forgotten."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, sky, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

WISH = event(
    "birthday: the wish",
    """
- All [winter|summer|year] {~hero} had wished for {gift.a}. {He} told {friend.intro} of
  nothing else [that week|all day|for weeks], not even of <topic>.
- "If I had {gift.a}," {hero} often told {friend.intro}, "I would [give all my <snack> for it|be
  the happiest {hero.kind} in the world|take it to bed with me]."
- There was one thing that {~hero} wanted more than <snack>, and that was {gift.a}. {Friend.intro}
  knew it, and so did [the moon|<beast>|everybody|{parent}].
- "What do you wish for?" {friend.intro} asked {him} a week before {his} birthday, <chore>.
  "{Gift.a}," {hero} <whispered>.
""",
)

MORNING = event(
    "birthday: the morning",
    """
- At last the birthday came, <a_day>. {Hero} [jumped out of bed|woke up at five|ran down the
  stairs]. But there was no cake, and nobody sang.
- On the morning of {his} birthday, <a_day>, {hero} [sat up|combed {his} hair] and
  [waited|listened]. Nobody [came|sang|knocked].
- {His} birthday was <a_day>. {Hero} [put on a clean shirt|opened the door] and [smiled|looked
  around]. Nobody [smiled back|said a word].
""",
)

PARENT = event(
    "birthday: the family is busy",
    """
- {Parent} was <chore> and only said, "[Eat your porridge|Not now, dear|Mind the step|Shut the
  door, please]."
- "Is today a special day?" {he} asked {parent}. "[It is washing day|Not that I know of|Yes, it is
  Tuesday]," said {parent}, <chore>.
- {Parent} was <chore> and did not even look up.
""",
)

FRIEND = event(
    "birthday: the friend is busy",
    """
- {He} <walked> to {friend}, but {friend} [had no time|hid something behind {friend.his} back|shut
  the door]. "[I have to|I must] finish [a thing]," {friend.he} said.
- {Friend} was <chore>. "[Cannot stop|No time today]," {friend.he} said, and [turned away|hummed].
- {Friend} ran past with [a ladder|a bucket|three lanterns|a sack]. "[Later|Tomorrow]!"
  {friend.he} <cried>.
""",
)

ALONE = event(
    "birthday: alone",
    """
- So {hero} <walked> {place} alone. {He} felt <feeling>. {He} sang {himself} a birthday song,
  [very softly|twice|to <beast>].
- {He} <walked> {place}, [sat down|threw stones] and felt <feeling>. "Happy birthday, {hero},"
  {he} said to [<beast>|the water|<junk>].
- {Hero} felt <feeling>. {He} <walked> {place} and [shared <snack> with <beast>|ate <snack> with
  nobody].
""",
)

HOME = event(
    "birthday: home again",
    """
- When it grew dark, {he} [went|turned] home. There was no light in [the house|the windows]. {He}
  opened the door <slowly>.
- <at_last> {he} was cold and went home. [The house was dark|All was dark and still]. {He} [felt
  for|pushed] the door.
- In the evening {he} came home with [wet|heavy] {hero.feet} and <junk> for a birthday present,
  and opened the door.
""",
)

SURPRISE = event(
    "birthday: surprise",
    """
- "Surprise!" [Twenty|A hundred|All the] lights went on, and [there stood|there were] {parent},
  {!friend} and [everybody|half the town]. {Friend} <dance>.
- "Happy birthday!" they <cried>, {parent} and {!friend} and [all the others|everyone {he} knew],
  and somebody played the [drum|fiddle| trumpet].
- Lights! [Drums]! [Behind the table|Under a paper moon] stood {parent} and {!friend} with [paper
  hats|flowers|a cake as big as a wheel].
""",
)

GIVEN = event(
    "birthday: the gift",
    """
- "Did you think that we [forgot|had forgotten]?" asked {friend}, and gave {him} [a box|a big
  bag|something wrapped in <junk_cloth>]. In it was the {!gift}, and it was {!gift.color}.
- On the table, next to <snack>, [lay|stood] a {!gift.color} {gift}. "I made it [all by myself|out
  of wood and glue|out of <junk>]," said {friend}. "[That is why I had no time|It took all day]."
- {Friend} pulled away <junk_cloth>, and there was a {!gift.color} {gift}[, still wet with paint|,
  with a bow on it|]. {Hero} [could not speak|forgot to shut {his} mouth].
""",
)

END = event(
    "birthday: the end",
    """
- {Hero} was <feeling>, and [nobody went home|they danced] until [midnight].
- {Hero} was <feeling>. "I thought I was [alone|forgotten]," {he} said, "and [all the time|all
  day] you were thinking of me."
- {Hero} was <feeling>, and {he} [slept|went to bed] with the {!gift} in {his} arms.
- {Hero} was <feeling>. There was <snack>, there was <game>, and [there was|they heard] a very
  long speech about <topic>.
""",
)


def plot(t: Telling) -> str:
    """Be forgotten by everybody, or so it seems, and get the gift that was wished for."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    gift = w.thing(words.GIFTS, friend)
    t.add(friend=friend, gift=gift, place=w.spot(words.PLACES))
    weather(t)
    t.tell(WISH)
    t.paragraph()
    for step in (MORNING, PARENT, FRIEND):
        t.tell(step)
    w.happen(hero)
    w.feel(hero, "lonely")
    sky(t, 1, 4)
    t.tell(ALONE)
    watch(t)
    t.paragraph()
    for step in (HOME, SURPRISE):
        t.tell(step)
    w.give(gift, friend, hero)
    t.tell(GIVEN)
    w.feel(hero, "glad")
    t.tell(END)
    close(t)
    return t.chooser.pick(("A {gift} for {hero}", "The forgotten birthday"))
