"""The lost toy: it is known again by its color."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

HAS = event(
    "lost toy: the toy",
    """
- {His} [dearest|favorite] [thing] was {toy.a}, which {parent} had [made|mended|won] [with great
  care|for {his} birthday|one long winter|at the fair].
- {~Hero} had {toy.a}, and {he} [took|carried|dragged] it everywhere, even [to bed|into the
  bath|up the apple tree|under the table].
- For {his} birthday {he} had [been given|found] {toy.a}, and there was no <nicer> {toy} in [the
  whole world|all the land|the town].
- {~Hero} owned [only one|a single] toy, {toy.a}, but {he} [loved|liked] it more than [a hundred
  others|<snack>].
- {Parent} had [given|made|bought] {him} {toy.a}[. "Take good care of it," {parent} had said| on a
  rainy Sunday| the year before].
- The best thing {he} had was {toy.a}. It had [one small crack|a scratch or two|a patch], but
  {~hero} [did not mind|loved it all the more|thought that it was perfect].
""",
)

OUT = event(
    "lost toy: out to play",
    """
- <one_morning>, {he} [took|carried] it {place} to [play|show it to the ducks|be alone with it].
- <one_morning>, {he} <walked> {place} with the {toy} [under {his} arm|on {his} back|on {his}
  head].
- <one_morning>, {he} <walked> {place}, and [of course|] the {toy} [went|came] too.
- <one_morning>, {~hero} and the {toy} went {place}[, where nobody else was| to look for <junk>|
  for the whole day].
""",
)

AWAY = event(
    "lost toy: something flies by",
    """
- Then {he} [saw|noticed|spotted] <chased>. {He} [put|laid|set] the {toy} down in the
  [grass|sand|moss|shade] and <ran> after it.
- Then <chased> [came by|went past {his} nose]. "[Wait|Stop|Come back]!" {he} <cried>,
  [dropped|let go of] the {toy} and <ran> after it.
- {He} was just [about to sit down|looking for <junk>] when {he} [saw|spotted] <chased>. Off {he}
  <ran> to [catch|follow] it, and the {toy} stayed behind.
- {He} left the {toy} on a [smooth|warm|round] [stone|stump|log], [only|just] for a moment,
  because {he} [wanted to|had to] [follow|catch] <chased>.
- But {he} [spotted|noticed|met] <chased>, forgot [all about the {toy}|everything else] and <ran>
  after it.
""",
)

GONE = event(
    "lost toy: gone",
    """
- When {he} came back, the {toy} was [gone|not there|nowhere to be seen].
- <soon> {he} [turned around|came back] to [get|fetch] the {toy}. There was [only|nothing but]
  [bent grass|an empty spot| <junk>].
- When {he} [remembered|thought of] the {toy} and <ran> back, it [was gone|was nowhere to be
  seen].
- But when {he} came back, [out of breath|hot and thirsty], the {toy} had [disappeared].
- {He} came back <slowly>, and the place where {he} had left the {toy} was empty.
""",
)

FELT = event(
    "lost toy: sad",
    """
- <tears>.
- {~Hero} felt <feeling>. "[Oh no|Oh dear]," {he} <whispered>. "[What will {parent.role} say|My
  poor {toy}]!"
- {~Hero} <looked> [left and right|up and down|here and there|behind every stone], and then {he}
  felt <feeling>.
- "My {toy}!" {he} <cried>, but only the [wind|ducks] answered, and {he} felt <feeling>.
- {He} turned around [three|four|ten] times, [just to be sure|as if it might help], and felt
  <feeling>.
""",
)

FRIEND = event(
    "lost toy: a friend comes",
    """
- <soon> {friend.intro} came [along|by] with [a basket of apples|a bag of nuts|muddy
  feet|<snack>].
- {Friend.intro} heard it and came [running|over|to see].
- {Friend.intro} was <chore> [nearby|not far away], and [heard {him}|came over].
- <then> {friend.intro}, who was <chore>, [looked|peeped] over the [fence|hedge|wall].
""",
)

WHY = event(
    "lost toy: what is wrong",
    """
- "What is [wrong|the matter], {hero}?" {friend.he} asked. "[I have lost my {toy}|My {toy} is
  gone]," said {hero} <sadly>.
- "You look as if it had rained on your [cake|bed|birthday|best hat]," {friend.he} said. "[I have
  lost my {toy}|My {toy} is gone]," said {hero}.
- "Why [are you so|do you look so] [sad]?" asked {friend}, and {hero} told {friend.him} about the
  {toy} [from beginning to end|and sniffed].
""",
)

PLAN = event(
    "lost toy: they will look together",
    """
- "I have lost my {toy}," said {hero} <sadly>. "Then we will [look for|find] it together," said
  {friend} <kindly>.
- "My {toy} is gone," said {hero}. "Four eyes see more than two," said {friend}. "[Come on|Follow
  me]!"
- {Hero} told {friend} about the {toy}. "Things do not [just go|walk|run] away," said {friend}.
  "Let us [search|look|ask]!"
- {Hero} told {friend} about the {toy}. "We will find it," said {friend} and [took|held] {his}
  {hero.hand}.
""",
)

SEARCH = event(
    "lost toy: the search",
    """
- They <looked> {first} and {second}. They found <junk> and <junk>, but no {toy}.
- {Hero} <looked> {first} and found <junk>. {Friend} <looked> {second} and found <junk>.
- First they <looked> {first}, [where|but] there was only <junk>. Then they <looked> {second} and
  [met|found] <junk>.
- They [searched|looked] everywhere: {first}, {second}, [even|and] under <junk>. [Nothing|No
  {toy}]!
""",
)

DECOY = event(
    "lost toy: the wrong one",
    """
- "Is this it?" {friend} <cried>, and held up {decoy.a}. "No," said {hero}[, shaking {his} head|
  <sadly>|]. "Mine is {!toy.color}."
- <soon> {friend} [found|discovered] {decoy.a}. "[There it is|Look]!" {friend.he} <cried>. But
  {hero} shook {his} head. "That one is {decoy.color}," {he} said. "Mine is {!toy.color}."
- Near the [road|path|pond|ditch] lay {decoy.a}. {Hero} <ran> [up|over] to it, but it was not [the
  right one|{his} own]. {His} {toy} was {!toy.color}.
- {friend} pulled out {decoy.a} from [the mud|under <junk>]. "You may keep it," said {friend.he},
  but {hero} wanted only {his} own {toy}, the {!toy.color} one.
""",
)

MEET = event(
    "lost toy: asking the elder",
    """
- <at_last> they [met|found] {elder} {elder.at}, <chore>.
- <at_last> they asked {elder}, who was <chore>.
- {Elder} was {elder.at}, as always, <chore>.
""",
)

ASK = event(
    "lost toy: which color",
    """
- "[Hm|Well, well|Let me think]," said {elder}. "I did find a {toy} [today|this morning|in the
  {found}]. [But what|What] color is yours?" "It is {!toy.color}," said {hero} <eagerly>.
- "A {toy}?" said {elder}. "[Tell me its color, then|Its color, please|First tell me the color]."
  {Hero} did not have to think. "It is {!toy.color}!" {he} <cried>.
- "[Perhaps|It may be that] I found one in the {found} and kept it [dry|safe]," said {elder}.
  "Which color was yours?" "Mine is {!toy.color}," said {hero}, and <heart>.
- "Somebody left a {toy} in the {found}," said {elder} <kindly>. "Is yours {decoy.color}?" "No, it
  is {!toy.color}," said {hero} [at once].
""",
)

BACK = event(
    "lost toy: found",
    """
- {Elder} [smiled|nodded] and [brought out|showed them] the {toy}, [safe and sound|without a
  scratch|as good as ever|clean and dry].
- "Then [close your eyes|hold out your {hero.hands}|this must be it]," said {elder}, and [a moment
  later|then] {hero} was holding the {toy}.
- {Elder} [opened|reached into] a [big|dusty|striped] [bag|box|basket], and there it was, [wrapped|
  tucked] in a [clean|warm|soft|striped] cloth.
""",
)

THANKS = event(
    "lost toy: the end",
    """
- {Hero} hugged the {toy}, and then {he} hugged {elder} as well.
- {Hero} was <feeling>. "Thank you! And thank you, {!friend}!" {he} <cried>.
- "Thank you!" <cried> {hero} [and <dance>|<gladly>].
- {Hero} was <feeling>, and {!friend} <dance>.
""",
)

END = event(
    "lost toy: after",
    """
- <ever_after>, {he} and {friend} played with the {!toy.color} {toy} together, and [neither of
  them ever|they never] left it [in the grass|behind|alone].
- <ever_after>, {he} never [put|set] the {!toy.color} {toy} down without [looking back|a good
  reason].
- {He} let {!friend} play with it first, because [a good friend] is worth more than [any toy|a
  hundred toys|<snack>].
- They played until [dark|supper], and when <chased> came by, {hero} [only waved at it|let it go]
  and held on to the {!toy.color} {toy}.
""",
)


def plot(t: Telling) -> str:
    """Lose a toy, look for it with a friend, and name its color to get it back."""
    w = t.world
    hero = introduce(t)
    toy = w.thing(words.TOYS, hero)
    friend, elder = w.friend(hero), w.elder(hero)
    t.add(toy=toy, friend=friend, elder=elder, decoy=w.twin(toy), place=w.spot(words.PLACES))
    t.add(first=w.spot(words.OUTDOORS), second=w.spot(words.OUTDOORS))
    t.add(found=w.word(("ditch", "nettles", "puddle", "rain", "mud", "hay"), "place"))
    t.tell(HAS)
    t.paragraph()
    weather(t)
    t.tell(OUT)
    t.tell(AWAY)
    w.lose(toy)
    t.tell(GONE)
    w.feel(hero, "sad")
    t.maybe(FELT)
    watch(t)
    t.paragraph()
    t.tell(FRIEND)
    t.tell(t.chooser.pick((WHY, PLAN)))
    t.tell(t.chooser.pick((SEARCH, DECOY)))
    t.paragraph()
    t.tell(MEET)
    t.tell(ASK)
    w.take(toy, elder)
    w.give(toy, elder, hero)
    t.tell(BACK)
    w.feel(hero, "glad")
    t.maybe(THANKS, 1, 4)
    t.tell(END)
    close(t)
    return t.chooser.pick(("{hero} and the {toy.full}", "The lost {toy}"))
