"""The password: a word that was chosen for fun is needed in earnest."""

from runnel.data.stories import words
from runnel.data.stories.common import close, introduce, watch, weather
from runnel.data.stories.telling import Telling
from runnel.data.stories.template import event

BUILD = event(
    "password: the hut",
    """
- <one_morning>, {~hero} and {friend.intro} built a [hut|fort|den] {spot}, out of [boards and
  nails|branches|old doors] and <junk>.
- All [spring|summer] {~hero} and {friend.intro} [worked], and <one_morning> their [hut|fort]
  {spot} was done, [crooked|a bit crooked] but [dry|strong].
- <one_morning>, {~hero} and {friend.intro} found [a forgotten hut] {spot}. They swept out <junk>
  and hung up [a curtain|a flag|a lamp].
""",
)

RULE = event(
    "password: the word",
    """
- "We need a password," said {friend}. They thought of <topic>. Then {hero}
  [sneezed|laughed|looked at <junk>] and said, "{password.up}!" And {password} it was.
- "Nobody may come in without the password," said {hero}. "And the password is {password}."
  {friend} laughed so hard that [the roof|<junk>] [shook|fell down].
- "What is the [best|strangest|most foolish] word you know?" asked {friend}. {Hero} thought of
  <topic>. "{password.up}," {he} <whispered>. So that was the password.
""",
)

SWEAR = event(
    "password: the oath",
    """
- They [promised] never to open without it, [not to a king|not even to each other|not for <snack>,
  not for <snack>].
- "Without it, nobody gets in," said {friend}. "[Not even you|Not even me|Not my own mother]."
- They wrote it [nowhere|on nothing], [told nobody|not even {parent} knew], and played <game>
  until [supper|dark].
""",
)

TIME = event(
    "password: time goes by",
    """
- Then [school|the harvest|winter] came, and they [played <game>|went skating] instead.
  [Weeks|Months] went by, and {hero} [learned|heard] a hundred other words.
- For [two weeks|a month] it rained. {Hero} [stayed in|sat at the window], {parent} was <chore>,
  and nobody [went out|thought of the hut].
- Then {hero} went to visit an uncle, [who talked about <topic>|who lived far away|who kept
  <beast>], and when {he} came back, {he} had almost forgotten the hut.
""",
)

STORM = event(
    "password: the storm",
    """
- One evening there was [a storm|thunder]. {Hero} was out alone[, looking for <beast>| with
  <snack> for {parent}|], and [the rain came down like a river|the wind pulled off {his} hat].
  [There|Then {he} saw it]: light in the hut!
- Then, one evening, [snow|hail] caught {hero} [far from home|on the hill], and {he} lost the
  [path|way]. <soon> {he} saw a light {spot}: the hut!
- One night {hero} was on {his} way home when [a wolf howled|something growled] in the dark. {He}
  <ran> [as never before|until {he} could run no more], straight to the hut.
""",
)

KNOCK = event(
    "password: at the door",
    """
- {He} felt <feeling> and [knocked|fell against the door]. "[Password|What is the password]?" said
  a voice [inside|in the dark]. It was {!friend}.
- "Let me in!" {he} <cried>, for {he} felt <feeling>. "Not without the password," said {!friend}
  inside. "You might be [a robber|a ghost|<beast>]."
- {He} felt <feeling>. "{friend}, open the door!" "How do I know who you are?" said {!friend}.
  "You might be [a robber|a bear|<beast>]. Say the word."
""",
)

WRONG = event(
    "password: wrong words",
    """
- "Is it {wrong1}?" asked {hero} <sadly>. "No." "{wrong2.up}?" "[No|Wrong again|Not at all]." [The
  thunder came nearer|The rain ran down {his} neck|Something howled].
- "{wrong1.up}!" {he} <cried>. [Nothing moved|The door stayed shut]. "{wrong2.up}!" [Nothing|It
  stayed shut|Only the wind answered].
- "It is {wrong1}," said {hero} <sadly>. "Or {wrong2}. [I forgot|I had it a moment ago]!" "[No|It
  is not]," said the voice [sadly|behind the door].
""",
)

RIGHT = event(
    "password: the right word",
    """
- {He} [shut|closed] {his} eyes and thought of [the first day|<junk>|how they had laughed]. "It is
  {!password}!" {he} <cried>, and the door [opened|flew open].
- Then {he} remembered [that laugh|the day they built it|<junk> on the wall]. "It is {!password},"
  {he} <whispered>, and the door opened.
- [A sneeze came|{He} sneezed], and with it came the word. "It is {!password}!" "[Right|Come in],"
  said {friend}, and the door was open.
""",
)

END = event(
    "password: the end",
    """
- Inside it was warm. They ate <snack> under one blanket. "[Did you know|Could you tell] that it
  was me?" asked {hero}. "[Of course|From the start]," said {!friend}, "but a rule is a rule."
- {Hero} was <feeling>. They [lit|hung up] a second lamp and told stories about <topic> until the
  storm was over.
- "You are [dripping|wet]," said {!friend}, and gave {him} [a dry sock|<snack>]. "[Next
  week|Tomorrow] we choose an easier word." "[Never|No]," said {hero}. "It stays {!password}."
""",
)


def plot(t: Telling) -> str:
    """Choose a password for fun, and need it in a storm."""
    w = t.world
    hero = introduce(t)
    friend = w.friend(hero)
    t.add(friend=friend, spot=w.spot(words.OUTDOORS))
    for key in ("password", "wrong1", "wrong2"):
        word = w.word(words.PASSWORDS, "word")
        word.forms["up"] = str(word).capitalize()
        t.add(**{key: word})
    weather(t)
    t.tell(BUILD)
    t.tell(RULE)
    promise = w.promise(hero, friend, "to keep the password")
    t.maybe(SWEAR, 1, 4)
    t.paragraph()
    t.tell(TIME)
    t.tell(STORM)
    w.happen(hero)
    w.feel(hero, "afraid")
    t.paragraph()
    t.tell(KNOCK)
    t.tell(WRONG)
    watch(t)
    t.tell(RIGHT)
    w.keep(promise)
    t.paragraph()
    w.feel(hero, "calm")
    t.tell(END)
    close(t)
    return t.chooser.pick(("The password", "{hero} forgets a word"))
