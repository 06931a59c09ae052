"""The basket that grew lighter: a number that must be right at the end."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

SEND = event(
    "plums: sent out",
    """
- <one_morning>, {parent} put {number} {fruit} into a basket. "{number.up} for {elder}, who has
  had [a cold|a hard week|no breakfast]," {parent.he} said, "and not one for you."
- <one_morning>, {parent} had picked the [first|last|best] {fruit} of the year, {number} in all.
  "[Bring|Take] them to {elder}," {parent.he} said, "all {number}, and [say hello|sing for
  {elder}|do not run]."
- <one_morning>, {~hero} had to bring a basket of {fruit} to {elder}. There were {number} of them,
  [round and shiny|each one perfect|for {elder} was ill].
""",
)

SMELL = event(
    "plums: the smell",
    """
- The road was long. The {fruit} smelled of <smell> and [summer]. "[Only one]," said {hero}, and
  ate it.
- Halfway there, {he} sat down [on a stone|in the shade] to rest and looked into the basket. The
  [biggest|top] one [looked back|shone]. {He} ate it.
- At the bridge {he} [tripped over <junk>|met <beast>], and one of the {fruit} [fell|rolled] into
  the [mud|dust]. "[That one is spoiled|I cannot give away a dirty one]," said {hero}, and ate it.
""",
)

MORE = event(
    "plums: one more",
    """
- {friend.intro} came by and was hungry, so they had one each. Then another, because the first had
  been so [small|good|sweet]. They talked about <topic>.
- Then {he} met {friend.intro}, who was <chore>. "[Those look good|Are they sweet]," said
  {friend}. They ate two, and then, to be sure, [two|three] more.
- {friend.intro} knew a game: [throw one up|throw them high], and catch it with your mouth. They
  played it [well|for an hour|until <beast> came].
""",
)

EMPTY = event(
    "plums: nearly empty",
    """
- When {he} saw the roof of {elder}, there was one left. One looks [lonely|sad|small] in a basket.
  So {he} ate it, too.
- And [all at once|before {he} knew it], the basket was [light|empty], with nothing in it but
  [leaves|stones|one wasp].
- At the last bend {hero} looked into the basket. [Nothing|A leaf|One wasp]! {He} had eaten them
  all.
""",
)

ACHE = event(
    "plums: the stomach",
    """
- {His} stomach [growled like a bear|turned over], and {he} felt <feeling>. What now? {He} could
  [say that|tell them that] <beast> [took] them.
- {He} felt <feeling>, and not only because {his} belly was [tight as a drum|round as a ball]. "[A
  wolf took them]," {he} tried. It [was] wrong.
- {He} felt <feeling> and sat down [behind a hedge|under a tree]. [Running away|Hiding] was one
  idea. It was not a good one.
""",
)

TELL = event(
    "plums: the truth",
    """
- {He} [knocked|went in] <slowly>. "This basket had {!number} {fruit} in it," {he} said to
  {elder}, who was <chore>, "and I ate them."
- "I have something to say," said {hero} <sadly>. "You were to get {!number} {fruit}. They are in
  here," and {he} pointed at {his} belly.
- {Elder} opened the door, <chore>. {Hero} held up the empty basket. "There were {!number}," {he}
  <whispered>. "[I am sorry|And I ate them]."
""",
)

ANSWER = event(
    "plums: the answer",
    """
- {Elder} looked at {him} for a long time. "Were they [sweet|good]?" "Very." "I know a tree
  [behind the mill|by the river|on the hill|next to <junk>]," said {elder}.
- {Elder} laughed and laughed. "At your age I ate <snack> that was meant for [the king|the whole
  village|<beast>]," said {elder}.
- "The truth is [harder|heavier] to carry than {number} {fruit}," said {elder}. "Thank you for
  [bringing it|telling me]."
- "[Sit down|Come in]," said {elder} <kindly>. "You need <snack> for that belly, and then we will
  talk about <topic>."
""",
)

PAY = event(
    "plums: made good",
    """
- So {hero} climbed up, past <beast_up>, and picked until there were {!number} in the basket
  again. {He} counted them [twice|three times].
- The next day {he} worked in the garden of {elder}, <chore>, one hour for each of the {!number}
  {fruit}.
- {Hero} [ran home|told it all to {parent}], picked {!number} new ones, and <walked> the whole way
  again, with {his} mouth [full of bread|shut|full of <snack>].
- {Hero} had no money, so {he} gave {elder} <junk> and <junk> and promised to bring {!number} new
  ones, [and did|and kept {his} word].
""",
)

END = event(
    "plums: the end",
    """
- And {!friend}? When {friend.he} came by, {hero} <walked> [faster|on] and sang, so that {his}
  mouth was busy.
- {Hero} was <feeling>. For a [month|week], {he} could not [look at|hear of] {fruit}, and
  {!friend} could not either.
- {Hero} was <feeling>. [Later|On Sunday] {he} brought {!friend} along, and they [carried|counted]
  together.
""",
)


def plot(t: Telling) -> str:
    """Eat what was meant for another, tell the truth, and make it good."""
    w = t.world
    hero = introduce(t)
    friend, elder = w.friend(hero), w.elder(hero)
    number = w.word(words.NUMBERS, "number")
    number.forms["up"] = str(number).capitalize()
    t.add(friend=friend, elder=elder, number=number, fruit=w.phrase(w.fresh(words.FRUIT)))
    weather(t)
    t.tell(SEND)
    errand = w.promise(hero, elder, "the whole number")
    t.tell(SMELL)
    t.paragraph()
    t.tell(MORE)
    t.tell(EMPTY)
    w.happen(hero)
    w.feel(hero, "ashamed")
    t.tell(ACHE)
    watch(t)
    t.paragraph()
    t.tell(TELL)
    t.tell(ANSWER)
    t.tell(PAY)
    w.keep(errand)
    w.feel(hero, "calm")
    t.tell(END)
    close(t)
    return t.chooser.pick(("The basket that grew lighter", "{hero} counts to {number}"))
