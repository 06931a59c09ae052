"""One target of the fuzzer in a process of its own, led by coverage, until its time is over.

`python -m torture.fuzz_main TARGET SECONDS SEED FOLDER`; any status but 0 is a crash or a hang,
whose input lies in FOLDER.
"""

import json
import random
import sys
from pathlib import Path

import atheris

from torture.mutate import mutated

with atheris.instrument_imports(include=["runnel"]):
    from torture import fuzz_targets


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """One change: of bytes by the fuzzer's own choice, or of what the JSON in them says."""
    dice, front = random.Random(seed), len(data) - len(data.lstrip(b"\0\1"))
    if dice.random() < 0.5:
        try:
            return (data[:front] + mutated(json.loads(data[front:]), dice))[:most]
        except (ValueError, RecursionError):
            pass
    return atheris.Mutate(data, most)


def main() -> None:
    """Begin from the target's seeds."""
    name, seconds, seed, folder = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for i, data in enumerate(fuzz_targets.seeds(name)):
        (corpus / f"seed-{i}").write_bytes(data)
    atheris.Setup(
        [
            *("fuzz", f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10"),
            *("-rss_limit_mb=4000", "-max_len=8192", "-print_final_stats=1", "-verbosity=0"),
            *(f"-artifact_prefix={folder}/", str(corpus)),
        ],
        lambda data: fuzz_targets.call(name, data, folder),
        custom_mutator=mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
