"""Each part of the torture in its quick size; `scripts/torture --full` has the figures."""

from pathlib import Path

import pytest

from torture import disk, faults, flips, fuzz, hostile, kill, malformed, resume
from torture.bench import Bench, Part

# The part `fuzz` as a whole compiles the kernels anew, for which only scripts/torture has the time.
PARTS = [kill.PART, faults.PART, resume.PART, flips.PART, malformed.PART, hostile.PART, disk.PART]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
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
