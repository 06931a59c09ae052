"""The errand: three doors in a row, and only one of them is the right color."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, sky, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event
from runnel.data.stories.world import Spot

SEND = event(
    "door: sent out",
    """
- <one_morning>, {parent} [packed|filled] a basket with [warm|fresh] {food}. "Take this to {elder}," said {parent}.
  "[Go|Walk] down the lane until you see three doors."
- <one_morning>, {parent} put [six|a dozen] {food} in a basket. "{Elder} is not well today," said {parent}. "Will
  you [take|bring] these over? You will find three doors at the end of the lane."
- <one_morning>, {parent} had baked {food} for {elder}. "You are big enough to [take|carry] them there alone," said
  {parent}. "At the end of the lane [are|there are] three doors."
- "Today you may go out all by yourself," said {parent} <one_morning>, and gave {him} a basket of {food} for {elder}.
  "Go [past the pump|over the bridge], and you will see three doors."
""",
)

WARN = event(
    "door: the warning",
    """
- "You must knock at the {door} one," {parent} [said|went on]. "[Not|Do not knock] at the {bad} door, for there {danger}. And not at the {worse} door,
  for there {peril}." "The {door} door," said {hero}. "I will not forget."
- "The right door is {door}," {parent} [said|went on]. "[Remember|Mind], behind the {bad} door {danger}, and behind the {worse} door {peril}."
  "{Door}, {door}, {door}," said {hero}, [and off {he} went|and skipped out of the gate].
- "{Elder} lives behind the {door} door," {parent} [said|went on]. "[Stay away from|Do not touch] the {bad} door, because there {danger}, and
  [keep away from|never touch] the {worse} door, because there {peril}." {Hero} [nodded|promised to be careful].
- "Yours is the {door} door," {parent} [said|went on]. "The {bad} door is wrong, for there {danger}. The {worse} door is [wrong too|worse], for
  there {peril}." "{Door} is right," said {hero}, "and the rest are wrong." {He} [kissed {parent}|took the basket] and
  was gone.
""",
)

MEET = event(
    "door: on the way",
    """
- On the way {he} met {friend.intro}, who was [flying a kite|fishing|stuck in a hedge|looking for a lost coin].
  {Hero} [helped|stayed with] {friend.him} for [an hour|a while], and they talked about [whales|dragons|the moon|
  cheese], and the basket [grew heavy|stood in the shade].
- Halfway there, {he} met {friend.intro}. "Come and see [my frog|the new bridge|the ducklings]!" said {friend.he}.
  [It|They] [had to be seen|was hard to leave], and {hero} stayed until the [clock struck noon|sun was high].
- At the bridge, {friend.intro} was [throwing stones|counting fish]. {Hero} [threw|counted] a few as well, and
  [soon|] the two of them laughed so much that they scared the [ducks|frogs] away.
- On the way, a [goose|goat] wanted to [look into|taste] the basket. {Hero} had to run [twice|three times] around a
  tree, until {friend.intro} came and [chased it off|made it laugh].
""",
)

DOORS = event(
    "door: the three doors",
    """
- At the end of the lane {he} stood still. There were the three doors, one {left}, one {middle} and one {right}.
  [Which was it|Which one was right]? {His} head was [full of other things|quite empty].
- Then {he} came to the doors. One was {left}, one was {middle} and one was {right}, and they all had [the same
  brass knob|the same mat in front of them]. {Hero} [looked from one to the next|scratched {his} head].
- {Hero} [said goodbye|waved] and went on. And there they were, three doors in a row. "[Oh dear|Hm]," said {hero}.
  "[Now I must think|Which one]?"
- <At_last> {he} reached the end of the lane. Three doors looked at {him}, and {he} looked at the three doors. What
  had {parent} [said|told {him}]?
""",
)

NEAR = event(
    "door: almost wrong",
    """
- {He} [raised|lifted] {his} {hero.hand} to the {bad} door. Then {he} heard [a noise|something move] behind it, and
  remembered that {danger.past} there. {He} [tiptoed|crept] away.
- {He} went up to the {worse} door. [But|Just in time] {he} remembered that {peril.past} there, and {he} took [three|four]
  big steps back.
- "[Not|It cannot be] the {bad} one," {he} thought, "for there {danger}. And not the {worse} one, for there {peril}."
- {He} [closed|shut] {his} eyes, and [then|soon] {he} could almost hear the voice of {parent} again, [every word|
  word for word].
""",
)

KNOCK = event(
    "door: the right one",
    """
- So {he} knocked at the {!door} door, [once|very softly]. It opened, and there was {elder}, [in a warm shawl|with a
  blanket around both shoulders]. "[I smell|Do I smell] {food}!" said {elder}. "[Come in|Do come in], {hero}."
- <At_last> {he} was sure. {He} walked up to the {!door} door and knocked three times. "[Come in|It is open]!"
  <cried> a voice, and it was {elder}. "And you have brought {food}!"
- "It was {!door}!" {he} said [out loud|to {himself}], and knocked at the {door} door. It [creaked|squeaked] open,
  and {elder} looked out. "[What a nice surprise|How good of you to come]!" said {elder}. "Are those {food}?"
- {He} took a deep breath and knocked at the {!door} door. Steps came [nearer|closer], and then {elder} stood
  there and [sniffed|looked at the basket]. "{Food}! Come in, [come in|my dear]!"
""",
)

END = event(
    "door: the end",
    """
- They ate together, and {elder} told {him} [a story about a whale|where the wind goes at night]. "And how did you
  find me?" asked {elder}. "[It was easy|Nothing was easier]," said {hero}. "Yours is the {!door} door." {He} did not
  say a word about [how it really was|{!friend}].
- {Elder} ate [two|three] at once and felt better. At home, {parent} asked, "Was it hard to find?" "A little," said
  {hero}, "but I remembered the {!door} door." And {parent} was {parent.feeling}.
- {Hero} stayed until the [cups|plates] were empty. Then {he} <walked> home, past the two wrong doors, and stuck
  out {his} tongue at both of them. "[I only like|Give me] the {!door} one," {he} said.
- They ate [all of it|it up] together. "Next time, bring {!friend} [along|with you]," said {elder}. So the next day two of them
  stood in the lane, and {hero} [pointed|showed the way]. "It is the {!door} door," {he} said. "[Trust me|Believe
  me]."
""",
)

FOOD = ("buns", "cookies", "pancakes", "muffins", "dumplings", "pies", "waffles", "tarts")
DANGERS = {
    "the geese bite": "the geese bit",
    "a cross old bull sleeps": "a cross old bull slept",
    "a big dog barks all day": "a big dog barked all day",
    "a hundred bees live": "a hundred bees lived",
    "the stairs are broken": "the stairs were broken",
    "the floor is full of holes": "the floor was full of holes",
    "the cats have the measles": "the cats had the measles",
}


def plot(t: Telling) -> str:
    """Carry a basket to one of three doors and remember which."""
    w = t.world
    hero = introduce(t)
    friend, elder = w.friend(hero), w.elder(hero)
    colors = [w.word(words.COLORS, "color") for _ in range(3)]
    left, middle, right = t.chooser.shuffled(colors)
    t.add(friend=friend, elder=elder, food=w.word(FOOD, "food"))
    t.add(door=colors[0], bad=colors[1], worse=colors[2], left=left, middle=middle, right=right)
    for key in ("danger", "peril"):
        now = w.fresh(tuple(DANGERS))
        t.add(**{key: Spot({"": now, "past": DANGERS[now]})})
    t.paragraph()
    weather(t)
    t.tell(SEND)
    t.tell(WARN)
    errand = w.promise(hero, t.who("parent"), "to knock at the right door")
    t.paragraph()
    sky(t)
    t.tell(MEET)
    t.tell(DOORS)
    t.tell(NEAR)
    t.paragraph()
    t.tell(KNOCK)
    w.keep(errand)
    w.feel(t.who("parent"), "proud")
    t.tell(END)
    close(t)
    return t.chooser.pick(("The three doors", "{hero} and the {door} door"))
