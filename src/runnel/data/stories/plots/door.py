"""The errand: three doors in a row, and only one of them is the right color."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, sky, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event
from runnel.data.stories.world import Spot

SEND = event(
    "door: sent out",
    """
- <one_morning>, {parent} [filled] a basket with [warm|fresh|hot] {food} for {elder}, who was
  [ill|not well|in need of cheer].
- <one_morning>, {elder} had <ill>. {Parent} put [six|nine] {food} in a basket[ and covered them
  with a cloth| and added a letter| and a bit of cheese|]. "[Take|Bring] these over," {parent.he}
  said.
- <one_morning>, {parent} had baked {food} for {elder}. "You are [big|old|brave] enough to
  [take|carry] them there [alone|by yourself]," said {parent}.
- "[Today|This time] you may go out all by yourself," said {parent} <one_morning>, and gave {him}
  a basket of {food} for {elder}.
""",
)

LANE = event(
    "door: three doors",
    """
- "At the end of the [lane|path|street] [are|you will see] three doors," {parent}
  [said|explained|told {him}]. "[Yours is| Knock at] the {door} one."
- "[Walk|Go] [over the bridge|around the pond] to the three doors," {parent} [said|explained],
  "and knock at the {door} one."
- "There are three doors [side by side|in a row|in the old wall]. Take the {door} one," {parent}
  [said|told {him}].
- "{Elder} lives [by the old wall|behind the mill|over the bridge], behind the {door} door,"
  {parent} [said|explained].
""",
)

WARN = event(
    "door: the warning",
    """
- "[Mind|Remember], behind the {bad} door {danger}, and behind the {worse} door {peril}[. You may
  meet <beast>, too|]."
- "[Stay away from|Do not touch|Walk past] the {bad} door, for there {danger}, and [keep away
  from|never touch] the {worse} one, for there {peril}."
- "The {bad} door, with <junk> beside it, is wrong, for there {danger}. The {worse} door is [wrong
  too|even worse], for there {peril}."
""",
)

YES = event(
    "door: the answer",
    """
- "The {door} door," said {hero} [and was gone|<gladly>|and skipped out of the gate].
- {Hero} [nodded|put on {his} hat] and [off {he} went|<walked> away].
- "{Door}, {door}, {door}," {hero} [sang|hummed|said to {himself}] and [off {he} went|<walked>
  away].
""",
)

MEET = event(
    "door: on the way",
    """
- On the way {he} met {friend.intro}, who was [stuck in a hedge|looking for a lost coin|<chore>].
  {Hero} [helped|stayed with] {friend.him} for [an hour|a while], and they talked about <topic>.
- Halfway there, {he} met {friend.intro}. "Come and see [my frog|the new bridge|<delay>]!" said
  {friend.he}, and {hero} stayed until [the sun was high].
- At the bridge, {friend.intro} was [counting fish|<chore>]. {Hero} [joined in|sat down as well],
  and the two of them talked about <topic> and then about <topic>.
- On the way, <beast> wanted to [look into] the basket. {Hero} had to run [twice|three times]
  around a tree, until {friend.intro} came and [chased it off|made it laugh].
- {Friend.intro} was playing <game> by the [road|well|mill]. {Hero} [joined in|could not say no],
  and the basket [stood| waited] in the [shade|grass|sun].
""",
)

DOORS = event(
    "door: before the doors",
    """
- At the end of the [lane|path|street] {he} stood still. One door was {left}, one was {middle},
  and one was {right}[, with <junk> in front of it| and had <junk> on it|].
- Then {he} came to the doors, {left}, {middle} and {right}, [with <junk> in front of each|and not
  one had a name on it|all of them shut].
- <at_last> {he} was there. Three doors looked at {him}, and {he} looked at the three doors.
- {Hero} went on, past <beast> and <junk>, and [there they stood, the|there stood] three doors [in
  a row|side by side].
""",
)

DOUBT = event(
    "door: the doubt",
    """
- [Which was it|Which one was right|What had {parent} said]? {His} head was [full of <topic>|full
  of other things].
- "[Oh dear|Hm|Well]," said {hero} and scratched {his} [head|ear|nose]. "[Now I must think|Which
  one was it]?"
- {He} [raised|lifted] {his} {hero.hand} to the {bad} one. [Just in time|Then] {he} remembered
  that {danger.past} there.
- {He} went up to the {worse} one. [But|Just in time] {he} remembered that {peril.past} there, and
  {he} took [three|four| five] big steps back.
- {He} [closed|shut] {his} eyes until {he} could [almost|] hear the voice of {parent} again,
  [every word|word for word].
""",
)

KNOCK = event(
    "door: the right one",
    """
- So {he} knocked at the {!door} door, [once|very softly|three times|with {his} elbow].
- <at_last> {he} was sure. {He} <walked> up to the {!door} door and knocked [once|twice|three
  times].
- "It was {!door}!" {he} <cried>, and knocked <quickly>.
- {He} took a deep breath and knocked at the {!door} door, and <heart>.
""",
)

OPEN = event(
    "door: it opens",
    """
- It opened, and there was {elder}, [in a warm coat|under a blanket|wet from head to
  foot|<chore>]. "I smell {!food}!"
- {Elder}, who had been <chore>, looked out. "[What a nice surprise|How good of you to come|I was
  so hungry]! Are those {!food}?"
- {Elder} stood there with <junk> and looked at the basket. "Are those {!food}? Come in, [come
  in|my dear|and shut the door]!"
""",
)

END = event(
    "door: the end",
    """
- They ate [all of them|them all] together and talked about <topic>. "How did you find me?" asked
  {elder}. "[It was easy|Nothing was easier]," said {hero}. "Yours is the {!door} door."
- {Elder} ate [two|three|five] at once and [felt better|talked about <topic>]. "Was it hard to
  find?" asked {parent} at home. "A little," said {hero}, "but I remembered the {!door} door."
- {Hero} stayed until the [cups|bowls] were empty. Then {he} <walked> home, and stuck out {his}
  tongue at the two wrong doors. "[I only like|Give me] the {!door} one," {he} said.
- They ate together. "Next time, bring {!friend} and <snack>," said {elder}. So the next day two
  of them stood there, and {hero} [pointed|showed the way]. "[Always|We take] the {!door} one,"
  {he} said.
""",
)

DANGERS = {
    "the geese bite": "the geese bit",
    "a cross old bull sleeps": "a cross old bull slept",
    "a big dog barks all day": "a big dog barked all day",
    "a hundred bees live": "a hundred bees lived",
    "the stairs are broken": "the stairs were broken",
    "the floor is full of holes": "the floor was full of holes",
    "the cats have the measles": "the cats had the measles",
    "a giant takes his bath": "a giant took his bath",
    "somebody practices the trumpet": "somebody practiced the trumpet",
    "they make you wash dishes": "they made you wash dishes",
}


def plot(t: Telling) -> str:
    """Carry a basket to one of three doors and remember which."""
    w = t.world
    hero = introduce(t)
    parent, friend, elder = t.who("parent"), w.friend(hero), w.elder(hero)
    colors = [w.word(words.COLORS, "color") for _ in range(3)]
    left, middle, right = t.chooser.shuffled(colors)
    t.add(friend=friend, elder=elder, food=w.word(words.BAKED, "food"))
    t.add(door=colors[0], bad=colors[1], worse=colors[2], left=left, middle=middle, right=right)
    for key in ("danger", "peril"):
        now = w.fresh(tuple(DANGERS))
        t.add(**{key: Spot({"": now, "past": DANGERS[now]})})
    t.paragraph()
    weather(t)
    for step in (SEND, LANE, WARN):
        t.tell(step)
    t.maybe(YES)
    errand = w.promise(hero, parent, "to knock at the right door")
    t.paragraph()
    sky(t, 1, 4)
    t.tell(MEET)
    t.tell(DOORS)
    t.maybe(DOUBT, 2, 3)
    watch(t)
    t.paragraph()
    t.tell(KNOCK)
    t.tell(OPEN)
    w.keep(errand)
    t.tell(END)
    close(t)
    return t.chooser.pick(("The three doors", "{hero} and the {door} door"))
