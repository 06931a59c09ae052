"""Stop strings are found however the text is cut, and never shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel.errors import InputError
from runnel.inference.stops import StopFilter, as_stops

TEXT = st.text(alphabet="ab\n", max_size=14)
STOPS = st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3)


def shown(text: str, stops: tuple[str, ...]) -> tuple[str, bool]:
    """The definition: read character by character until some stop string is complete."""
    for end in range(len(text) + 1):
        complete = [s for s in stops if text[:end].endswith(s)]
        if complete:
            return text[: end - max(map(len, complete))], True
    return text, False


@settings(max_examples=500, deadline=None)
@given(pieces=st.lists(TEXT, max_size=6), stops=STOPS)
def test_pieces_do_not_matter(pieces: list[str], stops: list[str]) -> None:
    stop_filter = StopFilter(tuple(stops))
    text, found = shown("".join(pieces), tuple(stops))
    out = ""
    for piece in pieces:
        out += stop_filter.feed(piece)
        assert text.startswith(out)
    out += stop_filter.finish()
    assert (out, stop_filter.found) == (text, found)


def test_only_what_may_become_a_stop_is_held_back() -> None:
    stop_filter = StopFilter(("END",))
    assert [stop_filter.feed(c) for c in "EEN-END"] == ["", "E", "", "EN-", "", "", ""]
    assert stop_filter.found


@pytest.mark.parametrize("stop", ["", ["a", ""], [3]])
def test_stop_strings_must_be_text(stop: object) -> None:
    with pytest.raises(InputError, match="stop strings"):
        as_stops(stop)  # type: ignore[arg-type]
