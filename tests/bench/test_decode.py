"""The benchmark of decoding: honest rows, and a cost that does not depend on the position."""

from runnel.bench.decode import measure
from runnel.recipes import build


def test_rows_say_what_they_measure() -> None:
    model = build("mingru-stories", dim=16, layers=1)
    found = measure(model, "tiny", positions=(10, 2_000))
    assert set(found) == {"machine", "bounds", "rows"}
    assert found["bounds"]["copy_gb_per_s"] > 0
    near, far = found["rows"]
    assert near["ratio_to_ours"] == 1
    assert 0 < near["seconds"] < 1
    assert 0.2 < far["ratio_to_ours"] < 5
    assert 0 < near["fraction_of_bound"] < 2
