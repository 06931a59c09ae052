"""The doors by which what others wrote comes in, and malformed things for each of them.

A door is a name with two generators: cases collected by hand that must be refused, and endless ones
drawn by dice, most of which must be.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from runnel.data.prepared import INDEX, shard_path
from runnel.reports.plan import read_plan
from runnel.storage import checkpoint as checkpoints
from torture import kit, run_doors, text_doors, weight_doors, word_doors
from torture.door import Door, json_door
from torture.kit import Kit


def _plan(k: Kit) -> Path:
    """A plan of a comparison, which is its results without any."""
    path = k.folder / "compared" / "compare.json"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        plain = json.loads(k.results.read_bytes())
        path.write_text(json.dumps({"format": 1} | plain["comparisons"][0]))
    return path


def _doors() -> Iterator[Door]:
    yield weight_doors.weights()
    manifest, state = checkpoints.MANIFEST, checkpoints.STATE
    yield json_door(
        "manifest", lambda k: k.checkpoint / manifest, lambda k: k.generate(k.checkpoint)
    )
    yield json_door("config", lambda k: k.run / "config.json", lambda k: k.generate(k.run))
    yield json_door("recipe", lambda k: k.killed / "config.json", lambda k: k.resume)
    yield json_door("tokenizer", lambda k: k.run / "tokenizer.json", lambda k: k.generate(k.run))
    yield json_door(
        "state",
        lambda k: k.checkpoint / state,
        lambda k: k.resume,
        lambda k, data: kit.resealed(k.checkpoint, state, data),
    )
    yield run_doors.metrics()
    yield run_doors.session()
    yield text_doors.dataset(
        "shard",
        lambda k: shard_path(k.dataset, 0),
        lambda k, data: kit.with_header(shard_path(k.dataset, 0), data),
    )
    yield text_doors.dataset(
        "index", lambda k: k.dataset / INDEX, lambda k, data: kit.sealed_index(data)
    )
    yield text_doors.sources()
    yield text_doors.gpt2()
    yield weight_doors.imports()
    yield json_door("results", lambda k: k.results, lambda k: k.merge)
    yield json_door("plan", _plan, lambda k: lambda: read_plan(_plan(k).parent))
    yield word_doors.settings()
    yield word_doors.prompts()


DOORS = tuple(_doors())
