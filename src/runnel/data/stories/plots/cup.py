"""The broken cup: the truth is hard to say, and harder not to say."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

SHELF = event(
    "cup: on the shelf",
    """
- On the [highest|top] shelf, [between|behind] <junk> and <junk>, stood {dish.a}. It belonged to
  {parent}, and nobody else was allowed to touch it.
- {Parent} had {dish.a}, [as thin as a leaf|with tiny ships on it|older than the house|out of a
  far country], and loved it more than <snack>.
- Of all the things in the house, {parent} loved {dish.a} best[, more than <junk>|, more than all
  {parent.his} hats|]. It was a hundred years old and stood on the [top|highest] shelf.
""",
)

RULE = event(
    "cup: the rule",
    """
- "[No <game>|No running] in the kitchen," {parent} [always|often] said.
- "[Only look|You may look], but do not [touch|dust|move] it," {parent} [always|often] said.
- "Please [walk slowly] near that shelf," {parent} had said [a hundred times|only that morning].
""",
)

PLAY = event(
    "cup: the game",
    """
- But <one_morning> it was too [wet|cold|dull] to go out, and {hero} [played|practiced] <game> [in
  the kitchen|around the table|with a pillow].
- But <one_morning>, when {parent} was <chore>, {hero} [chased|tried to catch] <beast> through the
  kitchen.
- But <one_morning>, {hero} was a [dragon|giant], and the kitchen was [the sea|a cave].
- But <one_morning>, {hero} wanted [a cookie|the honey|the jam] from the [top|highest] shelf, so
  {he} put a [ bucket|chair] on the table and climbed up <slowly>.
""",
)

CRASH = event(
    "cup: the crash",
    """
- [There was a crash|Crash]! The {dish} lay on the floor in [three|four|seven|a hundred] pieces.
- {His} [elbow|tail end|foot|sleeve] [touched|bumped] the shelf, the {dish} [shook|danced] once,
  twice, and then it fell [down|] and broke.
- {He} [slipped|tripped|stumbled], [something|the shelf] [shook|rattled], and the {dish}
  [fell|came down] and broke into [three|five|nine] pieces.
""",
)

HIDE = event(
    "cup: hiding the pieces",
    """
- <heart>. <quickly>, {he} [picked up|put] the pieces in <junk_cloth> and hid them {spot}.
- {Hero} felt <feeling>. {He} listened. Nobody came. So {he} put the pieces into [a sock|a
  hat|<junk_cloth>] and hid it {spot}.
- The house was very quiet. {Hero} felt <feeling>, and {he} hid the pieces {spot},
  [behind|under|beside] <junk>.
""",
)

ASKED = event(
    "cup: the question",
    """
- At [supper|noon|breakfast], {parent} looked up from <snack>. "Where is my {!dish}?" "[Perhaps|I
  think] {culprit} [took|broke|ate] it," said {hero}, and looked at {his}
  [spoon|{hero.feet}|bread].
- "Has anybody seen my {!dish}?" asked {parent}, <chore>. {Hero} [shook {his} head|said
  nothing|looked out of the window]. "It may have been {culprit}," {he} <whispered>.
- <soon> {parent} came in from <chore>. "My {!dish} is gone," {parent.he} said. "[I saw nothing|I
  saw <beast>]," said {hero}. "[Ask|It was] {culprit}!"
""",
)

GUILT = event(
    "cup: a bad night",
    """
- That night, {hero} could not sleep. [The pieces seemed to rattle|{He} thought of the pieces]
  {spot.start} {!spot.noun}, and {he} felt [worse and worse|<feeling>|as if {he} had swallowed
  <junk>].
- <snack> at supper tasted like [sand|straw], and in the night {he} [dreamed of|thought about
  nothing but] the place {spot.start} {!spot.noun}. {He} felt <feeling>.
- {He} went to bed [early|without a word]. But [the moon looked in at the window|the clock went
  tick, tock], and in {his} [mind|head] {he} saw the pieces {spot.start} {!spot.noun}. {He} felt
  <feeling>.
""",
)

TELL = event(
    "cup: the truth",
    """
- [At midnight|At dawn|Before breakfast] {he} [went|walked] to {parent}. "It was not {culprit},"
  {he} said <sadly>. "I broke the {!dish.color} {dish}."
- In the morning {he} [fetched|brought] the pieces and put them [on the table|next to <snack>].
  "[It was me|I did it]," {he} <whispered>. "I broke your {!dish.color} {dish}, not {culprit}."
- "[Are you awake|May I come in]?" {he} <whispered> at the door of {parent}. "I broke the
  {!dish.color} {dish}, and [I was afraid|it was not {culprit}]."
""",
)

FORGIVE = event(
    "cup: forgiven",
    """
- {Parent} was quiet for [a while|a long time|as long as it takes to eat <snack>]. "A {dish} is
  only a {dish}," {parent.he} said. "[The truth is|You are] worth more."
- {Parent} [took|pulled] {him} close. "[Thank you for telling me|That took a brave heart|It is
  worth less than <snack>]," {parent.he} said <kindly>.
- "I [heard the noise|found a piece beside <junk>]," said {parent}, "and I waited for you to
  [come|tell me]. [Now|Well], get the glue."
""",
)

MEND = event(
    "cup: mended",
    """
- They [glued|mended] it together[, piece by piece|, ate <snack> and talked about <topic>|].
  <ever_after>, the {!dish.color} {dish} had a crack like a [smile|river], and {parent} liked it
  [even more|better than before].
- [All morning|After breakfast] they sat and glued. The {!dish.color} {dish} [never held water
  again|leaked a little], so they [planted|kept] [a daisy|flowers|mint] in it.
- It took [a lot of glue|glue and patience|the whole morning], but then the {!dish.color} {dish}
  stood on the shelf again, and {hero} felt [light|clean|free|<glad>].
""",
)

SORRY = event(
    "cup: the innocent",
    """
- And {culprit} got [a bowl of cream|a big biscuit], because [it had done nothing at all|{hero}
  was sorry|that was only fair].
- And {hero} [said sorry to|shared <snack> with] {culprit}[, too|, who had not noticed a thing|].
""",
)

CULPRITS = ("the cat", "the dog", "the wind", "the goat", "the parrot", "the mouse", "the ghost")


def plot(t: Telling) -> str:
    """Break a treasure, hide it, blame another, and tell the truth."""
    w = t.world
    hero = introduce(t)
    parent = t.who("parent")
    dish = w.thing(words.DISHES, parent)
    spot = w.spot(words.INDOORS)
    t.add(dish=dish, spot=spot, culprit=w.phrase(w.fresh(CULPRITS)))
    weather(t)
    t.tell(SHELF)
    t.maybe(RULE, 1, 5)
    t.paragraph()
    t.tell(PLAY)
    t.tell(CRASH)
    w.happen(hero)
    w.feel(hero, "afraid")
    t.tell(HIDE)
    watch(t)
    t.paragraph()
    t.tell(ASKED)
    w.happen(hero)
    w.feel(hero, "ashamed")
    t.tell(GUILT)
    t.tell(TELL)
    w.happen(hero)
    t.paragraph()
    w.feel(hero, "calm")
    t.tell(FORGIVE)
    t.tell(MEND)
    t.maybe(SORRY, 1, 5)
    close(t)
    return t.chooser.pick(("The broken {dish}", "{hero} tells the truth"))
