"""The noise in the night: it is somebody whom they miss."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event
from runnel.data.stories.world import Spot

PET = event(
    "night: the pet",
    """
- {He} had a {pet.full} [named|called] {petname}, who [slept in {his} bed|ate out of {his}
  {hero.hand}|could <trick>|was afraid of <dislike>].
- With {him} lived a {pet.full} [named|called] {petname}, [who could <trick>|who was fond of
  <snack>].
- {His} [best|closest] friend was a {pet.full} [named|called] {petname}. [They did everything
  together|{petname} could <trick>].
""",
)

GONE = event(
    "night: the pet is gone",
    """
- <one_morning>, {petname} was not there. {Hero} [called|whistled], {he} <looked> {first} and
  {second}, and found only <junk>. {He} felt <feeling>.
- <one_morning>, the [gate|door] stood open, and {petname} was gone. {Hero} [put up a sign|asked
  everybody], even <beast>. Nobody had seen [so much as a tail|a thing]. {He} felt <feeling>.
- One [night|evening] there was thunder. {petname} [ran off|jumped out of the window] and did not
  come back for <snack>, nor for supper. {Hero} felt <feeling>.
""",
)

DAYS = event(
    "night: waiting",
    """
- [Two|Three|Five] days went by. Every evening {he} put a [bowl|dish] of [milk|water|crumbs] on
  the step.
- "[Some come back|Wait and see]," said {parent}, <chore>. But the bowl on the step stayed full.
- {Parent} made <snack>, but {hero} [did not eat|did not touch it].
""",
)

NOISE = event(
    "night: the noise",
    """
- Then, at midnight, there was a noise {spot}: <thump>. {Hero} sat up. <heart>.
- Then one night something went <thump> {spot}. {Hero} pulled the [blanket|pillow] over {his}
  [head|ears]. It came again.
- On the [third] night, there was a noise {spot}. <Thump>, it went. <thump>. {Hero} [woke up].
  <heart>.
""",
)

GUESS = event(
    "night: the guesses",
    """
- {Friend.intro} was staying [for the night|the night]. "It is a ghost," {friend.he} <whispered>.
  "[Or a robber|Or a giant] with [a wooden leg|wet boots]."
- In the other bed was {friend.intro}. "[A ghost|A dragon] would be louder," {friend.he}
  <whispered>. "It must be [a bear|a wolf|<beast>]."
- {Friend.intro}, who had come to stay the night, was awake as well. "[I am not here|You go
  first]," {friend.he} <whispered>.
""",
)

GO = event(
    "night: they go",
    """
- {Hero} felt <feeling>. But somebody had to go. {He} took [a broom|one boot] and [a candle|a
  lantern], and <slowly> they [went|crept] [down the stairs|out of the door].
- "Together," said {hero}, who felt <feeling>, [and {his} teeth chattered|and took a candle]. They
  [held {hero.hands}|counted to three] and [crept|went] out in their [socks|nightshirts].
- {Hero} felt <feeling>. {Friend} took [the broom], {hero} took the lantern, and they went out,
  [back to back|close together|one step at a time].
""",
)

SEE = event(
    "night: what it is",
    """
- Two eyes shone {spot.start} {!spot.noun}, next to <junk>. {Hero} held up the light. It was no
  [ghost|giant|bear]. It was {!petname}, [wet|thin|cold|hungry]!
- {spot.start} {!spot.noun}, behind <junk>, something moved. "[Hands up|Who is there|Come out]!"
  <cried> {friend}. Out came a nose, and behind the nose came {!petname}.
- The noise came again, {spot.start} {!spot.noun}, where <junk> lay. {Hero} pulled it away, and
  into {his} arms [fell|jumped] {!petname}.
""",
)

WHY = event(
    "night: the reason",
    """
- And that was not all. Behind {petname} lay [four|five|three|six] [tiny ones|little ones],
  {!pet.color} from nose to tail, and as warm as <snack>.
- {petname} had been caught in <junk>, and had [knocked|scratched] for help as well as a
  {!pet.color} {pet} can.
- In {petname}'s mouth was <junk>. Where that {!pet.color} {pet} had [been|found it], [nobody ever
  knew|it would not say].
""",
)

END = event(
    "night: the end",
    """
- {Hero} was <feeling>. There was [warm milk|cream] for {petname} and <snack> for the two ghost
  hunters, in the middle of the night.
- {Hero} was <feeling>. "I knew it all along," said {!friend}, [who was under the table|who still
  held the broom].
- {Hero} was <feeling>. That night three slept in one bed, and the one in the middle was
  {!pet.color} and [snored].
""",
)


def plot(t: Telling) -> str:
    """Hear a noise in the night and find a lost pet."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    name = w.fresh(words.PET_NAMES)
    pet = w.thing(words.PETS, hero)
    t.add(friend=friend, pet=pet, petname=Spot({"": name}, {"": ("name", words.PET_NAMES)}))
    t.add(spot=w.spot(words.OUTDOORS), first=w.spot(words.HIDING), second=w.spot(words.HIDING))
    weather(t)
    t.tell(PET)
    t.paragraph()
    w.lose(pet)
    w.feel(hero, "sad")
    t.tell(GONE)
    t.maybe(DAYS)
    watch(t)
    t.paragraph()
    t.tell(NOISE)
    w.happen(hero)
    w.feel(hero, "afraid")
    t.tell(GUESS)
    t.tell(GO)
    t.paragraph()
    w.take(pet, hero)
    w.feel(hero, "glad")
    t.tell(SEE)
    t.tell(WHY)
    t.tell(END)
    close(t)
    return t.chooser.pick(("The noise in the night", "{hero} and {petname}"))
