"""`generate`, `stream` and conversations."""

from collections.abc import Callable
from typing import Any

import pytest

from runnel.errors import InputError
from runnel.inference import Conversation, Sampling, Session, generate, stream
from runnel.models.model import Model

Make = Callable[[str], Model[Any]]


def test_generate_joins_what_stream_yields(mingru: Model[Any]) -> None:
    text = generate(mingru, "Once", tokens=30, temperature=1.0, seed=4)
    assert text == "".join(stream(mingru, "Once", tokens=30, temperature=1.0, seed=4))
    assert text != generate(mingru, "Once", tokens=30, temperature=1.0, seed=5)
    assert text != generate(mingru, "Twice", tokens=30, temperature=1.0, seed=4)


def test_the_prompt_is_read_after_the_end_token_and_not_returned(mingru: Model[Any]) -> None:
    session = Session.start(mingru, seed=2)
    session.read("Once upon")
    expected = "".join(session.write(20, Sampling(temperature=0.9, top_k=9, top_p=0.8)))
    found = generate(mingru, "Once upon", 20, temperature=0.9, top_k=9, top_p=0.8, seed=2)
    assert found == expected


def test_settings_reach_the_sampler(mingru: Model[Any]) -> None:
    greedy = {generate(mingru, "a", 20, temperature=0, seed=seed) for seed in range(3)}
    assert len(greedy) == 1
    assert {generate(mingru, "a", 20, top_k=1, seed=seed) for seed in range(3)} == greedy
    assert {generate(mingru, "a", 20, top_p=1e-6, seed=seed) for seed in range(3)} == greedy


def test_stop_and_end(reciter: Make) -> None:
    model = reciter("a story. The end")
    assert generate(model, tokens=100) == "a story. The end"
    assert generate(model, tokens=100, stop=". ") == "a story"
    assert generate(model, tokens=3) == "a s"


def test_errors_come_before_the_first_piece(mingru: Model[Any]) -> None:
    with pytest.raises(InputError, match="temperature"):
        stream(mingru, temperature=-1)
    with pytest.raises(InputError, match="NUL"):
        stream(mingru, "a\0b")
    mingru.tokenizer = None
    with pytest.raises(InputError, match="tokenizer"):
        stream(mingru)


def test_a_conversation_is_one_stream(reciter: Make) -> None:
    """The reciter counts what it reads, so each answer shows where the stream stands."""
    script = list("." * 60)
    script[3:11] = "hello.\n\n"  # after the end token, "hi" and a newline
    script[15:22] = "bye\0\0\0\0"  # after "you" and a newline
    model = reciter("".join(script))
    talk = Conversation(Session.start(model), tokens=30)
    assert "".join(talk.say("hi")) == "hello."
    assert talk.session.position == 1 + 3 + 8
    assert "".join(talk.say("you")) == "bye"
    assert talk.session.position == 12 + 4 + 3
    list(talk.say("x"))  # the model closed its turn with the end token: the pause is read for it
    assert talk.session.position == 19 + 2 + 2 + 30


def test_a_conversation_remembers(mingru: Model[Any]) -> None:
    first, second = (Conversation(Session.start(mingru), tokens=10) for _ in range(2))
    list(first.say("my name is Ann"))
    list(second.say("my name is Bob"))
    for talk in (first, second):
        list(talk.say("who am I?"))
    assert not first.session.logits_V.equal(second.session.logits_V)
