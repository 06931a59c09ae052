"""The sentences of a report: what was held equal, what came out best, on which machine."""

from runnel.reports.results import Comparison
from runnel.reports.table import BY_NAME, cell, markdown, missing, ranked, reason

NOT_TRAINED = "not trained here"


def headline(comparison: Comparison) -> str:
    """What the table says first, and no more than it can say."""
    column = BY_NAME["bits_per_byte"]
    found = [(entry, cell(entry, column)) for entry in ranked(comparison) if entry.trained]
    ended = [(entry, spread) for entry, spread in found if spread is not None]
    if not ended:
        return "No recipe has a result yet."
    (best, first), rest = ended[0], ended[1:]
    line = f"{best.name} reached the lowest loss: {first.mean:.4f} bits per byte"
    if not rest:
        return f"{line}."
    second = rest[0][1]
    line += f", {second.mean - first.mean:.4f} below {rest[0][0].name}"
    if first.deviation is None or second.deviation is None:
        return f"{line}. One seed each: small differences say nothing."
    noise = (first.deviation**2 / first.runs + second.deviation**2 / second.runs) ** 0.5
    if second.mean - first.mean < 2 * noise:
        return f"{line}, which is within what seeds alone differ by."
    return f"{line}; seeds differ by ± {max(first.deviation, second.deviation):.4f}."


def facts(comparison: Comparison) -> list[tuple[str, str]]:
    """What was the same for all recipes, in rows."""
    conditions = comparison.conditions
    runs = [run for entry in comparison.entries if entry.trained for run in entry.finished]
    protocols = {run.protocol for run in runs if run.protocol}
    judged = {run.validation_tokens for run in runs}
    rows = [
        ("budget", f"{conditions.budget} each, seeds {', '.join(map(str, comparison.seeds))}"),
        (
            "batches",
            f"{conditions.batch_tokens:,} tokens a step in sequences of {conditions.length:,}; "
            "optimizer, rates and schedule are each recipe's own",
        ),
        ("data", conditions.description),
        ("data SHA-256", conditions.data_sha256[:16] + "…"),
        ("tokenizer", conditions.tokenizer),
        ("sizes", _sizes(comparison)),
    ]
    if protocols and judged:
        tokens = ", ".join(f"{n:,}" for n in sorted(n for n in judged if n))
        rows.append(
            (
                "judged",
                f"on the first {tokens} tokens of the held-out text; {'; '.join(protocols)}; "
                + _read_less(comparison),
            )
        )
    rows += [
        (
            e.name,
            f"{NOT_TRAINED}, so that no budget is equal; its own tokens, {run.context or 0:,} at "
            f"most; {run.protocol}",
        )
        for e in comparison.entries
        if not e.trained
        for run in e.finished
    ]
    rows.append(("machine", machine_line(comparison)))
    todo = sum(len(missing(comparison, entry)) for entry in comparison.entries)
    if todo:
        rows.append(("not done", f"{todo} runs are still to come: the same command resumes"))
    return rows


def _sizes(comparison: Comparison) -> str:
    """What was done about sizes, and how equal they are where nothing was."""
    matched = comparison.conditions.matched
    sizes = [e.parameters_without_embeddings for e in comparison.entries if e.trained]
    if matched.startswith("widths") or not sizes:
        return matched
    return f"{matched}: {min(sizes):,} to {max(sizes):,} parameters without embedding and head"


def _read_less(comparison: Comparison) -> str:
    """What is measured on less than what the table's loss is judged by."""
    trained = [entry for entry in comparison.entries if entry.trained]
    runs = [run for entry in trained for run in entry.finished]
    curve = {e.recipe["training"].get("evaluate_tokens") for e in trained} - {None}
    placed = max((sum(b.count for b in run.by_position) for run in runs), default=0)
    asked = max((sum(b.count for b in run.recall) for run in runs), default=0)
    parts = [f"curves on the first {max(curve):,}"] if curve else []
    parts += [f"loss by position on {placed:,} tokens"] if placed else []
    parts += [f"recall by {asked:,} questions"] if asked else []
    return ", ".join(parts)


def machine_line(comparison: Comparison) -> str:
    """The machine, the versions and the date."""
    m = comparison.machine
    count = m.get("threads")
    threads = f"{count} thread{'' if count == 1 else 's'}"
    return (
        f"{m.get('processor')}, {threads}, {comparison.device}; "
        f"torch {m.get('torch')}, Python {m.get('python')}, runnel {comparison.version}; "
        f"{comparison.made}"
    )


def render_markdown(comparisons: list[Comparison]) -> str:
    """report.md."""
    parts = []
    for comparison in comparisons:
        conditions = comparison.conditions
        parts.append(f"# {conditions.data}, {conditions.budget}\n\n{headline(comparison)}\n")
        parts.append("\n".join(markdown(comparison)) + "\n")
        for entry in comparison.entries:
            lost = reason(entry)
            if lost:
                parts.append(f"- {entry.name}: {lost}")
        rows = [f"| {name} | {value.replace('|', ' ')} |" for name, value in facts(comparison)]
        parts.append("\n| | |\n|---|---|\n" + "\n".join(rows) + "\n")
        parts.append(
            "± is the standard deviation over seeds. † marks what the sources published, on other "
            "data or at other sizes; `report.html` has the origins, the curves and the samples.\n"
        )
    return "\n".join(parts)
