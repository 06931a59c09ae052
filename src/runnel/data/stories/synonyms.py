"""Synonyms: words of an event's text that may always stand for each other, whatever the event."""

import re

GROUPS = """\
at once|right away|straight away
again and again|over and over
nobody|no one
everybody|everyone
somebody|someone
began to|started to
came back|returned
went home|walked home|ran home|turned for home
looked at|stared at
sat down|flopped down
put down|set down|laid down
jumped up|leaped up
picked up|lifted up
pulled out|dragged out|took out
all day|all day long|the whole day
for a moment|for a second|for a while
the next day|the following day|the day after that
the next morning|the following morning|early the next day
a lot of|lots of
each other|one another
big|large|huge
climbed|scrambled
path|trail
road|lane
bag|sack
stone|rock
beside|next to|near
kept on|went on
noise|sound
"""

# Only inside quotation marks, where people speak.
SPOKEN = """\
I am|I'm
it is|it's
It is|It's
do not|don't
Do not|Don't
cannot|can't
did not|didn't
"""

# Only outside quotation marks, where the teller speaks.
TOLD = """\
did not|didn't
was not|wasn't
could not|couldn't
found|discovered
laughed|giggled|chuckled
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
    """Match slots, phrases and the table's words; a contraction must have a word after it."""
    follow = {word: r"(?= [a-z{<\[])" if "'" in table[word] else r"\b" for word in table}
    words = "|".join(
        re.escape(word) + follow[word] for word in sorted(table, key=len, reverse=True)
    )
    return re.compile(rf"\{{[^{{}}]*\}}|<[^<>]*>|\b(?:{words})")


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
