"""The benchmark of decoding: honest rows, and a cost that does not depend on the position."""

import torch

from runnel.bench.decode import measure, measure_streams
from runnel.bench.measure import QUICK
from runnel.bench.report import Report
from runnel.recipes import build


def test_rows_say_what_they_measure() -> None:
    model = build("mingru-stories", dim=16, layers=1)
    report = Report(QUICK, only="position, float32")
    measure(report, model, "tiny", positions=(10, 1_000))
    found = report.result()
    assert set(found) == {"machine", "bounds", "rows"}
    assert found["bounds"]["read_gb_per_s"] > 0
    near, far = found["rows"]
    assert near["ratio_to_ours"] == 1
    assert 0 < near["seconds"] < 1
    assert 0.2 < far["ratio_to_ours"] < 5
    assert 0 < near["fraction_of_bound"] < 2


def test_many_streams_take_a_token_each() -> None:
    model = build("mingru-stories", dim=16, layers=1)
    report = Report(QUICK)
    measure_streams(report, model, "tiny", counts=(3,))
    assert [(row["peer"], row["dtype"]) for row in report.rows] == [
        (None, "bfloat16"),
        ("model.step", "bfloat16"),
        (None, "float32"),
        ("model.step", "float32"),
    ]
    assert all(row["seconds"] > 0 for row in report.rows)
    assert next(model.parameters()).dtype == torch.float32
