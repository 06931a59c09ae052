"""The table of a comparison: one row for each recipe, for a terminal, Markdown and CSV."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

from runnel.reports.published import figure_of
from runnel.reports.results import Comparison, Entry, Run, Spread, spread

_LABEL = 18  # characters of a name in 80 columns


class Column(NamedTuple):
    """One measured quantity."""

    name: str
    heading: str
    unit: str
    meaning: str
    of: Callable[[Entry, Run], float | None]
    show: Callable[[float], str]


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _rounded(value: float) -> str:
    """Three digits at least, as many as are there before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def abbreviated(value: float) -> str:
    """200k, 1.53M: a large number in a few characters."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * factor:
            return f"{value / factor:.3g}{unit}"
    return f"{value:g}"


def short_names(entries: Sequence[Entry]) -> dict[str, str]:
    """The names without the last word if all have the same one: mingru-stories becomes mingru.

    Models of others keep theirs, without hf: and its owner.
    """
    guests = {e.name: e.name.rpartition("/")[2] for e in entries if not e.trained}
    return guests | _without_ending([e.name for e in entries if e.trained])


def _without_ending(names: Sequence[str]) -> dict[str, str]:
    endings = {name.rpartition("-")[2] for name in names}
    if len(names) < 2 or len(endings) > 1 or any("-" not in name for name in names):
        return {name: name for name in names}
    return {name: name.rpartition("-")[0] for name in names}


def size(value: float) -> str:
    """Bytes in kB, MB or GB (10^3, 10^6, 10^9)."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= 0.9995 * factor:
            return f"{_rounded(value / factor)} {unit}"
    return f"{value:.0f} B"


def _state(length: int) -> Callable[[Entry, Run], float | None]:
    return lambda entry, run: run.state_bytes.get(str(length))


COLUMNS = (
    Column(
        *("parameters", "parameters", "", "numbers learned, shared ones once"),
        lambda entry, run: entry.parameters if entry.trained else run.parameters,
        _whole,
    ),
    Column(
        *("parameters_without_embeddings", "without embeddings", ""),
        "the same without what grows with the vocabulary: the embedding and the head",
        lambda entry, run: entry.parameters_without_embeddings if entry.trained else None,
        _whole,
    ),
    Column("tokens", "tokens", "", "read while training", lambda entry, run: run.tokens, _whole),
    Column(
        *(
            "bits_per_byte",
            "bits/byte",
            "",
            "of the validation text, as much of it as is stated: lower is better",
        ),
        lambda entry, run: run.bits_per_byte,
        lambda value: f"{value:.4f}",
    ),
    Column(
        *("ms_per_batch", "batch", "ms", "of training, median over the logged lines"),
        lambda entry, run: None if run.seconds_per_batch is None else 1000 * run.seconds_per_batch,
        _rounded,
    ),
    Column(
        *("tokens_per_second", "training", "tokens/s", "median over the logged lines"),
        lambda entry, run: run.tokens_per_second,
        _whole,
    ),
    Column(
        *("peak_bytes", "peak memory", ""),
        "most memory while training; on a CPU that of the whole process, Python and text included",
        lambda entry, run: run.peak_bytes,
        size,
    ),
    Column(
        *("decode_tokens_per_second", "decoding", "tokens/s"),
        "one stream, one token at a time, without drawing it",
        lambda entry, run: run.decode_tokens_per_second,
        _whole,
    ),
    Column("state_1k", "state at 1k", "", "of one stream after 1,024 tokens", _state(1024), size),
    Column(
        *("state_16k", "state at 16k", "", "of one stream after 16,384 tokens"),
        _state(16 * 1024),
        size,
    ),
    Column(
        *("state_256k", "state at 256k", "", "of one stream after 262,144 tokens"),
        _state(256 * 1024),
        size,
    ),
)
BY_NAME = {column.name: column for column in COLUMNS}


def cell(entry: Entry, column: Column) -> Spread | None:
    """Mean and spread of a column over the recipe's finished runs."""
    values = [column.of(entry, run) for run in entry.finished]
    return spread([value for value in values if value is not None])


def text(entry: Entry, column: Column) -> str:
    """The cell as mean ± standard deviation, a dash where nothing was measured."""
    found = cell(entry, column)
    if found is None:
        return "–"
    shown, unit = column.show(found.mean), f" {column.unit}" if column.unit else ""
    if found.deviation is None or found.lowest == found.highest:
        return shown + unit
    deviation = column.show(found.deviation)
    short, _, _ = deviation.partition(" ")
    same_unit = deviation.partition(" ")[2] == shown.partition(" ")[2]
    if " " in shown and same_unit:
        return f"{shown.partition(' ')[0]} ± {short} {shown.partition(' ')[2]}"
    return f"{shown} ± {deviation}{unit}"


def ranked(comparison: Comparison) -> list[Entry]:
    """The recipes, best first, those without a result last."""

    def key(entry: Entry) -> tuple[bool, float]:
        found = cell(entry, BY_NAME["bits_per_byte"])
        return (found is None, found.mean if found else 0.0)

    return sorted(comparison.entries, key=key)


def reason(entry: Entry) -> str | None:
    """Why some of the recipe's runs have no result, in a line."""
    lost = [run for run in entry.runs if run.status != "finished"]
    if not lost:
        return None
    seeds = ", ".join(str(run.seed) for run in lost)
    return f"{lost[0].status} (seed {seeds}): {lost[0].reason}"


def missing(comparison: Comparison, entry: Entry) -> list[int]:
    """Seeds of the plan that the recipe has not been trained from yet."""
    if not entry.trained and entry.runs:
        return []
    done = {(entry.name, run.seed) for run in entry.runs}
    return [s for name, s in comparison.jobs() if name == entry.name and (name, s) not in done]


def terminal_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """What fits into 80 columns."""
    names = ("tokens_per_second", "peak_bytes", "decode_tokens_per_second", "state_256k")
    heading = ("recipe", "bits/byte", "size", "tokens/s", "peak", "decode/s", "state")
    rows: list[tuple[str, ...]] = [heading]
    labels = short_names(comparison.entries)
    for entry in ranked(comparison):
        sizes = cell(entry, BY_NAME["parameters"])
        cells = [text(entry, BY_NAME["bits_per_byte"]), abbreviated(sizes.mean) if sizes else "–"]
        for name in names:
            found = cell(entry, BY_NAME[name])
            cells.append(BY_NAME[name].show(found.mean) if found else "–")
        label = labels[entry.name]
        label = label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"
        lost = reason(entry)
        rows.append((label, *cells) if entry.finished or not lost else (label, lost))
    return rows


def markdown(comparison: Comparison) -> list[str]:
    """The table in Markdown."""
    published = [figure_of(entry.name) for entry in comparison.entries]
    headings = ["recipe", *(column.heading for column in COLUMNS)]
    headings += ["published †"] if any(published) else []
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    for entry in ranked(comparison):
        name = entry.name if entry.trained else f"{entry.name} (not trained here)"
        cells = [_escaped(name), *(text(entry, column) for column in COLUMNS)]
        if any(published):
            figure = figure_of(entry.name)
            cells.append(_escaped(figure.figure) if figure else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _escaped(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def render_csv(comparisons: Sequence[Comparison]) -> str:
    """One line for each run, with numbers unrounded."""
    drawn = io.StringIO()
    writer = csv.writer(drawn, lineterminator="\n")
    writer.writerow(
        ["recipe", "seed", "status", *(c.name for c in COLUMNS), "data", "budget", "reason"]
    )
    for comparison in comparisons:
        conditions = comparison.conditions
        for entry in comparison.entries:
            for run in entry.runs:
                values = [column.of(entry, run) for column in COLUMNS]
                writer.writerow(
                    [entry.name, run.seed, run.status]
                    + ["" if value is None else value for value in values]
                    + [conditions.data, conditions.budget, run.reason or ""]
                )
    return drawn.getvalue()
