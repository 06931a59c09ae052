"""Each part of the torture in its quick size; `scripts/torture --full` has the figures."""

from pathlib import Path

import pytest

from torture import fuzz
from torture.bench import Bench, Part
from torture.parts import PARTS

# The part `fuzz` as a whole compiles the kernels anew, for which only scripts/torture has the time.
QUICK = [part for name, part in PARTS.items() if name != "fuzz"]


@pytest.mark.slow
@pytest.mark.parametrize("part", QUICK, ids=lambda part: part.name)
def test_holds(part: Part, tmp_path: Path) -> None:
    bench = Bench(tmp_path, seed=1)
    part.run(bench)
    assert bench.failures == []
    assert bench.counts["trials"] > 10


@pytest.mark.slow
@pytest.mark.skipif(bool(fuzz.fuzzer_missing()), reason=fuzz.fuzzer_missing() or "atheris is there")
@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_no_bytes_crash_a_parser(target: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, seed=1)
    fuzz.fuzz_parser(bench, target, 2)
    assert bench.failures == []
    assert bench.counts[f"inputs of {target}"] > 100
