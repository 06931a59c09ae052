"""The report: whole in itself, true to the results, safe whatever a model writes."""

import csv
import dataclasses
import io
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from reports.conftest import entry, run
from runnel.reports.chart import WIDTH, Line, line_chart, log_ticks, spread_out, ticks
from runnel.reports.page import render_page
from runnel.reports.published import figure_of
from runnel.reports.results import Comparison
from runnel.reports.table import COLUMNS, ranked, render_csv, size, terminal_rows
from runnel.reports.words import facts, headline, render_markdown

HOSTILE = "</p><script>alert(1)</script><img src=http://x/y onerror=z> & \" ' \u202e"


def test_asks_nothing_of_any_other_place(comparison: Comparison) -> None:
    page = render_page([comparison])
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=|url\((?!#)|@import|https?://|<script|<link""", page)


def test_what_a_model_writes_stays_text(comparison: Comparison) -> None:
    wild = dataclasses.replace(comparison, entries=(entry("a", run(0, 1.0, text=HOSTILE)),))
    page = render_page([wild])
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_every_picture_is_well_formed_and_named(comparison: Comparison) -> None:
    pictures = re.findall(r"<svg.*?</svg>", render_page([comparison]), re.DOTALL)
    assert len(pictures) == 4
    for picture in pictures:
        assert ElementTree.fromstring(picture).attrib["aria-label"]


@pytest.mark.parametrize("form", ["page", "markdown"])
def test_best_first_and_failures_with_their_reason(comparison: Comparison, form: str) -> None:
    text = render_page([comparison]) if form == "page" else render_markdown([comparison])
    assert [e.name for e in ranked(comparison)] == ["mingru-stories", "gru-stories", "lstm-stories"]
    assert text.index("1.1500") < text.index("1.6000")
    assert "diverged (seed 0): expected a finite loss; got nan at step 3" in text
    assert "0.1414" in text  # the standard deviation of 1.5 and 1.7


def test_published_figures_are_marked_with_their_origin(comparison: Comparison) -> None:
    page = render_page([comparison])
    assert "published&nbsp;†" in page
    assert "arXiv 2410.01201" in page
    assert figure_of("mingru-18m-tuned") != figure_of("mingru-stories")
    assert figure_of("mingru-memory-2.5m") is None


def test_csv_has_a_line_for_each_run(comparison: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv([comparison]))))
    assert [(row["recipe"], row["seed"]) for row in rows] == [
        *(("gru-stories", s) for s in "01"),
        *(("mingru-stories", s) for s in "01"),
        ("lstm-stories", "0"),
    ]
    assert float(rows[1]["bits_per_byte"]) == 1.7
    assert rows[4]["bits_per_byte"] == ""
    assert {c.name for c in COLUMNS} <= rows[0].keys()


def test_the_terminal_table_fits_into_80_columns(comparison: Comparison) -> None:
    long = dataclasses.replace(
        comparison, entries=(entry("a-very-long-name-of-a-recipe-indeed", run(0, 1.0), run(1, 2)),)
    )
    for made in (comparison, long):
        rows = [row for row in terminal_rows(made) if len(row) > 2]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        assert sum(widths) + 2 * len(widths) - 2 <= 80


def test_a_difference_within_the_noise_is_called_so(comparison: Comparison) -> None:
    assert "within what seeds" not in headline(comparison)
    close = (entry("a", run(0, 1.0), run(1, 1.2)), entry("b", run(0, 1.05), run(1, 1.2)))
    assert "within what seeds" in headline(dataclasses.replace(comparison, entries=close))


def test_names_at_the_ends_of_curves_do_not_cover_each_other() -> None:
    places = spread_out([10.0, 10.5, 11.0, 200.0, 259.0, 260.0], 12, 266, 14)
    assert all(b - a >= 14 - 1e-9 for a, b in pairwise(places))
    assert places[-1] <= 266
    crowded = spread_out([100.0] * 30, 12, 266, 14)
    assert crowded == sorted(crowded)
    assert min(crowded) >= 12 - 1e-9


def test_seventeen_long_names_stand_whole_beside_their_curves() -> None:
    """Widths as a phone has them, where letters are largest: 13.5 units, 7.8 to a letter."""
    names = ["transformer-modern", *(f"system-number-{i}" for i in range(16))]
    lines = [Line(name, i, [(0.0, 3.0), (9.0, 2.0 + i / 50)], []) for i, name in enumerate(names)]
    drawn = ElementTree.fromstring(line_chart(lines, title="t", x="x", y="y", show_x=str))
    found = [node for node in drawn.iter("text") if node.attrib.get("class") == "name"]
    assert sorted(node.text or "" for node in found) == sorted(names)
    for node in found:
        assert float(node.attrib["x"]) + 7.8 * len(node.text or "") <= WIDTH
    heights = sorted(float(node.attrib["y"]) for node in found)
    assert min(b - a for a, b in pairwise(heights)) >= 13.5


def test_the_overview_comes_before_the_table(comparison: Comparison) -> None:
    page = render_page([comparison])
    assert page.index("bits per byte of each recipe") < page.index("<table")


def test_sizes_that_were_not_matched_are_stated(comparison: Comparison) -> None:
    assert dict(facts(comparison))["sizes"].endswith(
        "not matched: 9,000 to 9,000 parameters without embedding and head"
    )


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0.93, 2.21) == [1.0, 1.5, 2.0]
    assert ticks(0, 204_800, 5) == [0, 50_000, 100_000, 150_000, 200_000]
    assert log_ticks(1, 1024) == [1, 4, 16, 64, 256, 1024]
    assert ticks(1.0, 1.0) == [1.0]


def test_a_chart_of_one_point_and_of_none() -> None:
    def draw(points: list[tuple[float, float]]) -> str:
        return line_chart([Line("a", 0, points, [])], title="t", x="x", y="y", show_x=str)

    assert draw([]) == ""
    drawn = draw([(1.0, 2.0)])
    assert "NaN" not in drawn
    ElementTree.fromstring(drawn)


def test_sizes_are_short() -> None:
    assert [size(v) for v in (12, 1920, 999_600, 2_300_000, 3e9)] == [
        *("12 B", "1.92 kB", "1 MB", "2.3 MB", "3 GB")
    ]
