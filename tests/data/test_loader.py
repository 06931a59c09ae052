"""The loader: each target once an epoch, resets where documents start, positions that go on."""

import time
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel.data import Batch, DataConfig, Loader, TokenStream, open_corpus, sequential
from runnel.data.loader import _Epoch
from runnel.errors import InputError


def counting_stream(size: int) -> TokenStream:
    """Every token differs, so that a token tells its place; the end stands at 0 only."""
    return TokenStream(np.arange(size, dtype=np.uint16), 0, size)


def story_stream(size: int, seed: int = 0) -> TokenStream:
    tokens_N = np.random.default_rng(seed).integers(0, 5, size).astype(np.uint16)
    return TokenStream(tokens_N, 0, size)


def equal(left: Batch, right: Batch) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def windows_of_epoch(loader: Loader) -> list[list[int]]:
    """The windows of the next epoch, by a loader of one sequence a batch, at an epoch's start."""
    number = loader.position()["epoch"]
    windows: list[list[int]] = []
    while True:
        before = loader.position()
        batch = next(loader)
        if loader.position()["epoch"] != number:
            loader.load_position(before)
            return windows
        windows.append(batch.tokens_BT[0].tolist())
        assert batch.targets_BT[0].tolist() == [t + 1 for t in windows[-1]]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(size=st.integers(2, 200), length=st.integers(1, 50), seed=st.integers(0, 5))
def test_each_target_comes_once_an_epoch_up_to_the_offset(
    size: int, length: int, seed: int
) -> None:
    length = min(length, size - 1)
    loader = Loader(counting_stream(size), batch=1, length=length, seed=seed)
    for _ in range(2):
        windows = windows_of_epoch(loader)
        seen = sorted(t for window in windows for t in window)
        offset = seen[0]
        assert offset < length
        assert seen == list(range(offset, offset + len(windows) * length))
        assert size - 1 - (seen[-1] + 1) < length  # what is left over makes no window
        next(loader)
        loader.load_position({**loader.position(), "window": 0})


def test_an_epoch_of_many_windows_is_whole() -> None:
    loader = Loader(counting_stream(7001), batch=7, length=1, seed=0)
    seen = np.concatenate([next(loader).tokens_BT[:, 0] for _ in range(1000)])
    assert np.array_equal(np.sort(seen), np.arange(7000))
    assert loader.position()["window"] == 7000


def test_windows_may_be_asked_for_in_any_order() -> None:
    epoch = _Epoch(0, targets=5000, length=1, seed=0)
    whole_N = epoch.starts(0, 5000)
    forgetful = _Epoch(0, targets=5000, length=1, seed=0)
    for first, stop in [(4000, 4010), (10, 20), (0, 3000), (2999, 3001), (500, 500)]:
        assert np.array_equal(epoch.starts(first, stop), whole_N[first:stop])
        assert np.array_equal(forgetful.starts(first, stop), whole_N[first:stop])


def test_epochs_differ_in_order_and_offset() -> None:
    loader = Loader(counting_stream(5000), batch=1, length=10, seed=0)
    epochs = []
    for number in range(4):
        loader.load_position({**loader.position(), "epoch": number, "window": 0})
        epochs.append(windows_of_epoch(loader))
    assert len({min(map(min, epoch)) for epoch in epochs}) > 1
    assert all(epoch != sorted(epoch) for epoch in epochs)
    orders = [[window[0] // 10 for window in epoch] for epoch in epochs]
    assert all(a != b for a, b in pairwise(orders))


def test_the_seed_decides_everything() -> None:
    def first(seed: int) -> list[list[int]]:
        batch = next(Loader(story_stream(500), batch=4, length=9, seed=seed))
        return list(batch.tokens_BT.tolist())

    assert first(3) == first(3)
    assert first(3) != first(4)


def test_batches_are_full_contiguous_and_typed() -> None:
    stream = story_stream(60)
    for batch in islice(Loader(stream, batch=4, length=7, seed=0), 20):
        for array, dtype in zip(batch, (np.int64, np.int64, np.bool_), strict=True):
            assert array.shape == (4, 7)
            assert array.dtype == dtype
            assert array.flags.c_contiguous
        assert np.array_equal(batch.tokens_BT[:, 1:], batch.targets_BT[:, :-1])
        assert np.array_equal(batch.reset_BT, batch.tokens_BT == stream.end)
        assert batch.reset_BT.any()


def test_short_documents_are_packed_so_that_no_target_is_padding(tmp_path: Path) -> None:
    """Stories far shorter than a window: every target is their text or one end a story."""
    stories = [f"{'tale ' * (i % 4)}{i:03d}." for i in range(300)]
    path = tmp_path / "stories.txt"
    path.write_text("<|endoftext|>".join(stories), encoding="utf-8")
    corpus = open_corpus(DataConfig(source=str(path), split="documents"))
    stream, length = corpus.train, 64
    ends = int((stream.tokens_N == stream.end).sum())
    assert ends in (corpus.documents[0], corpus.documents[0] + 1)
    assert set(stream.tokens_N.tolist()) - {stream.end} == set("".join(stories).encode())
    whole = bytes(np.where(stream.tokens_N == stream.end, 0, stream.tokens_N).astype(np.uint8))
    for batch in islice(Loader(stream, batch=3, length=length, seed=0), 2 * len(stream) // length):
        for row_T in batch.targets_BT:
            assert bytes(np.where(row_T == stream.end, 0, row_T).astype(np.uint8)) in whole


def test_a_batch_goes_on_with_the_next_epoch() -> None:
    one, many = (Loader(story_stream(100), batch=b, length=13, seed=1) for b in (1, 5))
    singles = [next(one).tokens_BT[0] for _ in range(100)]
    rows = [row for batch in islice(many, 20) for row in batch.tokens_BT]
    assert np.array_equal(singles, rows)
    assert one.position()["epoch"] > 5


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_the_batch_of_one(world: int) -> None:
    stream = story_stream(90)
    whole = Loader(stream, batch=2 * world, length=11, seed=5)
    parts = [Loader(stream, batch=2, length=11, seed=5, rank=r, world=world) for r in range(world)]
    for batch in islice(whole, 15):
        together = np.concatenate([next(part).tokens_BT for part in parts])
        assert np.array_equal(together, batch.tokens_BT)
        assert all(part.position() == whole.position() for part in parts)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    size=st.integers(20, 3000),
    batch=st.integers(1, 9),
    length=st.integers(1, 19),
    before=st.integers(0, 40),
    world=st.integers(1, 3),
)
def test_a_saved_position_goes_on_exactly(
    size: int, batch: int, length: int, before: int, world: int
) -> None:
    def loader() -> Loader:
        return Loader(
            story_stream(size), batch=batch, length=length, seed=2, rank=world - 1, world=world
        )

    undisturbed = loader()
    for _ in range(before):
        next(undisturbed)
    saved = undisturbed.position()
    assert all(type(value) is int for value in saved.values())
    resumed = loader()
    next(resumed)
    resumed.load_position(saved)
    assert resumed.position() == saved
    for _ in range(20):
        assert equal(next(resumed), next(undisturbed))
        assert resumed.position() == undisturbed.position()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed=0; got 1"),
        ({"length": 8}, "length=7; got 8"),
        ({"tokens": 101}, "tokens=100; got 101"),
        ({"epoch": -1}, "epoch=-1"),
        ({"epoch": 2**70}, "inside an epoch"),
        ({"window": -1}, "window=-1"),
        ({"window": 15}, "window=15"),
        ({"window": 1.0}, "window=0; got 1.0"),
        ({"epoch": True}, "epoch=0; got True"),
        ({"window": None}, "window=0; got None"),
        ({"other": 1}, "expected a data position with epoch"),
    ],
)
def test_an_odd_position_is_refused_and_changes_nothing(change: dict[str, Any], named: str) -> None:
    loader = Loader(story_stream(100), batch=2, length=7, seed=0)
    own = loader.position()
    with pytest.raises(InputError, match=named) as caught:
        loader.load_position({**own, **change})
    assert "\n" not in str(caught.value)
    assert loader.position() == own


@pytest.mark.parametrize("position", [{}, [], None, {"epoch": 0}])
def test_no_position_is_refused(position: Any) -> None:
    with pytest.raises(InputError, match="expected a data position"):
        Loader(story_stream(100), batch=2, length=7, seed=0).load_position(position)


def test_the_end_of_an_epoch_is_a_position() -> None:
    loader = Loader(counting_stream(41), batch=1, length=10, seed=0)
    while loader.position()["epoch"] == 0:
        end = loader.position()
        next(loader)
    loader.load_position(end)
    first = next(loader)
    assert loader.position() == {**end, "epoch": 1, "window": 1}
    fresh = Loader(counting_stream(41), batch=1, length=10, seed=0)
    fresh.load_position({**end, "epoch": 1, "window": 0})
    assert equal(first, next(fresh))


def test_a_length_beyond_the_corpus_is_refused() -> None:
    Loader(story_stream(100), batch=1, length=99, seed=0)
    with pytest.raises(InputError, match=r"at most 99,.* 100 tokens; got 100; choose a shorter"):
        Loader(story_stream(100), batch=1, length=100, seed=0)


@pytest.mark.parametrize(
    "odd", [{"batch": 0}, {"length": 0}, {"length": -1}, {"rank": 1}, {"rank": -1}, {"world": 0}]
)
def test_impossible_sizes_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        Loader(story_stream(100), **{"batch": 1, "length": 5, "seed": 0, **odd})


@pytest.mark.parametrize("size", [2, 3, 50, 64, 65])
@pytest.mark.parametrize("length", [1, 7, 64, 1000])
def test_sequential_gives_every_target_once_in_order(size: int, length: int) -> None:
    stream = story_stream(size)
    batches = list(sequential(stream, length=length))
    inputs, targets, resets = (
        np.concatenate(parts, axis=1)[0] for parts in zip(*batches, strict=True)
    )
    assert np.array_equal(inputs, stream.tokens_N[:-1])
    assert np.array_equal(targets, stream.tokens_N[1:])
    assert np.array_equal(resets, stream.tokens_N[:-1] == 0)
    assert all(batch.tokens_BT.shape == (1, length) for batch in batches[:-1])


def test_feeding_costs_under_a_millisecond() -> None:
    loader = Loader(story_stream(3_000_000), batch=16, length=512, seed=0)
    times = []
    for _ in range(300):
        start = time.perf_counter()
        next(loader)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 1e-3
