"""Results survive the disk, are read strictly, and merge without losing or doubling a run."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnel.errors import InputError
from runnel.reports.results import Comparison, merge, read, render, spread


def test_survive_the_disk(comparison: Comparison, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(render([comparison, comparison]))
    assert read(tmp_path) == [comparison, comparison]


def broken(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def make(data: bytes) -> bytes:
        plain = json.loads(data)
        change(plain)
        return json.dumps(plain).encode()

    return make


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "not JSON": (lambda data: b"loss,tokens\n1,2\n", "JSON"),
    "another JSON": (lambda data: b'{"loss": 1}', "results of runnel compare"),
    "cut": (lambda data: data[:-40], "JSON"),
    "a NaN": (lambda data: data.replace(b"1.5,", b"NaN,"), "finite"),
    "huge": (lambda data: data + b" " * 2**22, "at most"),
    "later format": (broken(lambda p: p.update(format=9)), "format 1"),
    "no comparisons": (broken(lambda p: p.update(comparisons=[])), "results of runnel compare"),
    "surplus field": (broken(lambda p: p["comparisons"][0].update(more=1)), "unknown field"),
    "wrong type": (broken(lambda p: p["comparisons"][0]["entries"][0].update(name=3)), "a text"),
    "wrong status": (
        broken(lambda p: p["comparisons"][0]["entries"][0]["runs"][0].update(status="good")),
        "finished",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_no_result_is_refused(fault: str, comparison: Comparison, tmp_path: Path) -> None:
    damage, hint = BROKEN[fault]
    path = tmp_path / "results.json"
    path.write_bytes(damage(render([comparison])))
    with pytest.raises(InputError, match=hint) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def parts(comparison: Comparison) -> tuple[Comparison, Comparison]:
    first, *rest = comparison.entries
    return (
        dataclasses.replace(comparison, entries=(first,)),
        dataclasses.replace(comparison, entries=tuple(rest)),
    )


def test_parts_of_one_comparison_merge_into_it(comparison: Comparison) -> None:
    one, other = parts(comparison)
    assert merge([[one], [other]]) == [comparison]


def test_seeds_of_one_recipe_come_together(comparison: Comparison) -> None:
    def only(seed: int) -> Comparison:
        kept = [
            dataclasses.replace(e, runs=tuple(r for r in e.runs if r.seed == seed))
            for e in comparison.entries
        ]
        return dataclasses.replace(comparison, seeds=(seed,), entries=tuple(kept))

    assert merge([[only(1)], [only(0)]]) == [comparison]


def test_a_run_twice_is_refused(comparison: Comparison) -> None:
    with pytest.raises(InputError, match=r"gru-stories with seed 0 twice"):
        merge([[comparison], [comparison]])


def test_other_conditions_stay_apart(comparison: Comparison) -> None:
    other = dataclasses.replace(
        comparison, conditions=dataclasses.replace(comparison.conditions, budget="9 minutes")
    )
    assert merge([[comparison], [other]]) == [comparison, other]


def test_spread_is_the_sample_standard_deviation() -> None:
    found = spread([1.0, 2.0, 6.0])
    assert found is not None
    assert found.mean == 3.0
    assert found.deviation == pytest.approx(7**0.5)
    assert (found.lowest, found.highest, found.runs) == (1.0, 6.0, 3)
    alone = spread([1.0])
    assert alone is not None
    assert alone.deviation is None
    assert spread([]) is None
