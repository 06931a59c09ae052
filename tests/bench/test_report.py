"""Contests: what a row says, what a missing peer's row says, what memory is counted."""

import itertools
from collections.abc import Callable
from functools import partial

import pytest
import torch

from runnel.bench import measure, peers
from runnel.bench.bounds import Bound, weights_read
from runnel.bench.measure import QUICK, in_turns
from runnel.bench.memory import peak_bytes
from runnel.bench.report import Contestant, Report
from runnel.errors import InputError
from runnel.recipes import build

KEYS = {
    *("name", "peer", "shape", "dtype", "seconds", "spread", "ratio_to_ours"),
    *("fraction_of_bound", "peak_bytes", "note"),
}


class Clock:
    """Time that passes by the calls alone, whatever else the machine does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(measure, "perf_counter", lambda: self.now)

    def taking(self, milliseconds: float) -> Callable[[], None]:
        def call() -> None:
            self.now += milliseconds / 1e3

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_rows_and_bounds(clock: Clock) -> None:
    def missing() -> Contestant:
        raise InputError("expected x; it is not installed; pip install 'runnel[bench]'")

    report = Report(QUICK)
    # The bound does 4 units of work in 4 ms, ours needs 2 of them and takes 8 ms for two tokens.
    makers = {
        "runnel": lambda: Contestant(call=clock.taking(8), work=2, units=2),
        "slow": lambda: Contestant(call=clock.taking(8), peer="slow"),
        "absent": missing,
    }
    report.contest("naps", {"B": 1}, makers, bound=lambda: Bound("copy", 4, clock.taking(4)))
    found = report.result()
    ours, slow, absent = found["rows"]
    assert all(set(row) == KEYS for row in found["rows"])
    assert (ours["peer"], ours["ratio_to_ours"]) == (None, 1)
    assert ours["seconds"] == pytest.approx(4e-3)
    assert ours["fraction_of_bound"] == pytest.approx(0.5)
    assert slow["ratio_to_ours"] == pytest.approx(2)
    assert slow["fraction_of_bound"] is None
    assert (absent["peer"], absent["seconds"]) == ("absent", None)
    assert "runnel[bench]" in absent["note"]
    assert found["bounds"]["copy_gb_per_s"] == pytest.approx(1e-6)


def test_only_what_is_asked_for(clock: Clock) -> None:
    report = Report(QUICK, only="long B=2")
    for batch in (1, 2):
        report.contest("long", {"B": batch}, {"runnel": lambda: Contestant(call=clock.taking(1))})
    assert [row["shape"]["B"] for row in report.result()["rows"]] == [2]


def test_contestants_take_turns_within_a_budget(clock: Clock) -> None:
    order: list[str] = []
    calls: dict[str, Callable[[], object]] = {n: partial(order.append, n) for n in "ab"}
    in_turns(calls, rounds=3, warmup=1)
    runs = [name for name, _ in itertools.groupby(order)]
    assert runs == ["a", "b"] * 4
    order.clear()
    calls["slow"] = clock.taking(20)
    in_turns(calls, rounds=1000, warmup=1000, budget=0.05)
    # Three turns use up the budget, which ends the warm-up; three more are measured.
    assert len(list(itertools.groupby(order))) == 2 * 6


def test_peak_memory_is_what_is_held_at_once() -> None:
    def call() -> torch.Tensor:
        first = torch.empty(1000, 1000)
        del first
        second = torch.empty(500, 1000)
        return second + 1

    assert 4_000_000 <= peak_bytes(call) < 4_500_000


def test_weights_that_a_token_meets() -> None:
    apart, tied = (build("mingru-stories", dim=16, layers=1, tied=t) for t in (False, True))
    # A tied table is read as the head; the head on its own has a bias too.
    assert weights_read(apart) - weights_read(tied) == 256
    assert weights_read(tied) == sum(p.numel() for p in tied.parameters())


def test_peers_compute_the_same_scan() -> None:
    from runnel.ops import mingru_scan

    torch.manual_seed(0)
    x = torch.randn(2, 40, 5), torch.randn(2, 40, 5)
    expected = mingru_scan(*x)[0]
    torch.testing.assert_close(peers.log_space_scan(*x), expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(peers.associative_scan(*x), expected)


def test_a_peer_that_fails_on_a_device_is_told_and_the_others_go_on() -> None:
    report = Report(QUICK, device=torch.device("meta"))
    made = []

    def ours() -> Contestant:
        made.append(torch.ones(2).device.type)
        return Contestant(call=lambda: None)

    def broken() -> Contestant:
        def call() -> None:
            raise torch.OutOfMemoryError("too much\nof it")

        return Contestant(call=call)

    report.contest("naps", {"B": 1}, {"runnel": ours, "broken": broken})
    first, second = report.rows
    assert made == ["meta"]
    assert first["seconds"] > 0
    assert (second["peer"], second["seconds"]) == ("broken", None)
    assert second["note"] == "left out; OutOfMemoryError: too much"


def test_a_gpu_is_asked_by_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            told.append("event")

        def synchronize(self) -> None:
            told.append("waited")

        def elapsed_time(self, other: "Event") -> float:
            return 5.0

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: told.append("idle"))
    calls = {"it": lambda: told.append("call")}
    found = in_turns(calls, rounds=2, warmup=0, device=torch.device("cuda"))
    assert found["it"].median == pytest.approx(5e-3)
    assert told[:5] == ["idle", "event", "call", "event", "waited"]


def test_a_loop_over_cells_is_a_gru() -> None:
    loop = peers.GRUCells(5)
    gru = torch.nn.GRU(5, 5, batch_first=True)
    gru.load_state_dict({f"{n}_l0": w for n, w in loop.cell.state_dict().items()})
    x_BTD = torch.randn(2, 7, 5)
    torch.testing.assert_close(loop(x_BTD), gru(x_BTD)[0])
