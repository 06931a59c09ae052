"""The promise: a sick friend waits for a gift, and the day is full of things that make one forget it."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, sky, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

SICK = event(
    "promise: the friend is sick",
    """
- {~Hero} had a friend [named|called] {friend}, who was [sick in bed|in bed with a cough|in bed with a sore
  {friend.foot}]. <one_morning>, {~hero} came to visit.
- <one_morning>, {~hero} went to see {friend.intro}, who had [a bad cold|a fever|a sore {friend.foot}] and [had
  to|must] stay in bed.
- {His} best friend was {friend}. But {friend} had [caught a cold|hurt {friend.his} {friend.foot}|a sore throat]
  and was not allowed to [get up|go out], so <one_morning> {~hero} [sat|came and sat] by the bed.
- <one_morning>, {friend.intro} had a [cough|cold|fever] and could not come out to play. {~Hero} <walked> over
  to cheer {friend.him} up.
""",
)

WISH = event(
    "promise: the wish",
    """
- "It is so [dull|boring] here," said {friend}. "[What I would like|What I miss] most is a {gift} {from}." "I will
  bring you one [today|tonight|before dark]," said {hero}. "I promise."
- "[Outside is so far away|I can only look at the ceiling]," said {friend} and sighed. "If only I had a {gift}
  {from}!" "Then you shall have one [today|by tonight|before dark]," {hero} promised.
- "Is there anything you [want|wish for]?" asked {hero}. {Friend} thought for a [moment|long time]. "A {gift},"
  {friend.he} said, "a {gift} {from}." "I will get it before [dark|bedtime]," said {hero}. "I promise."
- "[Tell me what you want|Make a wish]," said {hero}. "A {gift} {from}," <whispered> {friend}, "[for that is|it is]
  what I like best." {Hero} put a {hero.hand} on {his} heart and promised to bring it [today|that very day].
""",
)

FIRST = event(
    "promise: the first delay",
    """
- On the way, {hero} [met|came upon] [a band of musicians|two goats at a wedding|a juggler with six plates].
  {He} [stopped to look|stayed to listen], and the [hours|time] went by [like minutes|very fast].
- {~Hero} [started|set out] at once. But by the [road|path], some others were [playing tag|sliding down a hill|
  building a dam] and [called|waved] to {him} to join in. "Only one game," said {hero}, and it became
  [three|seven|twenty].
- But the way was long, and the [shade|grass] was [soft|cool]. {~Hero} lay down [for a moment|just to rest {his}
  {hero.feet}] and slept [until the bees went home|half the day].
- But on the [road|path] {he} met <chased>, and {he} followed it [up hill and down|this way and that] until {he}
  no longer knew why {he} had [come|gone out].
""",
)

FORGOT = event(
    "promise: forgotten",
    """
- When the sun was low, {~hero} [turned|went] home, [whistling|humming], with [empty {hero.hands}|nothing in {his}
  {hero.hands}].
- {~Hero} was almost home when the [lamps|first stars] [were lit|came out] and {he} had the feeling that something
  was [missing|wrong].
- In the evening {~hero} sat down to <snack>. {He} had eaten half of it when {he} put down {his} spoon.
- Night was falling when {~hero} reached {his} own door. There {he} [stopped|stood still].
""",
)

REMEMBER = event(
    "promise: remembered",
    """
- {His} {hero.hand} [flew|went] to {his} [mouth|forehead]. The promise! {friend} was waiting for a {!gift}, and there
  {he} stood with nothing at all.
- "What was it I had to [do|bring]?" {he} thought. It was not a {wrong}. It was a {!gift}, a {!gift} for poor
  {!friend}!
- Then {he} saw a light in the window of {friend}, and it came back to {him}: a {!gift}! {He} had promised
  {friend.him} a {!gift}!
- "Did you have a good day?" asked {parent}. "[I did|Yes], but [poor|] {friend} [did not|is still waiting]!" <cried>
  {hero}. "I promised {friend.him} a {!gift}!"
""",
)

BACK = event(
    "promise: going back",
    """
- {He} felt <feeling>. It was [dark|late] and {his} {hero.feet} were [sore|tired], but {he} <ran> all the way {to}.
  {He} <looked> [in the moonlight|by the light of a lantern] until {he} found [one|just the right one].
- "A promise is a promise," {he} said, although {he} felt <feeling>. {He} [took|lit] a lantern and <ran> {to}.
  [Twice|Three times] {he} stumbled, and [once|then] the lantern [went out|nearly fell], but {he} came back with a
  {!gift}.
- {He} felt <feeling>. [Without stopping for a coat|In spite of the cold], {he} <ran> {to}, {where} {he} [searched|
  looked] [on {his} knees|in the last light] until {he} held a {!gift} in {his} {hero.hand}.
""",
)

END = event(
    "promise: kept",
    """
- {friend} was still awake. {Friend.he} [took|held] the {!gift} in both {friend.hands}. "You remembered!"
  {friend.he} said. "[Only just|Almost too late]," said {hero}, and told {friend.him} [everything|the truth].
  They [both|] laughed until {friend.his} [cough|sneeze] was gone.
- "I am late," said {hero} at the bed of {friend}, "but here [I am|it is]." {friend} [held|put] the {!gift} against
  {friend.his} cheek and <smiled>. The next morning, {friend.he} was [well|much better].
- {friend} was sitting at the window. "I knew that you would come," {friend.he} said [and took|when {friend.he} saw]
  the {!gift}. {Hero} was <feeling>, and {he} [never forgot a promise again|tied a knot in {his} scarf before {he}
  made another promise].
- When {hero} laid the {!gift} on the [blanket|pillow], {friend} <smiled> for the first time [that day|in days].
  "It is [perfect|just what I wanted]," {friend.he} said. "And you are the best [friend|medicine]."
""",
)

# What is promised, where it comes from, the way there, and what one does there.
GIFTS = {
    "shell": ("from the beach", "to the beach", "where the waves rolled in and"),
    "feather": ("from the meadow", "to the meadow", "where the hay lay, and there"),
    "pinecone": ("from the forest", "to the forest", "where the owls called, and there"),
    "pebble": ("from the river", "to the river", "where the water was cold, and there"),
    "daisy": ("from the hill", "to the hill", "where the wind blew, and there"),
    "chestnut": ("from the park", "to the park", "where the leaves lay thick, and there"),
    "pear": ("from the orchard", "to the orchard", "where the wet grass shone, and there"),
    "leaf": ("from the big maple", "to the big maple", "and in its dark shade"),
    "cattail": ("from the pond", "to the pond", "where the frogs sang, and there"),
    "mushroom": ("from the wood", "to the wood", "where the moss was deep, and there"),
}


def plot(t: Telling) -> str:
    """Promise a gift, forget it over the day's pleasures, and bring it after all."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    gift = w.thing(tuple(GIFTS), kind="promise", color=False)
    origin, way, there = GIFTS[str(gift)]
    wrong = w.thing(tuple(GIFTS), kind="promise", color=False)
    t.add(friend=friend, gift=gift, wrong=wrong)
    t.add(**{"from": w.phrase(origin), "to": w.phrase(way), "where": w.phrase(there)})
    weather(t)
    t.tell(SICK)
    t.tell(WISH)
    promise = w.promise(hero, friend, gift)
    t.paragraph()
    sky(t)
    t.tell(FIRST)
    t.tell(FORGOT)
    t.tell(REMEMBER)
    t.paragraph()
    w.feel(hero, "ashamed")
    t.tell(BACK)
    w.take(gift, hero)
    w.give(gift, hero, friend)
    w.keep(promise)
    w.feel(hero, "glad")
    t.tell(END)
    close(t)
    return t.chooser.pick(("{hero} keeps a promise", "A {gift} for {friend}"))
