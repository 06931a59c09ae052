"""A session reads in pieces as it reads at once, forks, and survives on disk up to the bit."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runnel.errors import InputError
from runnel.inference import Sampling, Session
from runnel.models.model import Model
from runnel.storage import tensors

TEXT = "Once upon a time a small stream ran down to the sea. \N{SNOWMAN} It sang."
Make = Callable[[str], Model[Any]]


def written(session: Session, tokens: int = 40) -> str:
    return "".join(session.write(tokens, Sampling(temperature=1.0), end=False))


@pytest.mark.parametrize("cuts", [(1,), (7, 8), (2, 3, 30), tuple(range(1, 50))])
def test_reading_in_pieces_is_reading_at_once(model: Model[Any], cuts: tuple[int, ...]) -> None:
    whole = Session.start(model)
    whole.read(TEXT)
    parts = Session.start(model)
    for start, stop in zip((0, *cuts), (*cuts, None), strict=True):
        parts.read(TEXT[start:stop])
    assert parts.position == whole.position == 1 + len(TEXT.encode())
    torch.testing.assert_close(parts.logits_V, whole.logits_V, rtol=1e-10, atol=1e-10)


def test_long_texts_are_read_in_chunks(model: Model[Any]) -> None:
    text = TEXT * 40
    session = Session.start(model)
    session.read(text)
    tokens = torch.tensor([[0, *text.encode()]])
    logits_BTV, _ = model(tokens)
    torch.testing.assert_close(session.logits_V, logits_BTV[0, -1], rtol=1e-9, atol=1e-9)


def test_an_end_token_begins_a_new_document(model: Model[Any]) -> None:
    fresh = Session.start(model)
    fresh.read("abc")
    once = Session.start(model)
    once.read("something else")
    once.read([0, *b"abc"])
    stepped = Session.start(model)
    stepped.read("something else")
    stepped.begin()
    stepped.read(np.frombuffer(b"abc", np.uint8))
    for session in (once, stepped):
        torch.testing.assert_close(session.logits_V, fresh.logits_V, rtol=1e-10, atol=1e-10)
        assert session.position == 4 + len("something else") + 1


def test_what_is_written_has_been_read(model: Model[Any]) -> None:
    """The session stands where reading its own words would have brought it."""
    writer = Session.start(model)
    writer.read(TEXT)
    session = writer.fork()
    tokens = []
    for _ in range(9):
        token = int(session.logits_V.argmax())
        tokens.append(token)
        session.read([token])
    for _ in writer.write(9, Sampling(temperature=0), end=True):
        pass
    assert writer.position == session.position
    torch.testing.assert_close(writer.logits_V, session.logits_V, rtol=1e-10, atol=1e-10)


def test_a_fork_is_independent(model: Model[Any]) -> None:
    session = Session.start(model, seed=3)
    session.read(TEXT)
    fork = session.fork()
    untouched = session.fork()
    first = written(fork)
    fork.read("and then something else")
    before = session.logits_V.clone()
    assert written(session) == first
    assert written(untouched) == first
    assert torch.equal(before, Session.fork(session).logits_V) is False
    assert session.position == untouched.position != fork.position


def test_seeds_decide(mingru: Model[Any]) -> None:
    texts = [written(Session.start(mingru, seed)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_saved_and_loaded_goes_on_to_the_bit(model: Model[Any], tmp_path: Path) -> None:
    session = Session.start(model, seed=11)
    session.read(TEXT)
    written(session, 5)
    session.save(tmp_path / "stream")
    loaded = Session.load(tmp_path / "stream", model)
    assert loaded.position == session.position
    assert torch.equal(loaded.logits_V, session.logits_V)
    assert written(loaded) == written(session)
    assert torch.equal(loaded.logits_V, session.logits_V)
    assert [p.name for p in tmp_path.iterdir()] == ["stream"]


def test_a_damaged_session_is_refused(mingru: Model[Any], tmp_path: Path) -> None:
    """One flipped bit anywhere is found, unless it changes nothing that we read."""
    session = Session.start(mingru)
    session.read(TEXT)
    path = tmp_path / "stream"
    session.save(path)
    good, expected = path.read_bytes(), written(session)
    places = np.random.default_rng(0).integers(0, len(good), 150)
    refused = 0
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << int(place) % 8
        path.write_bytes(bad)
        try:
            loaded = Session.load(path, mingru)
        except InputError:
            refused += 1
        else:
            assert written(loaded) == expected
    assert refused >= 145
    for size in (0, 7, 100, len(good) - 1):
        path.write_bytes(good[:size])
        with pytest.raises(InputError):
            Session.load(path, mingru)


def test_a_session_belongs_to_its_weights(mingru: Model[Any], tmp_path: Path) -> None:
    Session.start(mingru).save(tmp_path / "stream")
    with torch.no_grad():
        next(mingru.parameters())[0, 0] += 1e-3
    with pytest.raises(InputError, match="weights that the session was saved with"):
        Session.load(tmp_path / "stream", mingru)


def test_saving_where_nothing_can_be_saved(mingru: Model[Any], tmp_path: Path) -> None:
    session = Session.start(mingru)
    for path in (tmp_path, tmp_path / "missing" / "stream"):
        with pytest.raises(InputError, match="file name in a directory"):
            session.save(path)
    with pytest.raises(InputError, match="expected a file"):
        Session.load(tmp_path / "missing", mingru)


def test_pieces_are_whole_characters(reciter: Make) -> None:
    script = "a\N{SNOWMAN}é\N{GRADUATION CAP}\nz"
    session = Session.start(reciter(script))
    assert list(session.write(100)) == list(script)
    assert session.finished == "end"


def test_a_budget_inside_a_character_shows_a_replacement(reciter: Make) -> None:
    session = Session.start(reciter("a\N{SNOWMAN}b"))
    assert list(session.write(3)) == ["a", "\N{REPLACEMENT CHARACTER}"]
    assert session.finished == "tokens"


@pytest.mark.parametrize(
    ("stop", "text", "finished", "read"),
    [
        (("\n\n",), "one\ntwo", "stop", 9),
        (("xx", "wo"), "one\nt", "stop", 7),
        ("three", "one\ntwo\n\n", "stop", 14),
        ("four", "one\ntwo\n\nthree fo", "end", 17),
        ((), "one\ntwo\n\nthree fo", "end", 17),
    ],
)
def test_stop_strings_are_not_shown(
    reciter: Make, stop: Any, text: str, finished: str, read: int
) -> None:
    session = Session.start(reciter("one\ntwo\n\nthree fo"))
    pieces = list(session.write(100, stop=stop))
    assert "".join(pieces) == text
    assert all(pieces)
    assert session.finished == finished
    assert session.position == 1 + read


@pytest.mark.parametrize("tokens", [0, 1, 5])
def test_the_budget_counts_tokens(reciter: Make, tokens: int) -> None:
    session = Session.start(reciter("abcdefgh"))
    assert "".join(session.write(tokens)) == "abcdefgh"[:tokens]
    assert "".join(session.write(tokens)) == "abcdefghij"[tokens : min(8, 2 * tokens)]


def test_the_end_token_ends_unless_it_is_not_wanted(reciter: Make) -> None:
    session = Session.start(reciter("ab"))
    assert "".join(session.write(10)) == "ab"
    assert "".join(session.write(10)) == ""
    assert session.position == 3
    assert len("".join(session.write(10, end=False))) > 0
    assert session.position == 13


@pytest.mark.parametrize("position", ["3", 3.0, -1, True, None, 2**62])
def test_a_position_that_cannot_be_is_refused(
    mingru: Model[Any], tmp_path: Path, position: object
) -> None:
    Session.start(mingru).save(tmp_path / "stream")
    held = tensors.load((tmp_path / "stream").read_bytes(), "stream")
    header = json.loads(held["session.json"].numpy().tobytes()) | {"position": position}
    text = torch.frombuffer(bytearray(json.dumps(header).encode()), dtype=torch.uint8)
    (tmp_path / "stream").write_bytes(tensors.save_sealed(held | {"session.json": text}))
    with pytest.raises(InputError, match="expected a position"):
        Session.load(tmp_path / "stream", mingru)


def test_a_caller_who_turns_away_leaves_a_stream_that_goes_on(reciter: Make) -> None:
    session = Session.start(reciter("abcdef"))
    for piece in session.write(100):
        if piece == "c":
            break
    assert session.finished is None
    assert "".join(session.write(100)) == "def"


def test_gradients_and_modes_are_as_before(mingru: Model[Any]) -> None:
    mingru.train()
    next(mingru.children()).eval()
    modes = [module.training for module in mingru.modules()]
    session = Session.start(mingru)
    for _ in session.write(2, end=False):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert [module.training for module in mingru.modules()] == modes
    logits, _ = mingru(torch.zeros(1, 3, dtype=torch.int64))
    logits.sum().backward()


def test_the_state_does_not_grow(model: Model[Any], tmp_path: Path) -> None:
    sizes = []
    session = Session.start(model)
    for _ in range(3):
        session.read(TEXT * 5)
        session.save(tmp_path / "stream")
        sizes.append((tmp_path / "stream").stat().st_size)
    assert max(sizes) - min(sizes) < 32  # digits of the position and of the dice


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 256], r"tokens in \[0, 256\); got 1 to 256"),
        ([-1, 2], r"got -1 to 2"),
        ([[1, 2]], "row of whole token numbers"),
        ([0.5], "row of whole token numbers"),
    ],
)
def test_tokens_outside_the_vocabulary(mingru: Model[Any], content: Any, message: str) -> None:
    session = Session.start(mingru)
    with pytest.raises(InputError, match=message):
        session.read(content)
    assert session.position == 1


def test_impossible_wishes(mingru: Model[Any]) -> None:
    session = Session.start(mingru)
    with pytest.raises(InputError, match="tokens must be"):
        session.write(-1)
    with pytest.raises(InputError, match="stop strings"):
        session.write(3, stop="")
    with pytest.raises(InputError, match=re.escape("seed must be a whole number")):
        Session.start(mingru, seed=-1)
    mingru.tokenizer = None
    with pytest.raises(InputError, match="tokenizer"):
        Session.start(mingru)
