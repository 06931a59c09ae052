"""Parsers fuzzed by coverage, and the C++ kernels under sanitizers with random shapes."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from torture.bench import Bench, Part

ROOT = Path(__file__).parents[2]
TARGETS = ("config", "manifest", "tokenizer", "shard", "safetensors")
_QUICK, _FULL = (5, 25), (200, 600)
"""seconds for each target, and for the kernels"""


def fuzzer_missing() -> str:
    """Why parsers cannot be fuzzed; empty when they can."""
    if importlib.util.find_spec("atheris") is None:
        return "needs atheris (pip install atheris)"
    return ""


def compiler_missing() -> str:
    """Why no kernels can be built that watch their accesses; empty when they can."""
    for tool in ("g++", "cmake"):
        if shutil.which(tool) is None:
            return f"needs {tool}"
    return "" if Path(_runtime("libasan.so")).is_absolute() else "needs g++ with libasan"


def _runtime(name: str) -> str:
    asked = ["g++", f"-print-file-name={name}"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def fuzz_parser(bench: Bench, name: str, seconds: int) -> None:
    """One target in a process of its own."""
    folder = bench.folder / name
    folder.mkdir()
    command = [sys.executable, "-m", "torture.fuzz_main", name]
    done = subprocess.run(
        [*command, str(seconds), str(bench.seed % 2**31 + 1), str(folder)],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds + 300,
    )
    found = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    with bench.trial(name):
        assert found is not None, done.stderr[-400:]
        bench.counts[f"inputs of {name}"] += int(found[1])
    crashes = [path.name for path in folder.iterdir() if re.match("crash|timeout|oom", path.name)]
    for crash in crashes:
        kept = Path("/tmp") / f"torture-{name}-{crash}"
        shutil.copy(folder / crash, kept)
        bench.check(False, f"{name}: {kept}: {done.stderr[-600:]}")
    bench.check(done.returncode == 0 or bool(crashes), f"{name}: status {done.returncode}")


def build(folder: Path) -> None:
    """A copy of the package whose native library watches every access."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    flags = ["-DRUNNEL_SANITIZE=ON", "-DCMAKE_BUILD_TYPE=Release"]
    made = folder / "build"
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(made), *generator, *flags],
        ["cmake", "--build", str(made), "--parallel", str(len(os.sched_getaffinity(0)))],
    ):
        subprocess.run(command, check=True, capture_output=True)
    package = folder / "package" / "runnel"
    shutil.copytree(ROOT / "src" / "runnel", package, ignore=shutil.ignore_patterns("*.so"))
    shutil.copy(made / "librunnel_ops.so", package / "ops")


def watch_kernels(bench: Bench, package: Path, seconds: int) -> None:
    """Random shapes through the library of that copy."""
    environment = os.environ | {
        "PYTHONPATH": f"{package}:{ROOT / 'tests'}",
        "LD_PRELOAD": f"{_runtime('libasan.so')} {_runtime('libubsan.so')}",
        # What torch and Python do is not the question.
        "ASAN_OPTIONS": "detect_leaks=0:alloc_dealloc_mismatch=0:detect_odr_violation=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    done = subprocess.run(
        [sys.executable, "-m", "torture.kernels", str(seconds), str(bench.seed)],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds + 300,
    )
    with bench.trial("kernels"):
        watched = re.search(r"ERROR: AddressSanitizer.*|runtime error: .*", done.stderr)
        last = done.stderr.strip().splitlines()[-12:]
        assert done.returncode == 0, f"{watched and watched[0]}; {' | '.join(last)[-1500:]}"
        calls = json.loads(done.stdout.splitlines()[-1])
        bench.counts["calls of kernels"] += sum(calls.values())
        native = sum(n for kind, n in calls.items() if kind.startswith("native"))
        bench.check(native > 0, "no native step was taken")


def run(bench: Bench) -> None:
    """All targets, then the kernels."""
    each, kernels = _FULL if bench.full else _QUICK
    missing = fuzzer_missing()
    if bench.check(not missing, f"parsers not fuzzed: {missing}"):
        for name in TARGETS:
            fuzz_parser(bench, name, each)
            bench.say(f"{name}: {bench.counts[f'inputs of {name}']:,} inputs")
    missing = compiler_missing()
    if bench.check(not missing, f"kernels not watched: {missing}"):
        build(bench.folder)
        watch_kernels(bench, bench.folder / "package", kernels)


PART = Part(
    "fuzz",
    "parsers under a fuzzer led by coverage, kernels under sanitizers: no crash, no hang",
    run,
)
