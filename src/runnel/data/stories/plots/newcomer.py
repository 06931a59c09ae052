"""The newcomer: somebody who does not speak, until somebody listens."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, sky, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

MOVE = event(
    "newcomer: moving in",
    """
- <one_morning>, a cart [stopped|stood] [across the road|beside the old wall]. On it were [a bed
  and nine boxes], and on top sat somebody new with {thing.a}.
- <one_morning>, there was smoke from the [empty house|old chimney]. Somebody had moved in[ with
  forty boxes|], and [at the window|on the step] sat a young one with {thing.a}.
- <one_morning>, somebody new sat [on the wall|by the well|under the big tree], holding {thing.a}
  [very tight|in both arms].
""",
)

ASK = event(
    "newcomer: no answer",
    """
- "I am {hero}. [Who are you|What is your name]?" asked {hero} <kindly>. But the new one only
  looked at [the ground|<junk>] and held on to the {thing}.
- "[Hello|Good morning]," said {hero} <kindly>. "[Do you want|Would you like] to play <game>?" The
  new one shook {friend.his} head and said not a word.
- {Hero} [waved|smiled|took off {his} hat|held out <snack>]. The new one [turned red|hid behind
  the {thing}] and said nothing.
""",
)

OTHERS = event(
    "newcomer: what others say",
    """
- "{Friend.he} does not talk to anybody," said the neighbors, <chore>. But {hero} was not so sure.
- "[Leave {friend.him} alone|Let {friend.him} be|Give {friend.him} time]," said {parent}, <chore>.
  "Some [birds|owls|cats] need a long time before they sing."
- "A strange one," said {parent}, who was <chore>. "But you were [just as shy|quiet too] when you
  were [new|small]."
""",
)

TRY = event(
    "newcomer: trying",
    """
- The next day, {hero} brought <snack>. It was [eaten|taken], [very quickly|in silence]. The day
  after that, {he} brought <junk>, and there was [almost|half] a smile.
- So {hero} [sat down|came every day and sat] [beside|near] {friend.him} and talked about <topic>.
  [Then|When that was done] {he} talked about <topic>. The new one listened[ with big eyes| and
  said nothing|].
- {Hero} [drew|built] [a house|a dragon|a bridge] in the sand, and then another. On the third day,
  a second {friend.hand} [drew|put] a [chimney|tail|flag] on it.
""",
)

BREAK = event(
    "newcomer: the turn",
    """
- Then the wind [took|blew] the {thing} [into the pond|up on a roof|into a tree]. {Hero} did not
  [think|wait]. {He} [climbed|jumped] after it and came back [wet| scratched|with leaves in {his}
  ears].
- Then came <beast> and ran off with the {thing}. {Hero} <ran> after it, [through mud|under a
  cart], and [brought|got] the {thing} back.
- Then the {thing} [broke|fell and cracked]. A tear [fell|ran]. {Hero} [took out|fetched]
  [glue|string|wire], and [sat|worked] until it was [whole|mended].
""",
)

NAME = event(
    "newcomer: the name",
    """
- "{friend}," said the new one [softly|suddenly]. "[My name is|I am called] {friend}. The {thing}
  was my grandmother's. She [is far away|could talk about <topic>]."
- "Thank you," said a small voice. "I am {friend}. At home, everybody had a {!thing.color}
  {thing}[ and <junk>|]. Here I know nobody."
- And then the new one spoke. "I am {friend}," {friend.he} said. "I thought that you would laugh
  at my [voice|ears|words|{thing}|hat]."
""",
)

KNOW = event(
    "newcomer: now you know somebody",
    """
- "Now you know me," said {hero}. {He} felt <feeling>. "[Come|Come on], {!friend}, I will show you
  [the pond|where the frogs live|the best tree|everything]."
- "{!friend} is a <nice> name," said {hero}, and felt <feeling>. "[It sounds like|It is as good
  as] <snack>."
- {Hero} [held out|gave {friend.him}] {his} {hero.hand} and felt <feeling>. "Good morning,
  {!friend}," {he} said, as if [it were the first day|they had just met].
""",
)

SING = event(
    "newcomer: the gift",
    """
- It turned out that {!friend} could [walk on {friend.his} {friend.hands}|whistle like nine
  birds|tell stories about <topic>], and soon [half the town|everybody] came to [see|hear].
- And once {!friend} had begun to talk, {friend.he} hardly stopped. {Friend.he} talked about
  <topic>, about <topic> and about [soup|home].
- {!friend} [knew] a new kind of <game>, with [three sides], and [in a week|soon] everybody played
  it.
""",
)

END = event(
    "newcomer: the end",
    """
- And the {!thing.color} {thing} [lay|stood] [by the window|on a shelf|beside <junk>], for
  {friend} no longer needed [to hold on to it|something to hold].
- One day, when another cart came, it was {!friend} who [went over|waved] first, with the
  {!thing.color} {thing} and <snack>.
- <ever_after>, they shared [<snack>|their <thing>|everything], and on [rainy days|Sundays] even
  the {!thing.color} {thing}.
""",
)


def plot(t: Telling) -> str:
    """Win a shy newcomer's trust, name and friendship; the name is told late."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    del friend.forms["intro"]
    t.add(friend=friend, thing=w.thing(words.TREASURES, friend))
    weather(t)
    t.tell(MOVE)
    t.tell(ASK)
    t.paragraph()
    t.tell(OTHERS)
    sky(t, 1, 4)
    t.tell(TRY)
    t.paragraph()
    t.tell(BREAK)
    w.happen(hero, friend)
    t.tell(NAME)
    w.feel(hero, "glad")
    watch(t)
    t.tell(KNOW)
    t.paragraph()
    t.tell(SING)
    t.tell(END)
    close(t)
    return t.chooser.pick(("Somebody new", "{hero} and {friend}"))
