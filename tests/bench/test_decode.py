"""The benchmark of decoding: honest rows, and a cost that does not depend on the position."""

from runnel.bench.decode import measure
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
