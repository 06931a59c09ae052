"""Running a part and writing down how it went."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torture import tiny
from torture.bench import Bench, Part


def run_part(
    part: Part,
    *,
    seed: int,
    full: bool,
    share: tuple[int, int] = (0, 1),
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run it in a folder of its own; everything worth keeping, as JSON."""
    folder = Path(tempfile.mkdtemp(prefix=f"torture-{part.name}-"))
    bench = Bench(folder, seed=seed, full=full, share=share, say=say)
    machine, begin = tiny.machine(), time.monotonic()
    try:
        part.run(bench)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "part": part.name,
        "promise": part.promise,
        "size": "full" if full else "quick",
        "share": f"{share[0] + 1} of {share[1]}",
        "seed": seed,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "seconds": round(time.monotonic() - begin, 1),
        "counts": dict(bench.counts),
        "figures": {name: _rounded(number) for name, number in bench.figures.items()},
        "failures": bench.failures,
        "machine": machine,
    }


def line_of(report: dict[str, Any]) -> str:
    """One line for people."""
    numbers = [f"{number:,} {name}" for name, number in report["counts"].items()]
    numbers += [f"{name} {number}" for name, number in report["figures"].items()]
    failed = len(report["failures"])
    verdict = f"{failed} FAILED" if failed else "held"
    return f"{report['part']:<10} {verdict:<9} {report['seconds']:>7.0f} s  {', '.join(numbers)}"


def write(path: Path, report: dict[str, Any]) -> None:
    """Keep a report."""
    path.write_text(json.dumps(report, indent=2) + "\n")


def _rounded(number: Any) -> Any:
    return float(f"{number:.4g}") if isinstance(number, float) else number
