"""The chain of swaps: from one small thing to the right one."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, sky, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

NEED = event(
    "swap: what is needed",
    """
- <one_morning>, {parent} was {parent.feeling}, for the old {goal} was [broken|gone], and there
  was no money for a new one.
- <one_morning>, {parent} sighed. "If only we had a {goal}! But {goal.plural} cost [more than we
  have|a lot of money]."
- <one_morning>, [a goat ate|the wind took|{~hero} sat on] the {goal}. "[Oh dear|What now]?" said
  {parent}. "We have no money for a new one."
""",
)

START = event(
    "swap: what there is",
    """
- "I will get one," said {hero}. All {he} could spare was {item1.a}, so {he} [put it in {his}
  pocket|took it] and <walked> [to town|away|down the road].
- {Hero} [looked under {his} bed] and found {item1.a}. "[That must do|It is a start]," {he} said
  and <walked> away.
- {Hero} had nothing to [give] but {item1.a} and [a good heart|a clever head|a loud voice]. {He}
  took the {item1} and <walked> [out of the door|into the world].
""",
)

FIRST = event(
    "swap: the first swap",
    """
- [Soon|At the bridge|Near the mill] {he} met {friend.intro}, who was <chore>. "How I need a
  {item1}!" said {friend.he}. "I will give you my {item2} for it." [And they swapped|Done]!
- By the mill stood {friend.intro}, [close to tears|holding <junk>|with <beast>]. "I lost my
  {item1}," {friend.he} said. {Hero} gave {friend.him} the {item1}, and {friend} gave {him}
  {item2.a} [for it|as a thank-you].
- {Friend.intro}, who was <chore>, called {him}. "[Is that|Do I see] {item1.a}? I would swap my
  {item2} for it!" "[Gladly|Done|Why not]," said {hero}.
""",
)

SECOND = event(
    "swap: the second swap",
    """
- A little [later|farther on], {elder} was <chore> and [needed|was looking for] {item2.a}. "[Take
  mine|Here]," said {hero}, and got {item3.a} for it.
- Then {he} came to {elder}, <chore>. "With {item2.a}, I could be done before dark," said {elder}.
  {Hero} gave it [gladly|<quickly>] and was given {item3.a}.
- "My {item3} for your {item2}?" said {elder}, who was <chore>. {Hero} thought about it, thought
  about <snack>, and nodded.
- {Elder} had {item3.a}, <junk> and <junk>, but no {item2}. "[Let us swap|We can help each
  other]," said {hero}, and took the {item3}.
""",
)

THIRD = event(
    "swap: the last swap",
    """
- In the market, a man [stopped|fell off] his cart. "A {item3}!" he <cried>. "Take [what you
  like|anything] for it." {Hero} looked, and there, between <junk> and <junk>, was a {!goal}.
- Near the [bridge|well|harbor], a [pirate|king|sailor] was [in trouble|scratching his head]. "My
  [boat|horse|crown] for a {item3}!" he <cried>. "No," said {hero}, "but do you have a {!goal}?"
  [He had|He did].
- At the [well|bridge], somebody with <junk> stopped {him}. "I would give much for that {item3}."
  "Even a {!goal}?" asked {hero}. "[Even that|Even two], and <junk> as well!"
""",
)

HOME = event(
    "swap: home",
    """
- {Hero} <ran> home and put the {!goal} [on the table|next to <junk>|into the arms of {parent}].
  "How did you pay for it?" asked {parent}. "With a {!item1}," said {hero}.
- {Parent} [could not believe it|looked twice|stopped <chore>]. "A new {!goal}! What did it cost?"
  "[Only|Just] my {!item1}," said {hero}, "and some [walking|talking|talk about <topic>]."
- When {parent} saw the {!goal}, there was [a dance|a kiss|<snack>] for {hero}. "And what did you
  give for it?" "A {!item1}," said {hero}, "[that is all|nothing more]."
""",
)

END = event(
    "swap: the end",
    """
- And everybody was [pleased|happy]: {friend} with the {!item1}, {elder} with the {!item2}, and
  {hero} with <snack>.
- {Hero} was <feeling>. That is what can come of [one|a single] {!item1}[ and a good heart| and a
  loud voice|].
- {Hero} was <feeling>. [Later|On Sunday] {he} met {!friend} again, and the {!item1} was [on the
  wall|in good hands|next to <junk>].
""",
)


def plot(t: Telling) -> str:
    """Swap a small thing again and again until it has become what the family needs."""
    w = t.world
    hero = introduce(t)
    parent, friend, elder = t.who("parent"), w.friend(hero), w.elder(hero)
    goal = w.thing(words.HOUSEHOLD, kind="thing", color=False)
    goal.forms["plural"] = f"{goal}s"
    tables = (words.SMALL, words.MIDDLE, words.LARGE)
    items = [w.thing(table, kind="thing", color=False) for table in tables]
    for item, owner in zip(items, (hero, friend, elder), strict=True):
        w.own(item, owner)
    t.add(friend=friend, elder=elder, goal=goal, item1=items[0], item2=items[1], item3=items[2])
    weather(t)
    w.happen(parent)
    w.feel(parent, "worried")
    t.tell(NEED)
    t.tell(START)
    t.paragraph()
    sky(t, 1, 4)
    t.tell(FIRST)
    w.give(items[0], hero, friend)
    w.give(items[1], friend, hero)
    watch(t)
    t.tell(SECOND)
    w.give(items[1], hero, elder)
    w.give(items[2], elder, hero)
    t.paragraph()
    t.tell(THIRD)
    w.feel(hero, "proud")
    t.tell(HOME)
    t.tell(END)
    close(t)
    return t.chooser.pick(("What came of a {item1}", "{hero} makes a swap"))
