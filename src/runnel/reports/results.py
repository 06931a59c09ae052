"""What a comparison found, as values: written to results.json, read back strictly, merged."""

import dataclasses
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from runnel import files, strict_json
from runnel.configuration import from_plain, to_plain
from runnel.errors import InputError

FORMAT = 1
RESULTS = "results.json"


@dataclass(frozen=True, kw_only=True)
class Bin:
    """A mean over a range of positions or distances."""

    first: int
    last: int
    """inclusive"""
    count: int
    """how many tokens or probes the mean is over"""
    value: float


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What a model wrote after a fixed prompt."""

    prompt: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """One recipe trained from one seed, or why there is nothing to show."""

    seed: int
    status: Literal["finished", "diverged", "failed"]
    reason: str | None = None
    """why it did not finish, in a line"""
    steps: int | None = None
    tokens: int | None = None
    """read while training"""
    seconds: float | None = None
    """of training steps"""
    bits_per_byte: float | None = None
    """of the published weights over the first `validation_tokens`"""
    nats_per_token: float | None = None
    validation_tokens: int | None = None
    validation_sha256: str | None = None
    """over the tokens that were judged"""
    tokenizer_sha256: str | None = None
    protocol: str | None = None
    """what the model had read before each token judged"""
    seconds_per_batch: float | None = None
    """median over the logged lines"""
    tokens_per_second: float | None = None
    """of training, median over the logged lines"""
    peak_bytes: int | None = None
    """most memory of the process while it trained: on a CPU all of it, on a GPU torch's tensors"""
    start_bytes: int | None = None
    """the same before the first step: Python, torch, the corpus and the fresh model"""
    decode_tokens_per_second: float | None = None
    """one stream, one token at a time, without drawing"""
    state_bytes: dict[str, int] = dataclasses.field(default_factory=dict)
    """of one stream, by the tokens that it has read"""
    curve: tuple[tuple[int, float, float], ...] = ()
    """tokens, seconds, bits per byte at each evaluation on the way"""
    by_position: tuple[Bin, ...] = ()
    """bits per byte against the position in the context, from a fresh state"""
    recall: tuple[Bin, ...] = ()
    """part of the corpus' probes answered rightly, against their distance in words"""
    samples: tuple[Sample, ...] = ()
    parameters: int | None = None
    """of a model that was not trained here, known once it is opened"""
    context: int | None = None
    """tokens that such a model reads at most"""

    @property
    def growth_bytes(self) -> int | None:
        """What training added to the memory that was taken before its first step."""
        if self.peak_bytes is None or self.start_bytes is None:
            return None
        return max(0, self.peak_bytes - self.start_bytes)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One recipe of a comparison, with a run for each seed so far."""

    name: str
    source: str
    recipe: dict[str, Any]
    """the whole recipe as config.json has it"""
    parameters: int
    parameters_without_embeddings: int
    """without what grows with the vocabulary: the embedding and the head"""
    runs: tuple[Run, ...] = ()
    trained: bool = True
    """false: somebody else's model, judged once and not trained here"""

    @property
    def finished(self) -> list[Run]:
        """The runs that have results."""
        return [run for run in self.runs if run.status == "finished"]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is the same for every recipe."""

    data: str
    """the source's name"""
    description: str
    data_sha256: str
    tokenizer: str
    budget: str
    batch_tokens: int
    """tokens of one optimizer step"""
    length: int
    """tokens of a sequence"""
    matched: str
    """what the widths were adjusted to, or that they were not"""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Recipes under one set of conditions on one machine; the plan of one is the same, no runs."""

    made: str
    """date"""
    version: str
    """of runnel"""
    machine: dict[str, Any]
    device: str
    conditions: Conditions
    seeds: tuple[int, ...]
    entries: tuple[Entry, ...]

    def jobs(self) -> list[tuple[str, int]]:
        """Every run in order: all recipes have their first seed before any has its second."""
        return [
            (entry.name, seed)
            for seed in self.seeds
            for entry in self.entries
            if entry.trained or seed == self.seeds[0]
        ]

    def with_run(self, name: str, run: Run) -> "Comparison":
        """The comparison with one more run, in place of an earlier one of its recipe and seed."""
        entries = tuple(
            dataclasses.replace(
                entry,
                runs=tuple(
                    sorted(
                        [*(r for r in entry.runs if r.seed != run.seed), run], key=lambda r: r.seed
                    )
                ),
            )
            if entry.name == name
            else entry
            for entry in self.entries
        )
        return dataclasses.replace(self, entries=entries)


class Spread(NamedTuple):
    """A mean over seeds."""

    mean: float
    deviation: float | None
    """standard deviation; none for a single run"""
    lowest: float
    highest: float
    runs: int


def spread(values: list[float]) -> Spread | None:
    """Mean and spread of some values; none where there are none."""
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation, min(values), max(values), len(values))


def render(comparisons: list[Comparison]) -> bytes:
    """results.json."""
    return strict_json.render(
        {"format": FORMAT, "comparisons": [to_plain(comparison) for comparison in comparisons]}
    )


def read(path: Path) -> list[Comparison]:
    """The comparisons in a results.json, or in the directory that holds one."""
    if path.is_dir():
        path = path / RESULTS
    try:
        data = files.read_regular(path, strict_json.LARGEST)
    except InputError as error:
        raise InputError(f"{path.parent}/{error}; give the --out of a comparison") from None
    plain = strict_json.parse(data, str(path))
    version, found = plain.get("format"), plain.get("comparisons")
    if version != FORMAT or not isinstance(found, list) or not found or len(plain) != 2:
        raise InputError(
            f"{path}: expected results of runnel compare of format {FORMAT}; got fields "
            f"{', '.join(plain)[:80] or 'none'}; give a {RESULTS} or the --out of a comparison"
        )
    return [from_plain(Comparison, one, f"{path}: comparisons.{i}") for i, one in enumerate(found)]


def merge(parts: list[list[Comparison]]) -> list[Comparison]:
    """One comparison for each set of conditions and machine; runs of later parts come last.

    A recipe that two parts have trained from the same seed is an InputError, for one of the two
    would have to be dropped; parts of one recipe with other seeds become one entry.
    """
    merged: dict[tuple[str, str], Comparison] = {}
    for comparison in (c for part in parts for c in part):
        key = (str(to_plain(comparison.conditions)), str(sorted(comparison.machine.items())))
        merged[key] = _joined(merged[key], comparison) if key in merged else comparison
    return list(merged.values())


def _joined(one: Comparison, other: Comparison) -> Comparison:
    entries = {entry.name: entry for entry in one.entries}
    for entry in other.entries:
        before = entries.get(entry.name)
        if before is None:
            entries[entry.name] = entry
            continue
        if not (entry.trained or before.trained):
            # Nothing was drawn in judging it: one result is as good as the other.
            entries[entry.name] = before if before.finished else entry
            continue
        twice = {run.seed for run in before.runs} & {run.seed for run in entry.runs}
        if twice or before.recipe != entry.recipe:
            what = f"seed {min(twice)} twice" if twice else "two configurations"
            raise InputError(
                f"expected each recipe once in the results to merge; got {entry.name} with {what}; "
                "leave one of them out"
            )
        runs = sorted((*before.runs, *entry.runs), key=lambda run: run.seed)
        entries[entry.name] = dataclasses.replace(before, runs=tuple(runs))
    return dataclasses.replace(
        one,
        made=max(one.made, other.made),
        seeds=tuple(sorted({*one.seeds, *other.seeds})),
        entries=tuple(entries.values()),
    )
