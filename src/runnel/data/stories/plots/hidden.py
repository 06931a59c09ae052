"""The good hiding place: so good that the one who chose it forgets it."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

GIFT = event(
    "hidden: the present",
    """
- Soon it would be the birthday of {friend.intro}, and {~hero} had [saved|worked] all [summer|month|winter] for a
  present: {gift.a}.
- {~Hero} had made {gift.a} for the birthday of {friend.intro}. It had taken [nine days|two weeks|a whole month] and
  [a great deal of glue|a lot of patience].
- {~Hero} bought {gift.a} for {friend.intro}, who would [soon have|have {friend.his}] birthday [in a week|on
  Sunday]. It cost {him} every coin {he} had.
- {~Hero} had a [secret|surprise]. It was {gift.a}, and it was meant for the birthday of {friend.intro}.
""",
)

HIDE = event(
    "hidden: the hiding",
    """
- {friend} must not see it before the day, so {he} [wrapped|rolled] it in a [cloth|towel] and hid it {spot}.
  "[Nobody|No one] will ever find it there," {he} thought, [and {he} was right|pleased with {himself}].
- "Where can I hide it?" {he} thought. {First} was no good, and {second} was [too wet|full of spiders]. So {he}
  [pushed|tucked] it {spot}, as deep as it would go.
- {friend} was [very curious|the most curious {friend.kind} of all], so {he} waited until [dark|noon], when all were
  [asleep|at the table], and hid the {gift} {spot}.
- [Because|Since] {friend} [looked into every corner|had sharp eyes], {he} hid the {gift} {spot} and told
  not a soul, [not even {parent}|not even the cat].
""",
)

DAYS = event(
    "hidden: the days between",
    """
- Then there was [so much to do|a lot to do]: [the hay came in|the roof leaked|the cow had a calf], there were
  [fences to mend|apples to pick], and [every day|each evening] {he} fell asleep the moment {he} lay down.
- Then came [a week|nine days] of [rain|games|visits], and {he} did not think of it [once|at all].
- The days went by. {He} [learned to swim|built a dam|caught a cold], and the [puddles|apples] grew [bigger|bigger
  and bigger].
""",
)

MORNING = event(
    "hidden: the birthday morning",
    """
- The birthday came, and {hero} [jumped out of bed|woke up early]. "The present!" {he} <cried>. "[Now where|Where]
  did I put it?" {He} did not know. {He} had forgotten.
- On the morning of the birthday, {hero} [combed {his} hair|washed behind {his} ears] and went to fetch the {gift}.
  After [two|three] steps {he} [stopped|stood still]. {He} had no idea where it was.
- But on the great day, {hero} stood in the middle of the room and scratched {his} head. {He} had hidden the {gift}
  so well that {he} could not [find|remember] it {himself}.
""",
)

LOOK = event(
    "hidden: the search",
    """
- {He} <looked> {first}. {He} <looked> {second}. [All {he} found was|There was only] <junk>. {He} felt <feeling>.
- {He} <looked> {first} and found <junk>. {He} <looked> {second} and found <junk>. {He} felt <feeling>.
- {He} turned the whole house upside down, <looked> {first} and {second}, and [tore|got a hole in] {his} sleeve.
  {He} felt <feeling>.
""",
)

HELP = event(
    "hidden: the friend helps",
    """
- <Then> {friend} [came in|came to the door]. "Today is my birthday, and you look like [rain|a wet cat]," {friend.he}
  said. "What [is it|is the matter]?" "I have hidden something," said {hero}, "and now [I cannot find it|even I
  cannot find it]."
- There was a knock, and {friend} [came in|put {friend.his} head in at the door]. {Hero} had to tell {friend.him}
  [the truth|everything]. "Your present is hidden too well," {he} said <sadly>.
- {He} had to [go and|] tell {friend}. "I had a present for you," {he} said <sadly>, "but I have lost it before I
  could give it." [To {his} surprise|But] {friend} only <smiled>.
""",
)

THINK = event(
    "hidden: remembering",
    """
- "[Close|Shut] your eyes," said {friend}. "Think of that [day|hour]. What was it like?" {Hero} thought [hard|and thought].
  "{Hint}," {he} said. {He} opened {his} eyes. "Then it must be {spot.start} {!spot.noun}!"
- "When I lose something," said {friend}, "I walk backward through the day." So {hero} walked backward, [bumped into
  the table|knocked over a chair], and stopped. "{Hint}!" {he} <cried>. "{Spot.start}
  {!spot.noun}!"
- {friend} [sat down|sat down beside {him}]. "Start [from|at] the beginning," {friend.he} said. "I had it in my
  {hero.hands}," said {hero}. "I was [afraid|worried] you would see me. And {hint}." Then {he} [jumped
  up|laughed]. "It is {spot.start} {!spot.noun}!"
""",
)

END = event(
    "hidden: found",
    """
- They <ran> there together, and {friend} [put|stuck] {friend.his} {friend.hand} in and pulled out the {!gift}.
  It was [dusty|a little dusty], but {friend} was {friend.feeling}. "A present and a treasure hunt!" {friend.he} said.
  "What a birthday!"
- And so it was. {Friend} [blew off|wiped away] the dust, and there was the {!gift}, {gift.color} and shining.
  "[This is|It is] the best birthday [ever|of my life]," {friend.he} <cried>, "for I got to look for my present [as
  well|too]!"
- They <ran> to look, and there it was. "[Happy|A happy] birthday!" said {hero}, and gave {!friend} the {!gift} with
  [cobwebs|dust] and all. [Next year|Ever after], {he} drew a map.
- There it lay, just as {he} had left it. {friend} took the {!gift} and <dance>. "[Next time|Next year],
  hide it somewhere [bad|easy]," {friend.he} said, and they both <smiled>.
""",
)

HINTS = {
    "barn": "it smelled of hay and warm cows",
    "well": "I heard the drip of cold water",
    "stove": "it was warm and smelled of soup",
    "woodpile": "it smelled of fresh wood",
    "clock": "I heard a tick and a tock",
    "curtain": "a fly buzzed at the window",
    "beehive": "it smelled of honey",
    "bridge": "I heard the river beside me",
    "bench": "somebody sat over my head",
    "hedge": "there were thorns",
    "log": "it smelled of moss",
    "stairs": "feet went up and down above me",
    "wagon": "I saw four wheels",
    "doorstep": "boots came home above me",
    "haystack": "the dry grass made me sneeze",
    "boot": "it smelled of old leather",
    "teapot": "it smelled of mint",
    "stump": "it was rotten and full of ants",
    "cupboard": "it smelled of cheese",
    "flowerpot": "I had wet earth on my nose",
}


def plot(t: Telling) -> str:
    """Hide a present, forget where, and find it again by its smells and sounds."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    gift = w.thing(words.GIFTS, hero)
    spot = w.spot(words.HIDING)
    t.add(friend=friend, gift=gift, spot=spot, first=w.spot(words.HIDING), second=w.spot(words.HIDING))
    t.add(hint=w.phrase(HINTS[spot.forms["noun"]]))
    t.tell(GIFT)
    t.tell(HIDE)
    w.put(gift, spot)
    t.paragraph()
    t.tell(DAYS)
    w.happen(hero)
    t.tell(MORNING)
    w.feel(hero, "worried")
    t.tell(LOOK)
    t.paragraph()
    t.tell(HELP)
    t.tell(THINK)
    w.take(gift, friend)
    w.feel(friend, "glad")
    t.tell(END)
    close(t)
    return t.chooser.pick(("The good hiding place", "{hero} hides {gift.a}"))
