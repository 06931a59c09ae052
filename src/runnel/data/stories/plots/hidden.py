"""The good hiding place: so good that the one who chose it forgets it."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

GIFT = event(
    "hidden: the present",
    """
- Soon it would be the birthday of {friend.intro}, and {~hero} had [saved|worked] all
  [summer|month|winter], <chore>, for a <nice> present: {gift.a}.
- {~Hero} had made {gift.a} for the birthday of {friend.intro}, out of <junk>, <junk> and [a lot
  of glue|all {his} paint|a string].
- {~Hero} bought {gift.a} for {friend.intro}, who would soon have a birthday. It cost {him}
  <junk>, <junk> and [every coin {he} had|seven coins|a song].
- {~Hero} had a [secret|surprise]. It was {gift.a}, and it was [meant|wrapped] for the birthday of
  {friend.intro}, who had only <junk>.
""",
)

HIDE = event(
    "hidden: the hiding",
    """
- {friend} must not [see|find] it before the day, so {he} [wrapped|rolled] it in [a blanket|a
  coat|<junk_cloth>] and hid it {spot}.
- "Where can I hide it?" {he} [thought|asked <beast>]. {First} it was [too wet|too easy|too loud],
  so {he} [pushed|put] it {spot}, [next to|behind|under] <junk>.
- {friend} was very curious, so {he} waited until [dark|noon|the rain came], when everybody was
  [asleep|at the table|busy], and hid the {gift} {spot}.
- [Because|Since] {friend} [looked into every corner|could smell a secret|was always <chore>],
  {he} hid the {gift} {spot} and told [nobody|only the moon|only <beast>].
""",
)

SURE = event(
    "hidden: nobody will find it",
    """
- "[Nobody] will ever find it there," {he} thought [and was very pleased with {himself}|and went
  off to eat <snack>].
- It was the best hiding place in [the world|the house|all the land], and {he} was <feeling>.
- {He} [covered|hid] the place with <junk>, [wiped] {his} {hero.hands} and was <feeling>.
""",
)

DAYS = event(
    "hidden: the days between",
    """
- Then there was a lot to do: [the hay came in|the roof leaked|a cousin came to stay|the clock
  stopped], [somebody had| everybody had] <ill_all>, and [every day|each evening] {he} fell asleep
  the moment {he} lay down.
- Then came [a week|nine days|ten days] of [rain|<game>], and {he} did not think of it [once|at
  all].
- The days went by. {He} [caught a cold|lost a tooth|grew an inch] and [played|won at|learned]
  <game>, and the [puddles|apples|days] grew [bigger|longer].
""",
)

MORNING = event(
    "hidden: the birthday morning",
    """
- The birthday came, and {hero} [jumped out of bed|woke up early|put on {his} best hat]. "[The
  present|It is today]!" {he} <cried>. "[Now where|Where] did I put it?"
- On the morning of the birthday, {hero} [washed behind {his} ears|ate <snack>|put on {his} best
  coat] and went to [fetch|get] the {gift}. {He} had no idea where it was.
- But on the great day, {hero} stood [in the middle of the room|there like <junk>] and scratched
  {his} [head|ear|nose]. {He} could not find the {gift} {himself}.
""",
)

LOOK = event(
    "hidden: the search",
    """
- {He} <looked> {second} and found [only|] <junk>. {He} felt <feeling>.
- {He} <looked> {second} and {third} and [came upon|found] <junk> and <junk>. {He} felt <feeling>.
- {He} turned the [whole|] house upside down, <looked> {second} and [even|] {third}, and [tore|got
  a hole in] {his} [sleeve|sock]. {He} felt <feeling>.
""",
)

HELP = event(
    "hidden: the friend helps",
    """
- <then> {friend} [came in|came to the door|looked in at the window]. "Today is my birthday, and
  you look like [rain|a wet cat|a rainy Monday]," {friend.he} said. "I have hidden something,"
  said {hero}, "and now [I cannot find it|even I cannot find it]."
- There was a knock, and {friend} entered [with <snack>|in {friend.his} Sunday coat|singing].
  {Hero} had to tell {friend.him} [the truth|everything]. "Your present is hidden too well," {he}
  said <sadly>.
- {He} <walked> to {friend}, who was <chore>. "I had a present for you," {he} said <sadly>, "but I
  have hidden it too well." [To {his} surprise|But] {friend} only <smiled>.
""",
)

THINK = event(
    "hidden: remembering",
    """
- "[Close|Shut] your eyes," said {friend}. "What was it like?" {Hero} thought [hard|of <topic>|for
  a long time]. "{Hint}," {he} said. "So it must be {spot.start} {!spot.noun}!"
- "I walk backward when I lose something," said {friend}. So {hero} walked backward, fell over
  <junk>, and stopped. "{Hint}!" {he} <cried>. "{Spot.start} {!spot.noun}!"
- "[Start|Begin] [from|at] the beginning," said {friend} <kindly>. "I had <junk> in my other
  {hero.hand}," said {hero}, "and {hint}." Then {he} jumped up. "It is {spot.start} {!spot.noun}!"
- "What did you [see|hear|smell] when you hid it?" asked {friend}. "<Beast>," said {hero}, "and
  {hint}. So it is {spot.start} {!spot.noun}!" And {he} <dance>.
""",
)

FOUND = event(
    "hidden: found",
    """
- They <ran> there together, and {friend} [reached|dug|felt] around and pulled out the {!gift}.
- And so it was. {Friend} [blew off|wiped away] the dust, and there was the {!gift}, {gift.color}
  and shiny.
- They <ran> to look, and {hero} gave {friend} the {!gift} with [dust|a spider] and all.
- There it lay, just as {he} had left it. {friend} took the {!gift} and <dance>.
""",
)

END = event(
    "hidden: the end",
    """
- "A present and a treasure hunt!" said {!friend}, who was {friend.feeling}.
- "It is [the best] birthday [ever|of my life]," said {!friend}, "for I got to [look for|hunt for]
  my present as well!"
- [Next year|After that], {hero} and {!friend} drew a map[, and hid the map| on the wall| and lost
  it at once].
- "[Next time|Next year], hide it somewhere [bad|easy]," said {!friend}, and they both <smiled>.
""",
)

HINTS = {
    "barn": "it smelled of hay and warm cows",
    "well": "I heard the drip of cold water",
    "stove": "it was warm and smelled of soup",
    "woodpile": "it smelled of fresh wood",
    "clock": "I heard a tick and a tock",
    "curtain": "a fly buzzed at the window",
    "bridge": "I heard the river beside me",
    "bench": "somebody sat over my head",
    "hedge": "there were thorns",
    "log": "it smelled of moss",
    "stairs": "feet went up and down above me",
    "wagon": "I saw four wheels",
    "haystack": "the dry grass made me sneeze",
    "boot": "it smelled of old leather",
    "teapot": "it smelled of mint",
    "stump": "it was rotten and full of ants",
    "cupboard": "it smelled of cheese",
    "cellar": "it was cold and smelled of potatoes",
}


def plot(t: Telling) -> str:
    """Hide a present, forget where, and find it again by its smells and sounds."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    gift = w.thing(words.GIFTS, hero)
    spot = w.spot(words.HIDING)
    t.add(friend=friend, gift=gift, spot=spot, hint=w.phrase(HINTS[spot.forms["noun"]]))
    t.add(first=w.spot(words.HIDING), second=w.spot(words.HIDING), third=w.spot(words.HIDING))
    t.tell(GIFT)
    t.tell(HIDE)
    w.put(gift, spot)
    w.feel(hero, "proud")
    t.maybe(SURE, 1, 3)
    t.paragraph()
    t.maybe(DAYS, 1, 3)
    t.tell(MORNING)
    w.happen(hero)
    w.feel(hero, "worried")
    t.tell(LOOK)
    watch(t)
    t.paragraph()
    t.tell(HELP)
    t.tell(THINK)
    w.take(gift, friend)
    w.feel(friend, "glad")
    t.tell(FOUND)
    t.tell(END)
    close(t)
    return t.chooser.pick(("The good hiding place", "{hero} hides {gift.a}"))
