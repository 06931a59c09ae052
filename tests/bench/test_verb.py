"""runnel bench as a user meets it: the promised JSON, a table of 80 columns, refusals at once."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from runnel.bench import gru_memory, lengths
from runnel.bench.measure import QUICK, Pace
from runnel.bench.report import Report
from runnel.cli import main

TINY = (
    *("--recipe", "mingru-stories", "--set", "model.dim=16", "--set", "model.layers=1"),
    *("--quick", "--device", "cpu"),
)
WORDS = {
    "ops": ("ops", "--device", "cpu", "--quick", "--only", "linear_scan forward, float32 B=8"),
    "train": ("train", *TINY, "--batch", "2", "--length", "9"),
    "decode": ("decode", *TINY, "--only", "by position"),
    "prefill": ("prefill", *TINY),
}


@pytest.mark.parametrize("kind", WORDS)
def test_json_has_the_promised_form(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *WORDS[kind], "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(found["machine"]) >= {"processor", "threads", "torch", "date"}
    assert set(found["bounds"]) >= {"copy_gb_per_s", "matmul_gflop_per_s"}
    ours = [row for row in found["rows"] if row["peer"] is None]
    assert ours
    for row in ours:
        assert row["seconds"] > 0
        assert row["fraction_of_bound"] > 0
        assert row["spread"][0] <= row["seconds"] <= row["spread"][1]
        assert row["peak_bytes"] >= 0


def test_fractions_are_of_the_bound_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *WORDS["ops"], "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    least = 3 * 4 * 8 * 512 * 512 / (found["bounds"]["copy_gb_per_s"] * 1e9)
    assert row["fraction_of_bound"] == pytest.approx(least / row["seconds"])


def test_the_table_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *WORDS["ops"]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "linear_scan forward, float32; B 8 T 512 E 512" in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["opps"], "did you mean ops"),
        (["decode", "--plot", "x.svg"], "--plot with ops"),
        (["ops", "--plot", "nowhere/x.svg"], "in a directory that exists"),
        (["ops", "--only", "nothing has this name"], "contest's title"),
        (["ops", "--plot", "x.svg", "--only", "mingru_scan"], "which draws that"),
        (["train", "--device", "abacus"], "expected a device of auto, cpu, cuda"),
    ],
)
def test_refusals(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 2
    assert expected in capsys.readouterr().err


def test_three_forms_of_the_gru_with_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gru_memory, "SIZES", ((2, 24, 24, 4),))
    monkeypatch.setattr(gru_memory, "_LENGTH", 9)
    report = Report(QUICK)
    gru_memory.measure(report, torch.bfloat16)
    assert [(row["peer"], row["dtype"]) for row in report.rows] == [
        ("loop over torch's GRUCell", "float32"),
        ("runnel, step by step", "bfloat16"),
        ("runnel, parallel", "bfloat16"),
        ("loop over torch's GRUCell", "bfloat16"),
        ("runnel, step by step", "float32"),
        ("runnel, parallel", "float32"),
    ]
    assert all(row["seconds"] > 0 for row in report.rows)


def test_a_picture_of_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "_PACE", Pace(rounds=2, warmup=1, seconds=0.01, least=2))
    report = Report(QUICK)
    lengths.measure(report, (16, 64))
    assert {row["peer"] for row in report.rows} >= {None, "torch nn.GRU", "attention"}
    lengths.draw(report.rows, tmp_path / "lengths.svg")
    assert (tmp_path / "lengths.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
