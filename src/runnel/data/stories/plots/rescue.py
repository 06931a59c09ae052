"""The small rescuer: whoever is helped may help, however small."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event
from runnel.data.stories.world import Spot

CRY = event(
    "rescue: the cry",
    """
- <one_morning>, {~hero} <walked> {place} and heard a [thin|tiny|very small] [cry|voice]. In a
  [puddle|bucket|rain barrel] swam a {tiny}, [round and round].
- <one_morning>, {~hero} was [on {his} way|walking] {place} when {he} saw a {tiny} [caught|stuck]
  in a [crack in a stone|bottle].
- <one_morning>, {~hero} [sat down|stopped to rest] on the way {place} and almost sat on a {tiny},
  who lay on its back and [kicked|waved its legs| could not turn over].
""",
)

SAVE = event(
    "rescue: the small one is saved",
    """
- {Hero} [took|held out] a [straw|leaf|twig], and <slowly> {he} [pulled|lifted] the {tiny}
  [free|out].
- "[Hold on|Keep still]," said {hero}, and set it free with [one {hero.hand}|the tip of {his}
  scarf|a straw].
- {Hero} [bent down] and picked up the {tiny} with [two {hero.hands}|great care|a spoon], and
  [dried] it on {his} [sleeve|nose].
""",
)

VOW = event(
    "rescue: the vow",
    """
- "[I owe you my life|Thank you, big one]," said the {tiny}. "If you are ever in need, shout
  '{call}' [once|twice|three times], and I will come."
- The {tiny} [bowed|shook itself dry|sat on <junk>]. "One day I will [help|save] you," it said.
  "[Just|You need only] shout '{call}'!"
- "I am small," said the {tiny}, "but I never forget[ a friend|]. [Call|Shout] '{call}' [three
  times|as loud as you can|even at night], and I will be there."
""",
)

LAUGH = event(
    "rescue: the laughter",
    """
- When {friend.intro} heard of it, {friend.he} laughed [until {friend.he} fell over|and laughed].
  "A {tiny}! What can a {tiny} do? Lift <junk>?"
- {Hero} told {friend.intro}, who was <chore>. "[Saved by|Helped by] a {tiny}!" {friend.he} said
  and <smiled>. "Give me [<junk>|a rope|<beast>], any day."
- "{call.up}? [What a silly word|It sounds like <beast>]," said {friend.intro}. "And a {tiny} is
  no bigger than a [button|nut|pea|bean]."
""",
)

FALL = event(
    "rescue: the fall",
    """
- [Nine days|A month|Not long] [later|after that], {hero} and {friend} [ran after|followed]
  <chased> [into the hills|through the forest]. <then> the ground broke, and they fell into a [dry
  well|deep hole].
- [A week|Two weeks] later, {hero} and {friend} [played|were playing] <game> in the old
  [mill|barn]. <then> the [big|heavy] door [fell shut|slammed], and [the key turned|nobody was
  near].
- One evening in [autumn|spring], {hero} and {friend} were caught [in a net] [behind|near] the
  [mill|old wall]. The more they [pulled|kicked], the [worse] it was.
""",
)

TRY = event(
    "rescue: they try",
    """
- They [pushed|pulled|called] until dark. "[Nobody will come|This is the end of us|I want
  <snack>]," said {friend}. {Hero} felt <feeling>.
- They tried everything: [<junk>|a belt|a scarf], [a song|a plan|tears]. Nothing helped, and
  {hero} felt <feeling>.
- {friend} [cried|counted the stars|talked about <topic>]. {Hero} felt <feeling>, and they shared
  [one nut|half a cookie|the last of <snack>].
""",
)

CALL = event(
    "rescue: the call",
    """
- Then {he} remembered. "It is {!call}!" {he} thought. "{call.up}, {call}!" {he} <cried>[ into the
  dark|, three times|, as loud as {he} could|].
- "Wait," said {hero}, "[there was a word|there is a word]. It is {!call}! {call.up}!"
- {Hero} [took a deep breath|closed {his} eyes|stood up] and shouted "{!call}". [Far
  off|Somewhere], [an owl|a dog] answered. Then all was [still|quiet].
""",
)

COME = event(
    "rescue: the rescue",
    """
- Something moved, and there was the {!tiny}, with [all its friends|twenty cousins|forty cousins].
  They [dug|pulled|worked] [all night|for an hour] until {hero} and {!friend} were free.
- "[Here I am|You called]!" said a small voice, and it was the {!tiny}. It slipped through a
  crack, found [the key|a rope|<junk>], and <soon> they were free.
- At first nothing happened. Then came the {!tiny}, [out of breath|with a lantern|with <junk>],
  and showed them a [secret way|small door] behind the <near>.
""",
)

END = event(
    "rescue: the end",
    """
- "I take it back," said {!friend}, and [bowed|took off {friend.his} hat]. "[A {tiny}|Small] is
  [just the right size|strong enough]."
- {Hero} was <feeling>. <ever_after>, {!friend} [never laughed at anybody small|looked where
  {friend.he} put {friend.his} {friend.feet}].
- {Hero} was <feeling>, and [that Sunday|the next day] {he} and {!friend} put three cups on the
  table, [two big ones|two of them big] and one the size of [a pea].
""",
)


def plot(t: Telling) -> str:
    """Save somebody tiny, be laughed at, and be saved in turn."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    kinds = [kind for kind in words.TINY if kind not in w.used]
    tiny, call = w.fresh(kinds), w.fresh(words.CALLS)
    t.add(friend=friend, place=w.spot(words.PLACES))
    t.add(tiny=Spot({"": tiny}, {"": ("animal", words.TINY)}))
    t.add(call=Spot({"": call, "up": call.capitalize()}, {"": ("word", words.CALLS)}))
    weather(t)
    t.tell(CRY)
    t.tell(SAVE)
    t.paragraph()
    t.tell(VOW)
    promise = w.promise(friend, hero, "to come when called")
    t.tell(LAUGH)
    t.paragraph()
    t.tell(FALL)
    w.happen(hero)
    w.feel(hero, "afraid")
    t.tell(TRY)
    watch(t)
    t.tell(CALL)
    t.paragraph()
    t.tell(COME)
    w.keep(promise)
    w.feel(hero, "glad")
    t.tell(END)
    close(t)
    return t.chooser.pick(("The small friend", "{hero} and the {tiny}"))
