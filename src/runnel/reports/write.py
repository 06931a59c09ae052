"""The four files of a report, each replaced whole."""

from pathlib import Path

from runnel import files
from runnel.reports.page import render_page
from runnel.reports.results import RESULTS, Comparison, render
from runnel.reports.table import render_csv
from runnel.reports.words import render_markdown

CSV, MARKDOWN, PAGE = "results.csv", "report.md", "report.html"


def write_report(out: Path, comparisons: list[Comparison]) -> None:
    """Write results.json, results.csv, report.md and report.html into a directory."""
    files.write_durably(out / RESULTS, render(comparisons))
    files.write_durably(out / CSV, render_csv(comparisons).encode())
    files.write_durably(out / MARKDOWN, render_markdown(comparisons).encode())
    files.write_durably(out / PAGE, render_page(comparisons).encode())
