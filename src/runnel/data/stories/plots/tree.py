"""Too high: a boast, a tree, and the friend who had warned."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

UP = event(
    "tree: something is up there",
    """
- <one_morning>, {~hero} and {friend.intro} stood under the [tallest|oldest] {tree} [in the land|by
  the road|behind the mill]. At the very top [hung|was] {prize.a}.
- <one_morning>, {~hero} and {friend.intro} saw {prize.a} [high up|at the top] in a {tree}. It had
  [hung|been] there [since the storm|all winter].
- <one_morning>, {friend.intro} was <chore> when the wind took {prize.a} and hung it [high up|at
  the top] in a {tree}. {~Hero} saw it.
""",
)

BOAST = event(
    "tree: the boast",
    """
- "I will [get|fetch] it," said {hero}. "I can climb [anything|like a cat|higher than anybody]. I
  once climbed [a church|a cloud|the moon]."
- "[That is easy|Nothing easier]," said {hero}. "I will be up and down before you can [say
  {tree}|eat <snack>|count to ten]."
- "Watch me," said {hero} and [rolled up {his} sleeves|spat on {his} {hero.hands}]. "I am the best
  climber [in the world|between here and the sea]."
""",
)

WARN = event(
    "tree: the warning",
    """
- "The top branches are [thin|rotten|wet]," said {friend}. "[Wait for a ladder|Let us get a
  ladder|Have some bread first]." But {hero} was already on {his} way.
- "Going up is only half of it," said {friend}, "and [the wind is strong|it is going to rain|you
  have just had <snack>]." {Hero} [laughed|did not listen].
- "[Please do not|Please stay here]," said {friend}. "{Elder} has a ladder." "[Ladders are for
  geese|Who needs a ladder]," said {hero}.
""",
)

CLIMB = event(
    "tree: the climb",
    """
- Up {he} went, past <beast_up> and <junk>, [higher and higher|<slowly>], until {friend} was as
  small as a [bean|pea|beetle|bee].
- {He} [climbed|went] from branch to branch, [laughing|waving|singing about <topic>]. {He} passed
  <beast_up> and [could see the sea|smelled <smell>].
- Branch by branch {he} [climbed|went up]. The first ten were [thick|strong]. The next were
  [thin|wet]. The last was like [a pencil|a candle|a spoon].
""",
)

STUCK = event(
    "tree: stuck",
    """
- At the top, {he} [made a mistake|did something foolish]: {he} looked down. The ground
  [turned|danced]. {He} thought of <snack> at home and felt <feeling>.
- Then the branch under {his} {hero.feet} [broke|was gone]. {He} hung on to [the next one|the
  tree|<junk>] and felt <feeling>.
- {He} reached out, [slipped|lost a shoe], and held on with [both arms|all {he} had]. {He} could
  go neither up nor down, and {he} felt <feeling>.
""",
)

CALL = event(
    "tree: help",
    """
- "[Are you coming down|What is the matter]?" <cried> {friend}. There was no answer for a
  [while|long time]. "I [cannot|do not know how]," said a very small voice.
- "I am just [looking at the view|resting]!" {he} <cried>. [An hour|A while] later, {he} <cried>,
  "{!friend}! [Help|Please help me]!"
- It began to [rain|get dark]. "{!friend}?" {he} called. "I think I would like [a ladder|to come
  down] now."
""",
)

SAVE = event(
    "tree: the rescue",
    """
- {Friend} did not laugh. {Friend.he} ran and [fetched|came back with] {elder}, who had been
  <chore>, and the longest ladder [of all|in the land]. {Elder} [held] it, and {friend} climbed
  up.
- {Friend} <ran> to {elder}, who was <chore>, and soon there was a ladder [against|under] the
  {tree}. "[Left foot|Look at me]," said {friend}. "[Right foot|Now the other one]."
- {Friend} [brought|came back with] {elder} and a ladder. It was too short, so {friend} stood on
  the [top step|last step] and [held out|gave {him}] {friend.his} {friend.hand}.
""",
)

DOWN = event(
    "tree: down again",
    """
- When {his} {hero.feet} touched the grass, {he} [kissed it|sat down in it]. "You told me," {he}
  said. "I did," said {!friend}, and [gave {him}|shared] <snack>.
- Down on the ground, {he} could not [stand|speak] for a while. "I never climbed the moon," {he}
  said <sadly>. "I know," said {!friend}.
- "I am sorry," said {hero} <sadly>. "Why?" said {!friend}. "[You are down|I would have climbed
  up, too|It was better than <snack>]."
""",
)

END = event(
    "tree: the end",
    """
- And what fell on their heads, just then? The {!prize.color} {prize}! The wind had [had enough
  of|let go of] it.
- They left the {!prize.color} {prize} where it was, and <beast_up> moved into it[ in the spring|
  with all its children|].
- [The next morning|A week later], the {!prize.color} {prize} lay in the grass, beside <junk>. "[I
  got it|Look what I climbed]," said {hero}. They <smiled>.
""",
)


def plot(t: Telling) -> str:
    """Boast, climb too high, and be helped down by the one who warned."""
    w = t.world
    hero = introduce(t)
    friend, elder = w.friend(hero), w.elder(hero)
    t.add(
        friend=friend, elder=elder, prize=w.thing(words.FLYING), tree=w.phrase(w.fresh(words.TREES))
    )
    weather(t)
    t.tell(UP)
    t.tell(BOAST)
    t.tell(WARN)
    t.paragraph()
    t.tell(CLIMB)
    w.happen(hero)
    w.feel(hero, "afraid")
    t.tell(STUCK)
    watch(t)
    t.paragraph()
    t.tell(CALL)
    t.tell(SAVE)
    t.paragraph()
    t.tell(DOWN)
    t.tell(END)
    close(t)
    return t.chooser.pick(("Too high", "{hero} and the tall {tree}"))
