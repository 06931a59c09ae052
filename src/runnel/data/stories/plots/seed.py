"""The seed: an old gardener knows its color, and patience proves it."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, sky, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

GIFT = event(
    "seed: the gift",
    """
- <one_morning>, {elder} gave {~hero.him} a [hard|round] seed, [no bigger than a tooth|as small as
  a crumb|wrapped in a leaf].
- <one_morning>, {~hero} helped {elder}, who was <chore>, and got a [tiny] seed for {his} trouble.
- <one_morning>, {~hero} found [a seed|a strange seed] [in {his} shoe|in the dust] and showed it
  to {elder}, who was <chore>.
- {~Hero} had helped {elder} with [the hay|the harvest|a sick goat], and <one_morning> {elder}
  [paid|thanked] {him} with a single seed.
""",
)

SAYS = event(
    "seed: what it will be",
    """
- "[Plant it|Put it in the ground] and wait," said {elder}. "It will be a {flower}, as {color} as
  [can be|a dream|any in the world]."
- "In summer a {flower} will come out of it," said {elder} <kindly>, "and it will be {color},
  [taller than <beast>|as tall as you|believe me]."
- "There is a {color} {flower} [asleep|hidden|dreaming] in it," said {elder}. "[It comes when it
  likes|Do not dig it up|Keep <beast> away from it]."
""",
)

PLANT = event(
    "seed: planted",
    """
- {Hero} planted it <spot> and watered it [every day|each morning]. {He} [sang to it|told it about
  <topic>].
- {Hero} put it in [a pot|an old boot|a cracked teapot] and [sat down|waited] beside it, with
  <snack> [in {his} lap|for company].
- {Hero} dug a hole <spot>, [with a spoon|with {his} {hero.hands}], dropped in the seed, and [gave
  it water|covered it up].
""",
)

NOTHING = event(
    "seed: nothing happens",
    """
- [A day|A week|Two weeks] went by, and then [another|one more]. Nothing [came up|happened] but [a
  weed|a snail|two ants].
- [After a week|On the ninth day] {he} [dug it up|wanted to dig it up] to [see|look], but [put it
  back|stopped in time].
- {He} waited through [rain|hail|fog] and [sun|wind|more rain], and all {he} got was [a wet nose|a
  cold|muddy {hero.feet}].
""",
)

DOUBT = event(
    "seed: the doubt",
    """
- {Friend.intro} came by and laughed. "That is [a pebble|a crumb|a dead beetle]," {friend.he}
  said. "Or it will be something {wrong}, like <junk>."
- "It is dead," said {friend.intro}, who was <chore>. "And if it grows, it will be {wrong}[, like
  mine|, like <junk>|]."
- "I bet [my hat|my supper|<junk>|<snack>] that it will be {wrong}," said {friend.intro}, "if it
  [grows|comes up] at all."
""",
)

FEEL = event(
    "seed: patience",
    """
- {Hero} felt <feeling>. But {he} [thought of|remembered] {elder} and [fetched more water|did not
  give up].
- {Hero} felt <feeling>, and that evening the water in {his} [can|cup|jug] was a little bit salty.
  But {he} [went on|poured it out].
- "[I can wait|Some things are slow]," said {hero}, although {he} felt <feeling>.
""",
)

SPROUT = event(
    "seed: the sprout",
    """
- <then> a tip came up, as [thin|green] as a [leaf|needle|candle|pea]. It grew past {his}
  [knee|nose|hat], and at the top was a bud, [shut tight|as big as a nut].
- After a night of [rain|thunder], there was something green. [Day by day|Week after week] it
  grew, first two leaves, then [six|ten|twenty], then a bud.
- And one morning, the ground had a crack, and in the crack was [a green nose|something green].
  [Soon|In June] it carried a [fat|round|heavy] bud.
""",
)

BLOOM = event(
    "seed: it blooms",
    """
- <one_dawn>, it opened. It was not {wrong} [at all|in the least]. It was {!color}, as {color} as
  [paint|a new coat|a dream|a new boat].
- <one_dawn>, {hero} [ran out in {his} socks|opened the window]. The bud was open, and [the flower
  was|it was] {!color}, from [edge to edge].
- <one_dawn>, it [burst|had burst] open with a [pop|sigh], and the [whole garden|air] smelled of
  <smell>. It was {!color}!
""",
)

END = event(
    "seed: the end",
    """
- "I was wrong," said {friend}, and [took off {friend.his} hat|turned red|shared <snack>]. {Hero}
  <smiled> and gave {!friend} the first seed.
- {Elder} came to see it[ with <beast>|, still <chore>|]. "[Did I not say so|What did I tell
  you]?" said {elder}. "A {!color} {flower}. You waited well."
- {Hero} was <feeling>. {He} brought one leaf of it to {elder}, and in autumn there were
  [nine|forty|a hundred] seeds, one of them for {!friend}.
- {Hero} was <feeling>. Next to the {!color} {flower} {he} planted [beans|a pear tree|nine
  more|pumpkins], and {!friend} [helped|sang|told {him} about <topic>].
""",
)


def plot(t: Telling) -> str:
    """Plant a seed that somebody wise has described, and wait."""
    w = t.world
    hero = introduce(t)
    friend, elder = w.friend(hero), w.elder(hero)
    t.add(friend=friend, elder=elder, flower=w.phrase(w.fresh(words.FLOWERS)))
    t.add(color=w.word(words.COLORS, "color"), wrong=w.word(words.COLORS, "color"))
    weather(t)
    t.paragraph()
    t.tell(GIFT)
    t.tell(SAYS)
    promise = w.promise(t.who("elder"), hero, "the color of the flower")
    t.tell(PLANT)
    sky(t, 1, 4)
    t.paragraph()
    t.tell(NOTHING)
    t.tell(DOUBT)
    w.happen(hero)
    w.feel(hero, "sad")
    t.tell(FEEL)
    watch(t)
    t.paragraph()
    t.tell(SPROUT)
    t.tell(BLOOM)
    w.keep(promise)
    w.feel(hero, "proud")
    t.tell(END)
    close(t)
    return t.chooser.pick(("The {color} {flower}", "{hero} and the seed"))
