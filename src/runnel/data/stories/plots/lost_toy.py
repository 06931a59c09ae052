"""The lost toy: it is known again by its color."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, sky, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

HAS = event(
    "lost toy: the toy",
    """
- {His} [dearest|favorite|most precious] [thing|possession] was {toy.a}, [which|that] {parent} had
  [made|painted|mended] [with great care|for {his} birthday|one long winter].
- {~Hero} had {toy.a}, and {he} [took|carried] it everywhere, even [to bed|into the bath|up the apple tree].
- For {his} birthday {he} had been given {toy.a}, and [to {him} it was|there was] no [finer|better] {toy}
  in [the whole world|all the land].
- {~Hero} owned only one toy, {toy.a}, but {he} [loved|liked] it more than [a hundred others|all the toys
  in the shop window].
- {Parent} had [given|made] {him} {toy.a}. "[Take good care of it|Look after it well]," {parent} had said,
  and {~hero} always [did|had].
- The best thing {he} had was {toy.a}. It had [one small crack|a scratch or two|a dent in one side],
  but {~hero} [did not mind|loved it all the more].
""",
)

OUT = event(
    "lost toy: out to play",
    """
- <one_morning>, {he} [took|carried] it {place} [to play|to show it to the ducks|and played until noon].
- <one_morning>, {he} <walked> {place} with the {toy} under {his} arm.
- <one_morning>, {he} [went|ran] {place}, and of course the {toy} [went|came] too.
""",
)

AWAY = event(
    "lost toy: something flies by",
    """
- Then {he} saw <chased>. {He} [put|laid|set] the {toy} down in the grass and <ran> after it.
- Then <chased> came by. "[Wait|Stop|Come back]!" {he} <cried>, [dropped|let go of] the {toy} and <ran> after it,
  [over the stones|through the mud|up the path] and [round|down] the bend.
- {He} was just [humming to {himself}|having the best of times] when <chased> [came by|went past {his} nose].
  Off {he} <ran> to [catch|follow] it, and the {toy} stayed behind.
- {He} left the {toy} on a [flat|smooth] stone, only for a moment, because {he} [wanted to|had to] follow
  <chased>.
- But {he} [spotted|noticed] <chased>, and {he} forgot [all about the {toy}|the {toy} altogether|everything else].
""",
)

GONE = event(
    "lost toy: gone",
    """
- When {he} came back, the {toy} was gone.
- <Soon> {he} [turned around|came back] to [get|fetch] the {toy}. There was [only|nothing but] bent grass.
- When {he} remembered the {toy} and <ran> back, it was [nowhere to be seen|not there anymore].
- But when {he} <ran> back, [out of breath|puffing and panting], the {toy} had [vanished|disappeared].
- {He} came back [slowly|at noon], and the place where {he} had left the {toy} was empty.
""",
)

FELT = event(
    "lost toy: sad",
    """
- <tears>.
- {~Hero} felt <feeling>. "[Oh no|Oh dear]," {he} <whispered>. "[It is all my fault|I should have held on to it]."
- {~Hero} <looked> [left and right|up and down|here and there], and then {he} felt <feeling>.
- "My {toy}!" {he} <cried>, but only the [wind|echo|ducks] answered, and {he} felt <feeling>.
- {He} turned around three times, [just to be sure|as if it might help], and felt <feeling>.
""",
)

FRIEND = event(
    "lost toy: a friend comes",
    """
- <Soon> {friend.intro} came [along|by] with [a basket of apples|a fishing rod|a bag of nuts|muddy feet]. "What is
  [wrong|the matter], {hero}?" {friend.he} asked.
- {Friend.intro} heard it and came [running|over]. "Why are you [so|] sad?" {friend.he} asked.
- {Friend.intro} was [picking berries|taking a nap] nearby. "What [happened|is the matter]?" {friend.he} asked.
- <Then> {friend.intro} [looked|peeped] over the [fence|hedge]. "You look as if it had rained on your [cake|bed],"
  {friend.he} said. "What is it?"
""",
)

PLAN = event(
    "lost toy: they will look together",
    """
- "I have lost my {toy}," said {hero} <sadly>. "Then we will [look for|find] it together," said {friend}.
- {~Hero} told {friend} [everything|all about it]. "Four eyes see more than two," said {friend}. "[Come on|Come
  along]!"
- "My {toy} is gone," said {hero}. "Things do not [just go|walk] away," said {friend}. "Let us [search|look]!"
- {~Hero} explained [what had happened|it all], and {friend} <quickly> rolled up {friend.his} sleeves.
  "We will find it," {friend.he} promised.
""",
)

SEARCH = event(
    "lost toy: the search",
    """
- They <looked> {first} and {second}. They found <junk> and <junk>, but no {toy}.
- {Hero} <looked> {first} and found <junk>. {Friend} <looked> {second} and found <junk>.
- First they <looked> {first}, [where|but] there was only <junk>. Then they <looked> {second} [and met|and found]
  <junk>.
- They [searched|looked] everywhere: {first}, {second}, [even|and] under <junk>. [Nothing|No {toy}]!
""",
)

DECOY = event(
    "lost toy: the wrong one",
    """
- "Is this it?" {friend} <cried>, and held up {decoy.a}. "No," said {hero}. "Mine is {!toy.color}."
- <Soon> {friend} [found|discovered] {decoy.a}. "[Hooray|There it is]!" {friend.he} <cried>. But {hero} shook
  {his} head. "That one is {decoy.color}," {he} said. "Mine is {!toy.color}."
- Near the [road|path] lay {decoy.a}. {Hero} <ran> [up|over] to it, but [it was not the right one|it belonged to
  somebody else]. {His} own {toy} was {!toy.color}.
- {friend} pulled {decoy.a} out of the [nettles|mud]. "You may keep it," said {friend.he}, but {hero} wanted
  only {his} own {toy}, the {!toy.color} one.
""",
)

ASK = event(
    "lost toy: asking the elder",
    """
- <At_last> they [met|found] {elder} {elder.at}. "[Hm|Well, well]," said {elder}. "I did find a {toy} [today|this
  morning]. But what color is yours?" "It is {!toy.color}," said {hero} [quickly|at once].
- <At_last> they asked {elder}, who was [sitting|resting] {elder.at}. "A {toy}?" said {elder}. "Tell me its color,
  and then we shall see." {Hero} did not have to think. "It is {!toy.color}!" {he} <cried>.
- {Elder} was {elder.at}, as always. "Have you seen a {toy}?" asked {friend}. "[Perhaps|Maybe]," said {elder}.
  "I found one [by the road|in the grass] and kept it [dry|safe]. Which color was yours?" "[It is|Mine is] {!toy.color},"
  said {hero}, and [held {his} breath|{his} heart beat fast|crossed {his} {hero.fingers}].
""",
)

BACK = event(
    "lost toy: found",
    """
- {Elder} [smiled|nodded] and [brought out|pulled out] the {toy}, [safe and sound|without a scratch|as good as
  ever]. "[Then it is yours|This must be the one]," said {elder} <kindly>.
- "Then [close your eyes|hold out your {hero.hands}]," said {elder}, and a moment later {hero} was holding the
  {!toy.color} {toy}.
- {Elder} [opened|reached into] a big [bag|box|chest], and there [it was|lay the {toy}], [wrapped|tucked] in a
  [clean|warm] cloth.
""",
)

END = event(
    "lost toy: the end",
    """
- {Hero} hugged the {toy}, and then {he} hugged {elder} [too|as well]. <Ever_after>, {he} and {friend} played
  with the {!toy.color} {toy} together, and neither of them ever left it [in the grass|behind].
- {Hero} was <feeling>. "Thank you, thank you! And thank you, {!friend}!" {he} <cried>. <Ever_after>, {he} never
  [put|set] the {toy} down without [looking back|tying it to {his} belt].
- "Thank you!" <cried> {hero} [and <dance>|<gladly>]. {He} let {!friend} play with the {toy} first,
  because [a friend who helps to look|a good friend] is worth more than [any toy|a hundred toys].
- {Hero} was <feeling>. {He} and {friend} played until [dark|supper], and when a [fine|fat] butterfly flew by,
  {hero} only waved at it and held on to the {!toy.color} {toy}.
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
    t.tell(HAS)
    t.paragraph()
    weather(t)
    t.tell(OUT)
    sky(t)
    t.tell(AWAY)
    w.lose(toy)
    t.tell(GONE)
    w.feel(hero, "sad")
    t.tell(FELT)
    t.paragraph()
    t.tell(FRIEND)
    t.tell(PLAN)
    t.tell(t.chooser.pick((SEARCH, DECOY)))
    t.paragraph()
    t.tell(ASK)
    w.take(toy, elder)
    w.give(toy, elder, hero)
    t.tell(BACK)
    w.feel(hero, "glad")
    t.tell(END)
    close(t)
    return t.chooser.pick(("{hero} and the {toy.full}", "The lost {toy}"))
