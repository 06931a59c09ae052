"""Synonyms: words of an event's text that may always stand for each other, whatever the event."""

import re

GROUPS = """\
at once|right away|straight away|immediately
again and again|over and over|time after time
nobody|no one
everybody|everyone
somebody|someone
anybody|anyone
of course|naturally
perhaps|maybe
began to|started to
came back|returned
went home|walked home|headed home|turned for home
looked at|gazed at|stared at
looked up|glanced up
sat down|settled down|flopped down
put down|set down|laid down
jumped up|sprang up|leaped up
picked up|lifted up|took up
pulled out|drew out|dragged out|took out
all day|all day long|the whole day
a long time|a long while
for a moment|for a second|for an instant
the next day|the following day|the day after that
the next morning|the following morning|early the next day
a lot of|plenty of|lots of
many|a good many
as well|too
each other|one another
big|large|huge
silly|foolish|daft
clever|smart|wise
climbed|scrambled|clambered
story|tale
supper|dinner
path|trail|track
road|lane
bag|sack
stone|rock
shiny|bright|gleaming|glittering
loudly|in a loud voice
tired|weary|sleepy
soggy|damp|soaked
wind|breeze
present|gift
beside|next to|close to
corner|nook
quiet|silent|hushed
nearly|almost
proudly|with pride
hugged|embraced|squeezed
carefully|with care|gingerly
wonderful|marvelous|splendid|glorious
quick|fast
completely|altogether|entirely
kept on|went on
noise|sound
in a hurry|in haste
"""

# Only inside quotation marks, where people speak.
SPOKEN = """\
I am|I'm
it is|it's
It is|It's
do not|don't
Do not|Don't
cannot|can't
we will|we'll
I will|I'll
is not|isn't
did not|didn't
does not|doesn't
Hooray|Hurrah|Wonderful
Oh no|Oh dear|Alas|Bother
Come on|Come along|Hurry up
Well, well|Hm|Let me see|Now then
"""

# Only outside quotation marks, where the teller speaks.
TOLD = """\
did not|didn't
was not|wasn't
could not|couldn't
would not|wouldn't
had not|hadn't
Then|Then|After that|Next
found|found|discovered
laughed|laughed|giggled|chuckled
grass|grass|clover|moss
very|very|really|terribly
far away|far away|a long way off|in the distance
"""

_QUOTED = re.compile(r'("[^"]*")')
_Table = dict[str, str]


def _table(groups: str) -> _Table:
    """Return for the first word of each group, the one that events are written with, its choice."""
    rows = [row.split("|") for row in groups.strip().split("\n")]
    table = {row[0]: "[" + "|".join(row) + "]" for row in rows}
    capitals = {row[0].capitalize(): [word[0].upper() + word[1:] for word in row] for row in rows}
    return {word: "[" + "|".join(row) + "]" for word, row in capitals.items()} | table


def _pattern(table: _Table) -> re.Pattern[str]:
    words = "|".join(sorted(map(re.escape, table), key=len, reverse=True))
    return re.compile(rf"\{{[^{{}}]*\}}|<[^<>]*>|\b(?:{words})\b")


_SPOKEN = _table(GROUPS + SPOKEN)
_TOLD = _table(GROUPS + TOLD)
_PATTERNS = (_pattern(_TOLD), _pattern(_SPOKEN))


def vary(text: str) -> str:
    """Replace each word of an event that has synonyms by a choice, slots and phrases aside."""
    parts = _QUOTED.split(text)
    for index, part in enumerate(parts):
        spoken = index % 2
        table = _SPOKEN if spoken else _TOLD
        parts[index] = _PATTERNS[spoken].sub(lambda m, t=table: t.get(m.group(), m.group()), part)
    return "".join(parts)
