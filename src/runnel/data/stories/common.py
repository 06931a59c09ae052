"""Events that many plots share: who the hero is, what the day is like, who looks on, how a story closes."""

from runnel.data.stories import words
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event
from runnel.data.stories.world import Character, Spot

POCKET_NOUNS = tuple(phrase.split()[-1] for phrase in words.POCKET)

IN_TOWN = event(
    "the hero, a child",
    """
- Once upon a time there was a <good_heart> {hero.kind} [named|called] {hero}, who lived in
  <town_home> [with {parent}|].
- Once upon a time, in <town_home>, there lived a <good_heart> {hero.kind} [named|called] {hero}.
- {hero} was a <good_heart> [little|young|small] {hero.kind}. {He} lived in <town_home> [with
  {parent}|].
- There was once a <good_heart> {hero.kind} [named|called] {hero}. {He} lived with {parent} in
  <town_home>.
- In <town_home> lived a <good_heart> {hero.kind} [named|called] {hero}.
- Once there was a <good_heart> {hero.kind} [named|called] {hero}, [and {he}|who] lived in
  <town_home>.
- [Long ago|Not so long ago|Many years ago], a <good_heart> {hero.kind} [named|called] {hero}
  lived in <town_home>.
- Once upon a time, a <good_heart> {hero.kind} [named|called] {hero} lived with {parent} in
  <town_home>.
""",
)

IN_WOOD = event(
    "the hero, an animal",
    """
- Once upon a time there was a <good_heart> {hero.kind} [named|called] {hero}, who lived in
  <wood_home> [with {parent}|].
- Once upon a time, in <wood_home>, there lived a <good_heart> {hero.kind} [named|called] {hero}.
- {hero} was a <good_heart> [little|young|small] {hero.kind}. {His} home was <wood_home>.
- There was once a <good_heart> {hero.kind} [named|called] {hero}. {He} lived with {parent} in
  <wood_home>.
- In <wood_home> lived a <good_heart> {hero.kind} [named|called] {hero}.
- Once there was a <good_heart> {hero.kind} [named|called] {hero}, [and {he}|who] lived in
  <wood_home>.
- [Long ago|In the old days], when animals could talk, a <good_heart> {hero.kind} [named|called]
  {hero} lived in <wood_home>.
- Once upon a time, a <good_heart> {hero.kind} [named|called] {hero} lived with {parent} in
  <wood_home>.
""",
)

LIKES = event(
    "what the hero likes",
    """
- {He} [liked|loved] {cake} cake, <game> and [stories about|pictures of] <topic>.
- {He} [liked|loved] [nothing better than|two things most of all,] {cake} cake and [stories|songs]
  about <topic>.
- {He} [liked|loved] <game> and [was fond of|adored] {cake} cake, but {he} [could not stand|did
  not like] <dislike>.
- {He} could eat {cake} cake [for hours|all day|in {his} sleep], [and|but] {he} [was never on
  time|never sat still|always lost one sock|was afraid of <dislike>|could not stand <dislike>].
- What {he} [liked|loved] [best|most] was {cake} cake, and after that [came|] [a good game|a long
  game] of <game>.
""",
)

POCKET = event(
    "what is in the hero's pocket",
    """
- In {his} [pocket|bag] {he} [always|] [had|carried|kept] {one.a}, {two.a} and {three.a}[, just in
  case|, and nobody knew why|].
- {He} [never went|went nowhere] without {his} three treasures: {one.a}, {two.a} and {three.a}.
- {He} had little in this world: {one.a}, {two.a}, {three.a} and a [hat|bed|good heart|loud
  voice].
- {He} [collected|saved|picked up] all kinds of things, and that [week|month|year] {his} pocket
  [held|was full of] {one.a}, {two.a} and {three.a}.
""",
)

POCKETED = event(
    "a present out of the pocket",
    """
- {Hero} [felt|reached] in {his} pocket and gave {friend} the {!gave.noun}[. "For you," {he} said|
  as a thank-you| to keep].
- And {friend} [got|was given] the {!gave.noun} out of {his} pocket, [for good|for keeps|as a
  reminder|with a bow].
- That is how the {!gave.noun} from {his} pocket [came to belong to|became the dearest treasure
  of] {friend}.
- "[Here|Take this]," said {hero}, and put the {!gave.noun} from {his} pocket into the
  {friend.hand} of {friend}.
""",
)

CAKE = event(
    "the favorite cake at the end",
    """
- <that_night> there was {!cake} cake, and {hero} [ate|had] [two|three|four] [pieces|slices].
- And at home a {!cake} cake [stood|was waiting] on the table[, still warm|, as big as a hat|].
- And because it had been such a [long|fine|hard|strange] day, {parent} [baked|made] a {!cake}
  cake.
- <that_night>, {parent} brought out a {!cake} cake, and <weather_sound>.
- Then it was time for {!cake} cake, [a very large one|with cream on top|and nobody said another
  word].
""",
)

WATCH = event(
    "a small creature looks on",
    """
- A {witness} [watched|saw] it all from a [leaf|twig|window sill|thistle|stone|roof|mushroom].
- [Only|Nobody but] a {witness} saw it[, and it kept quiet|, and it was too surprised to speak|].
- A {witness} [on a nearby leaf|in the grass|on the gate|up in the tree] [shook its head|stopped
  eating|blinked twice| yawned|scratched its ear|hid its eyes|looked the other way].
- Even a {witness} [stopped|looked up] to [stare|listen|see what was wrong].
- A [small|fat|passing|sleepy|young] {witness} [looked on|held its breath|forgot its
  breakfast|nearly fell off its leaf].
""",
)

WATCHED = event(
    "the small creature at the end",
    """
- [Even|Only] the {!witness.noun} [was happy|was a little bit jealous|had something to tell at
  home|was still awake| danced on its leaf].
- The {!witness.noun} told [its children|its cousins|everybody it met] [about it|the whole
  story|every word of it].
- And the {!witness.noun}, who had seen [it all|everything], [cheered|winked|sang a song about
  it|clapped|smiled| went back to sleep].
- As for the {!witness.noun}, it [wrote a song about it|never said a word|had not been so excited
  in years|fell asleep at last|ate its supper and smiled].
""",
)

SKY = {
    "sunny": event(
        "sky: sunny",
        """
- The sun [shone|was warm|smiled], and the [bees hummed|birds sang|hens scratched] [in the
  trees|everywhere|by the wall|among the flowers].
- There was not [a|one] cloud [in the sky|to be seen], and the air smelled of <smell>.
""",
    ),
    "windy": event(
        "sky: windy",
        """
- The wind [chased the leaves] and [whistled|sang|howled] around the [corners|chimneys|rocks].
- The wind smelled of <smell>, and [hats|leaves|feathers] [flew|danced] through the air.
""",
    ),
    "cloudy": event(
        "sky: cloudy",
        """
- [Big|Soft|Slow|Fat] clouds [rolled] [across the sky|over the hills] like [sheep|ships].
- The air smelled of <smell>, and the [gnats] flew low.
""",
    ),
    "cool": event(
        "sky: cool",
        """
- [Dew|Mist|Frost] lay on the [grass], and the air smelled of <smell>.
- The [puddles|windows] were [white], and [ears] were [cold|red].
""",
    ),
    "warm": event(
        "sky: warm",
        """
- The air smelled of <smell>, and the [cats|cows] [slept|yawned|lay] in the shade.
- It was so warm that even the [flies] were [lazy|slow].
""",
    ),
}

CLOSE = event(
    "the close",
    """
- <that_night>, <weather_sound>, and {hero} slept [well|like a log|until noon|without a single bad
  dream].
- It had been a [long|good|wonderful|strange|fine] day, and {hero} [never forgot it|remembered it
  for years|dreamed of it all night].
- And that was the [best|longest] day of the whole [week|summer|year|month].
- <that_night> there was <snack>, and [nobody|no one] left a [crumb|bite].
- Then they [all|] went home, for it was time for <drink>.
- {hero} was [so|very] tired that {he} fell asleep [over {his} supper|before anybody could sing
  {him} a song|with one sock on].
""",
)


def introduce(t: Telling) -> Character:
    """Bring the hero and the hero's family into the story and tell who the hero is."""
    hero = t.world.hero()
    t.add(hero=hero, parent=t.world.parent(hero))
    t.tell(IN_TOWN if t.world.milieu == "town" else IN_WOOD)
    t.frame = t.chooser.pick(("likes", "pocket", "watch", "watch", "none"))
    if t.frame == "likes":
        t.add(cake=t.world.word(words.FLAVORS, "food"))
        t.tell(LIKES)
    elif t.frame == "pocket":
        pocket = [_pocketed(t) for _ in range(3)]
        t.add(one=pocket[0], two=pocket[1], three=pocket[2], gave=t.chooser.pick(pocket))
        t.tell(POCKET)
    return hero


def _pocketed(t: Telling) -> Spot:
    phrase = t.world.fresh(words.POCKET)
    noun = phrase.split()[-1]
    t.world.used.add(noun)
    return Spot({"a": f"a {phrase}", "noun": noun}, {"noun": ("gift", POCKET_NOUNS)})


def weather(t: Telling, *allowed: str) -> None:
    """Choose the weather of the day for <one_morning>."""
    t.add(weather=t.world.phrase(t.chooser.pick(allowed or tuple(SKY))))


def sky(t: Telling, numerator: int = 1, denominator: int = 2) -> None:
    """Perhaps tell what the day looks like."""
    t.maybe(SKY[str(t.cast["weather"])], numerator, denominator)


def watch(t: Telling) -> None:
    """If the story's frame is a small creature that looks on, let it look on now."""
    if t.frame == "watch":
        noun = t.world.fresh(words.CREATURES)
        t.add(witness=Spot({"": noun, "noun": noun}, {"noun": ("animal", words.CREATURES)}))
        t.tell(WATCH)


def close(t: Telling) -> None:
    """End the story with what its frame began: the creature, the pocket, the cake, or the evening."""
    if t.frame == "watch":
        t.tell(WATCHED)
    elif t.frame == "pocket" and "friend" in t.cast:
        t.tell(POCKETED)
    elif t.frame == "likes":
        t.tell(CAKE)
    else:
        t.maybe(CLOSE, 1, 2)
