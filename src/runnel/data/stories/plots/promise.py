"""The promise: a sick friend waits for a gift, and the day is full of other things."""

from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

SICK = event(
    "promise: the friend is sick",
    """
- <one_morning>, {~hero} [came|went] to [visit|cheer up] {friend.intro}, who had <ill> and [had
  to|must] stay in bed.
- {His} [best|oldest|dearest] friend was {friend.full}. But {friend} had <ill>, so <one_morning>
  {~hero} [sat|came and sat] [by {friend.his} bed|at {friend.his} window].
- <one_morning>, {friend.intro} had <ill> and [could not|was not allowed to] [come out|get up|play
  outside]. {~Hero} <walked> over with [a book about <topic>|<snack>] to cheer {friend.him} up.
- <one_morning>, {~hero} heard that {friend.intro} [was in bed with|had caught|had] <ill>, and
  went to [see|visit] {friend.him} <quickly>.
""",
)

WISH = event(
    "promise: the wish",
    """
- "It is so [dull|quiet] here," said {friend}. "[What I would like|What I miss|What I want] most
  is a {gift} {gift.from}."
- "[Outside is so far away|I have counted every crack in the wall]," <whispered> {friend}. "If
  only I had a {gift} {gift.from}!"
- "Is there anything you [want|wish for|need]?" asked {hero}. {Friend} thought [for a moment|for a
  long time|hard]. "A {gift} {gift.from}," {friend.he} <whispered>.
- "[Tell me what you want|Make a wish]," said {hero} <kindly>. "A {gift} {gift.from}," said
  {friend}, "for [that is|it is] what I like best."
- They talked about <topic>. "Do you know what would [help|cheer me up]?" said {friend}. "A {gift}
  {gift.from}!"
""",
)

VOW = event(
    "promise: the vow",
    """
- "You shall have [it|one] <by_night>," said {hero}. "I promise."
- "I will [bring|fetch|get] you one <by_night>," {hero} promised [and put a {hero.hand} on {his}
  heart|<gladly>|and ran out].
- "Then I promise to [bring|get] you one <by_night>," said {hero}, and [off {he} went|they shook
  {hero.hands} on it].
- "[I promise|My word on it|Trust me]," said {hero} <kindly>. "You will have one <by_night>."
""",
)

DELAY = event(
    "promise: the delay",
    """
- On the way, {hero} [met|came upon|ran into] <delay>. {He} [stopped|stayed] to [look|watch], and
  the [hours|time] [went by|passed] [very fast|like a dream].
- But by the [road|path|mill], some others were playing <game> and [called|waved] to {him}.
  "[Only|Just] one game," said {hero}, and it became [three|seven|twenty|ten].
- But the way was long, and the [shade|grass|hay|moss] was [soft|cool|sweet]. {~Hero} lay down
  [for a moment|to rest {his} {hero.feet}|to look at a cloud] and slept [until the bees went
  home|half the day|until the sun was low].
- But on the [road|path|hill] {he} met <chased> and followed it [up hill and down|this way and
  that| through a swamp] until {he} no longer knew why {he} had [come|gone out].
- But {parent} was <chore> and [needed|asked for] help, and after that there was <snack>, and
  [then|after that] came <delay>, and the day was [over|gone].
""",
)

LATE = event(
    "promise: late",
    """
- When the sun was low, {~hero} came home [whistling], with nothing in {his} {hero.hands} but
  <junk>.
- {~Hero} was almost [home|at {his} door] when the [lamps|first stars] [were lit|came out], and
  {he} had the feeling that something was [wrong].
- In the evening {~hero} sat down to <snack>. {He} had eaten half of it when {he} [put down {his}
  spoon].
- Night was falling when {~hero} reached {his} own door. There {he} [stopped|stood still].
""",
)

REMEMBER = event(
    "promise: remembered",
    """
- The promise! {friend} was waiting for a {!gift}, and [there|here] {he} [stood|was] with [nothing
  at all|<junk>].
- "What was it I had to [do|bring|fetch]?" {he} thought. It was not a {wrong}. It was a {!gift}
  for [poor|sick] {!friend}!
- [Far away|Across the field] {he} saw the light in the window of {friend}, and [it came back to
  {him}|then {he} knew]: the {!gift}!
- "Did you have a good day?" asked {parent}. "[I did|Yes], but poor {friend} is [still waiting]!"
  <cried> {hero}. "I promised {friend.him} a {!gift}!"
- "[What would you like|What else do you want]?" asked {parent}. "A {!gift}!" <cried> {hero}. "For
  {!friend}! I [forgot|promised]!"
""",
)

BACK = event(
    "promise: going back",
    """
- {He} felt <feeling>. It was [dark|late|cold] and {his} {hero.feet} were [sore|tired|wet], but
  {he} <ran> {gift.to} and <looked> [in the moonlight|by the light of a lantern|with both
  {hero.hands}] until {he} found [one|the right one].
- {He} felt <feeling>. {He} [took|lit] a lantern and <ran> {gift.to}. [Twice|Three times|Once]
  {he} [stumbled| fell|slipped], but {he} came [back|away] with [the best one of all|a big one].
- {He} felt <feeling>. [Without stopping for a coat], {he} <ran> {gift.to}, and there {he}
  [searched|looked] [on {his} knees|in the last light|behind <junk>] until {he} found one.
""",
)

AWAKE = event(
    "promise: at the bed again",
    """
- {friend} was [still awake|not asleep yet]. "[You remembered|You came]!" {friend.he} said. "[Only
  just|Almost too late|Nearly not]," said {hero}, and told {friend.him} [everything|the
  truth|about <delay>].
- "I am late," said {hero} at the bed of {friend}, "but here it is." {friend} [held|put] the
  {!gift} against {friend.his} [ear|heart] and <smiled>.
- "I knew that you would come," said {friend} [when {friend.he} saw|and took] the {!gift}, and
  [hugged it|laughed out loud|sat up in bed].
- When {hero} laid the {!gift} on the [blanket|pillow], {friend} <smiled> for the first time [that
  day|in days]. "It is [perfect|just what I wanted|the best one ever]," {friend.he} said.
""",
)

END = event(
    "promise: kept",
    """
- {Hero} was <feeling>, and {he} [never forgot a promise again|slept well that night].
- And the next morning, {friend} was [well|much better|out of bed|hungry again].
- A [late|slow] promise is [better than none|still a promise], [but|and] {hero} [was never late
  again|learned to come straight home].
- The {!gift} [lay|stayed] [under the pillow|by the bed|on the window sill] until {friend} was
  well.
""",
)

# What is promised, where it comes from, and the way there.
GIFTS = {
    "shell": ("from the beach", "to the beach"),
    "feather": ("from the meadow", "to the meadow"),
    "pinecone": ("from the forest", "to the forest"),
    "pebble": ("from the river", "to the river"),
    "daisy": ("from the hill", "to the hill"),
    "chestnut": ("from the park", "to the park"),
    "pear": ("from the orchard", "to the orchard"),
    "leaf": ("from the big maple", "to the big maple"),
    "cattail": ("from the pond", "to the pond"),
    "mushroom": ("from the wood", "to the wood"),
    "rose": ("from the palace garden", "to the palace garden"),
    "bun": ("from the bakery", "to the bakery"),
    "peach": ("from the market", "to the market"),
    "thistle": ("from the field", "to the field"),
}


def plot(t: Telling) -> str:
    """Promise a gift, forget it over the day's pleasures, and bring it after all."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    gift = w.thing(tuple(GIFTS), kind="promise", color=False)
    gift.forms["from"], gift.forms["to"] = GIFTS[str(gift)]
    t.add(friend=friend, gift=gift, wrong=w.thing(tuple(GIFTS), color=False))
    weather(t)
    t.tell(SICK)
    t.tell(WISH)
    t.tell(VOW)
    promise = w.promise(hero, friend, gift)
    t.paragraph()
    t.tell(DELAY)
    t.tell(LATE)
    t.tell(REMEMBER)
    watch(t)
    t.paragraph()
    w.feel(hero, "ashamed")
    t.tell(BACK)
    w.take(gift, hero)
    w.give(gift, hero, friend)
    w.keep(promise)
    t.tell(AWAKE)
    w.feel(hero, "glad")
    t.maybe(END)
    close(t)
    return t.chooser.pick(("{hero} keeps a promise", "A {gift} for {friend}"))
