"""Where a comparison keeps its runs, their results and what their processes said."""

# OUT/compare.json                   the plan
# OUT/runs/RECIPE-seed-0/            a run directory
# OUT/runs/RECIPE-seed-0.json        its result, once it has one
# OUT/runs/RECIPE-seed-0.log         the standard error of its process

from pathlib import Path
from urllib.parse import quote

from runnel import files, strict_json
from runnel.configuration import from_plain, to_plain
from runnel.reports.results import Run


def run_directory(out: Path, name: str, seed: int) -> Path:
    """The run directory of one recipe and seed."""
    return out / "runs" / _stem(name, seed)


def log_file(out: Path, name: str, seed: int) -> Path:
    """What the process of that run wrote to its standard error."""
    return out / "runs" / f"{_stem(name, seed)}.log"


def read_run(out: Path, name: str, seed: int) -> Run | None:
    """The result of that run, if there is one."""
    path = _result(out, name, seed)
    if not path.exists():
        return None
    return from_plain(Run, strict_json.read(path), path.name)


def write_run(out: Path, name: str, run: Run) -> None:
    """Keep the result of a run."""
    files.write_durably(_result(out, name, run.seed), strict_json.render(to_plain(run)))


def _result(out: Path, name: str, seed: int) -> Path:
    return out / "runs" / f"{_stem(name, seed)}.json"


def _stem(name: str, seed: int) -> str:
    # hf:NAME and folders have characters that part paths.
    return f"{quote(name, safe='')}-seed-{seed}"
