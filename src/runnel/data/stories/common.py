"""Events that many plots share: who the hero is, what the day is like, how a story closes."""

from runnel.data.stories import words
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import Event, event
from runnel.data.stories.world import Character, Spot

IN_TOWN = event(
    "the hero, a child",
    """
- Once upon a time there was a <good_heart> [little|young] {hero.kind} [named|called] {hero}, who lived in
  {home}.
- Once upon a time, in {home}, there lived a [little|young|small] {hero.kind} [named|called] {hero}.
- {hero} was a <good_heart> [little|young] {hero.kind}. {He} lived in {home} with {parent}.
- There was once a <good_heart> {hero.kind} [named|called] {hero}. {He} lived with {parent} in {home}.
- In {home} lived a [little|young|small] {hero.kind} [named|called] {hero}.
- Once there was a [little|small|young] {hero.kind} [named|called] {hero}, [and {he}|who] lived in {home}
  with {parent}.
- [Long ago|Not so long ago|Many years ago], a <good_heart> {hero.kind} [named|called] {hero} lived in {home}.
- Once upon a time, a {hero.kind} [named|called] {hero} lived with {parent} in {home}.
""",
)

IN_WOOD = event(
    "the hero, an animal",
    """
- Once upon a time there was a <good_heart> [little|young] {hero.kind} [named|called] {hero}, who lived in
  {home}.
- Once upon a time, in {home}, there lived a [little|young|small] {hero.kind} [named|called] {hero}.
- {hero} was a <good_heart> [little|young] {hero.kind}. {He} lived in {home} with {parent}.
- There was once a <good_heart> {hero.kind} [named|called] {hero}. {His} home was {home}.
- In {home} lived a [little|young|small] {hero.kind} [named|called] {hero}.
- Once there was a [little|small|young] {hero.kind} [named|called] {hero}, [and {he}|who] lived in {home}
  with {parent}.
- [Long ago|Not so long ago|Many years ago], when animals could talk, a <good_heart> {hero.kind}
  [named|called] {hero} lived in {home}.
- Once upon a time, a {hero.kind} [named|called] {hero} lived with {parent} in {home}.
""",
)

# A habit is told early and comes back at the end.
HABITS = (
    (
        event("habit: humming", "- [Whenever|When] {he} was happy, {he} hummed a [little|funny] tune."),
        event("habit: humming again", "- All the way home {he} hummed {his} [little|funny] tune."),
    ),
    (
        event("habit: pebbles", "- For every good day, {he} put a pebble in a jar [by {his} bed|under {his} bed]."),
        event("habit: pebbles again", "- <That_night>, {he} put the [biggest|roundest|shiniest] pebble of all in {his} jar."),
    ),
    (
        event("habit: moon", "- Every [night|evening], {he} said good night to the moon."),
        event("habit: moon again", "- <That_night>, {he} told the moon all about it before {he} said good night."),
    ),
    (
        event("habit: why", '- {He} asked "Why?" [from morning to night|a hundred times a day].'),
        event("habit: why again", '- And for once, {he} did not ask "Why?" at all.'),
    ),
    (
        event("habit: hopping", "- When {he} was pleased, {he} hopped on one {hero.foot}."),
        event("habit: hopping again", "- {He} hopped on one {hero.foot} [all the way home|until bedtime]."),
    ),
    (
        event("habit: pictures", "- {He} liked to draw pictures in the [dust|sand|mud] with a stick."),
        event("habit: pictures again", "- The next day, {he} drew a picture of it all with {his} stick."),
    ),
    (
        event("habit: counting", "- {He} [liked|loved] to count things, such as [stairs|clouds] and [spoons|beetles]."),
        event("habit: counting again", "- <That_night>, {he} counted the stars and fell asleep [at forty|before twenty]."),
    ),
)

SKY = {
    "sunny": event("sky: sunny", "- The sun [shone|was warm], and the [bees hummed|birds sang] [in the trees|everywhere]."),
    "windy": event("sky: windy", "- The wind [tugged at the trees|chased the leaves] and [whistled|sang] around the corners."),
    "cloudy": event("sky: cloudy", "- [Big|Soft|Slow] clouds [sailed|drifted] across the sky like [sheep|ships]."),
    "cool": event("sky: cool", "- [Dew|Mist] lay on the grass, and the air smelled of [apples|smoke|wet leaves]."),
    "warm": event("sky: warm", "- The air smelled of [hay|clover|roses], and the [cats|dogs|lizards] slept in the shade."),
}

CLOSE = event(
    "the close",
    """
- <That_night>, <weather_sound>, and {hero} slept [well|soundly|without a single bad dream].
- It had been a [long|good|wonderful|strange] day, and {hero} never forgot it.
- And that was the [best|strangest|longest] day of the whole [week|summer|year].
- <That_night> there was <snack> for supper, and [nobody|no one] left a [crumb|bite].
- Then they [all|] went home, for it was time for <snack>.
- {hero} was [so|very] tired that {he} fell asleep [over {his} supper|in the middle of a yawn|before anybody could sing {him} a song].
""",
)


LONG = 225


def introduce(t: Telling, habits: bool = True) -> Character:
    """Bring the hero and the hero's family into the story and tell who the hero is."""
    hero = t.world.hero()
    roles = words.PARENTS[:4]
    parent = t.world.parent(hero, roles)
    homes = words.TOWN_HOMES
    home = t.chooser.pick(homes) if t.world.milieu == "town" else words.ANIMALS[hero.forms["kind"]]
    t.add(hero=hero, parent=parent, home=Spot({"": home}))
    t.tell(IN_TOWN if t.world.milieu == "town" else IN_WOOD)
    if habits and t.chooser.chance(1, 2):
        t.habit = t.chooser.pick(HABITS)
        t.tell(t.habit[0])
    return hero


def weather(t: Telling, *allowed: str) -> None:
    """Choose the weather of the day for <one_morning>."""
    t.add(weather=Spot({"": t.chooser.pick(allowed or tuple(SKY))}))


def sky(t: Telling, numerator: int = 1, denominator: int = 2) -> None:
    """Perhaps tell what the day looks like."""
    t.maybe(SKY[str(t.cast["weather"])], numerator, denominator)


def close(t: Telling) -> None:
    """End the story, unless it is long already: with the hero's habit or with the evening."""
    if t.words() > LONG:
        return
    if t.habit is not None:
        t.tell(t.habit[1])
    else:
        t.maybe(CLOSE, 3, 5)


__all__ = ["Event", "close", "introduce", "sky", "weather"]
