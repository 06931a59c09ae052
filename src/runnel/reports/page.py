"""report.html: one page with everything in it, for a phone, a desk and paper, light and dark."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib import resources
from typing import Any

from runnel.configuration import leaves
from runnel.reports.chart import Line, dot_chart, line_chart
from runnel.reports.curves import against, binned
from runnel.reports.published import Figure, figure_of
from runnel.reports.results import Comparison, Entry
from runnel.reports.table import (
    BY_NAME,
    COLUMNS,
    Column,
    abbreviated,
    cell,
    missing,
    ranked,
    reason,
    short_names,
)
from runnel.reports.words import NOT_TRAINED, facts, headline, machine_line

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_page(comparisons: Sequence[Comparison]) -> str:
    """The page; it asks nothing of any other place."""
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    title = "Comparison of " + ", ".join(dict.fromkeys(c.conditions.data for c in comparisons))
    bodies = "".join(_section(c, alone=len(comparisons) == 1) for c in comparisons)
    several = (
        "<p class=note>The parts of this page were made under different conditions or on different "
        "machines: compare within a part, not between them.</p>"
        if len(comparisons) > 1
        else ""
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{several}{bodies}</body>\n</html>\n"
    )


def _section(comparison: Comparison, alone: bool) -> str:
    entries = ranked(comparison)
    names = short_names(comparison.entries)
    slots = {entry.name: i for i, entry in enumerate(comparison.entries)}
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts(comparison))
    parts = [
        f"<h1>{escape(comparison.conditions.data)}, {escape(comparison.conditions.budget)}</h1>",
        f'<p class="lede">{escape(headline(comparison))}</p><dl>{rows}</dl>',
        "<h2>Results</h2>" if alone else f"<h2>Results, {escape(comparison.conditions.data)}</h2>",
        _overview(entries, names, slots),
        _table(comparison, entries),
        _footnotes(entries),
        "<h2>Curves</h2>",
        f'<div class="charts">{"".join(_charts(comparison, entries, names, slots))}</div>',
        _samples(entries),
        _configuration(comparison),
    ]
    return f"<section>{''.join(parts)}</section>\n"


def _table(comparison: Comparison, entries: list[Entry]) -> str:
    theirs = any(figure_of(entry.name) for entry in entries)
    heads = "".join(
        f'<th title="{escape(c.meaning)}">{escape(_heading(c))}</th>'
        for c in COLUMNS
        if c.name != "parameters_without_embeddings"
    )
    heads += '<th class="theirs">published&nbsp;†</th>' if theirs else ""
    rows = []
    best = next((e for e in entries if e.trained and e.finished), None)
    for entry in entries:
        lost, todo = reason(entry), missing(comparison, entry)
        note = ""
        if not entry.trained:
            note = f"<i>{NOT_TRAINED}</i>"
        elif lost or todo:
            note = f"<i>{len(entry.finished)} of {len(comparison.seeds)} seeds</i>"
        name = f"<td>{escape(entry.name)}{note}</td>"
        if entry.finished:
            cells = "".join(
                _cell(entry, c) for c in COLUMNS if c.name != "parameters_without_embeddings"
            )
            figure = figure_of(entry.name)
            if theirs:
                shown = escape(figure.figure) if figure else "–"
                cells += f'<td class="theirs" data-h="published †">{shown}</td>'
        else:
            why = lost or "not trained yet"
            kind = "why" if lost else "why todo"
            cells = f'<td class="{kind}" colspan="{len(COLUMNS) - 1 + theirs}">{escape(why)}</td>'
        rows.append(f"<tr{' class=first' if entry is best else ''}>{name}{cells}</tr>")
    return (
        f'<div class="wide"><table><thead>'
        f"<tr><th>recipe</th>{heads}</tr></thead><tbody>{''.join(rows)}"
        "</tbody></table></div>"
    )


def _heading(column: Column) -> str:
    return f"{column.heading} ({column.unit})" if column.unit else column.heading


def _cell(entry: Entry, column: Column) -> str:
    found = cell(entry, column)
    key = ' class="key"' if column.name == "bits_per_byte" else ""
    shown, spread = "–", ""
    if found is not None:
        shown = column.show(found.mean)
        if found.deviation is not None and found.lowest != found.highest:
            spread = f"<i>± {column.show(found.deviation)}</i>"
        if column.name == "parameters":
            body = cell(entry, BY_NAME["parameters_without_embeddings"])
            spread = f"<i>{body.mean:,.0f} without emb.</i>" if body else ""
        if column.name == "peak_bytes":
            growth = [r.growth_bytes for r in entry.finished if r.growth_bytes is not None]
            spread = f"<i>+{column.show(max(growth))} by training</i>" if growth else ""
    return f'<td{key} data-h="{escape(_heading(column))}">{shown}{spread}</td>'


def _footnotes(entries: list[Entry]) -> str:
    figures: dict[Figure, list[str]] = {}
    for entry in entries:
        figure = figure_of(entry.name)
        if figure is not None:
            figures.setdefault(figure, []).append(entry.name)
    notes = [
        "± is the standard deviation over seeds. Below the parameters stand those without the "
        "embedding and the head; below the peak memory of the process, what training added to "
        "what Python, torch, the text and the fresh model take."
    ]
    for entry in entries:
        lost = reason(entry)
        if lost and entry.finished:
            notes.append(f"{entry.name}: {lost}")
    if figures:
        notes.append(
            "† measured by somebody else, on other data or at another size: no comparison with "
            "the columns beside it."
        )
    theirs = "".join(
        f"<li>{escape(', '.join(names))}: {escape(f.system)}, {escape(f.figure)} "
        f"({escape(f.conditions)}; {escape(f.origin)})</li>"
        for f, names in figures.items()
    )
    paragraphs = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return paragraphs + (f'<ul class="note">{theirs}</ul>' if theirs else "")


def _overview(entries: list[Entry], names: dict[str, str], slots: dict[str, int]) -> str:
    """Where each ended, before a table that fills several screens of a phone."""
    rows = [
        (
            names[e.name],
            slots[e.name],
            [r.bits_per_byte for r in e.finished if r.bits_per_byte is not None],
        )
        for e in entries
    ]
    drawn = _figure(
        "Bits per byte at the end",
        dot_chart(rows, title="bits per byte of each recipe", x="bits per byte"),
        "A dot for each seed, a bar for their mean; further left is better.",
    )
    return f'<div class="overview">{drawn}</div>' if drawn else ""


def _charts(
    comparison: Comparison, entries: list[Entry], names: dict[str, str], slots: dict[str, int]
) -> Iterator[str]:
    def lines(make: Callable[[Entry, str, int], Line]) -> list[Line]:
        return [make(e, names[e.name], slots[e.name]) for e in entries]

    several = len(comparison.seeds) > 1
    band = " The band reaches from the lowest seed to the highest." if several else ""
    beginning = "Judged on the beginning of the validation text." + band
    yield _figure(
        "Against tokens read",
        line_chart(
            lines(lambda e, n, s: against(e, n, s, lambda point: float(point[0]))),
            title="bits per byte against tokens",
            x="tokens read",
            y="bits per byte",
            show_x=abbreviated,
        ),
        beginning,
    )
    yield _figure(
        "Against minutes of training",
        line_chart(
            lines(lambda e, n, s: against(e, n, s, lambda point: point[1] / 60)),
            title="bits per byte against minutes",
            x="minutes of training steps",
            y="bits per byte",
            show_x=lambda value: f"{value:g}",
        ),
        beginning,
    )
    yield _figure(
        "Loss by position in the context",
        line_chart(
            lines(lambda e, n, s: binned(e, n, s, lambda run: run.by_position)),
            title="bits per byte against the position in the context",
            x="tokens since the context began",
            y="bits per byte",
            show_x=lambda value: f"{value:g}",
            log=True,
        ),
        f"From a fresh state, up to twice the training length of {comparison.conditions.length}.",
    )
    yield _figure(
        "Recall by distance",
        line_chart(
            lines(lambda e, n, s: binned(e, n, s, lambda run: run.recall)),
            title="accuracy of recall against distance",
            x="words since the last mention",
            y="part known again",
            show_x=lambda value: f"{value:g}",
            log=True,
            most=1.0,
        ),
        "Part of the corpus' probes in which the right word is the likeliest of the candidates.",
    )


def _figure(title: str, drawn: str, caption: str) -> str:
    if not drawn:
        return ""
    return f"<figure><h3>{title}</h3>{drawn}<figcaption>{caption}</figcaption></figure>"


def _samples(entries: list[Entry]) -> str:
    prompts: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        for run in entry.finished[:1]:
            for sample in run.samples:
                prompts.setdefault(sample.prompt, []).append((entry.name, sample.text))
    parts = []
    for prompt, written in prompts.items():
        cards = "".join(
            f'<div class="sample"><h3>{escape(name)}</h3>'
            f"<p><b>{escape(prompt)}</b>{escape(text)}</p></div>"
            for name, text in written
        )
        what = f"After “{escape(prompt.strip())}”" if prompt.strip() else "From nothing"
        parts.append(f'<p class="soft">{what}</p><div class="samples">{cards}</div>')
    if not parts:
        return ""
    how = "The first seed's models, at temperature 0.8, each with the same random draws."
    return f'<h2>Samples</h2><p class="note">{how}</p>{"".join(parts)}'


def _configuration(comparison: Comparison) -> str:
    parts = [
        "<h2>Configuration</h2>",
        f'<p class="note">{escape(machine_line(comparison))}</p>',
        '<p class="note paper">The whole configuration of each recipe stands in results.json and '
        "on the screen form of this page.</p>",
    ]
    for entry in comparison.entries:
        if entry.recipe:
            settings = "".join(
                f"<span>{escape(path)}={escape(_shown(value))}</span>"
                for path, value in leaves(entry.recipe)
            )
            parts.append(
                f"<details><summary>{escape(entry.name)} "
                f'<span class="soft">{escape(entry.source)}</span></summary>'
                f'<p class="config">{settings}</p></details>'
            )
    return "".join(parts)


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
