"""metrics.jsonl: lines go in, come back, and are cut where a run resumes."""

from pathlib import Path

import pytest

from runnel.errors import InputError
from runnel.storage.metrics import Metrics


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    metrics = Metrics(tmp_path)
    for step in (10, 20, 20, 30):
        metrics.append({"step": step, "loss": 1 / step})
    return metrics


def _steps(metrics: Metrics) -> list[int]:
    return [line["step"] for line in metrics.read()]


def test_lines_come_back_exactly(metrics: Metrics) -> None:
    assert metrics.read()[0] == {"step": 10, "loss": 0.1}
    assert _steps(metrics) == [10, 20, 20, 30]


def test_a_run_without_metrics_has_no_lines(tmp_path: Path) -> None:
    Metrics(tmp_path).truncate_after(5)
    Metrics(tmp_path).flush()
    assert Metrics(tmp_path).read() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("step", "kept"), [(0, 0), (10, 1), (19, 1), (20, 3), (30, 4), (99, 4)])
def test_truncating_keeps_the_lines_up_to_the_step(metrics: Metrics, step: int, kept: int) -> None:
    before = metrics.read()
    metrics.truncate_after(step)
    assert metrics.read() == before[:kept]
    metrics.append({"step": 40})
    assert metrics.read() == [*before[:kept], {"step": 40}]


@pytest.mark.parametrize(
    "broken",
    [b'{"step": 25, "lo', b"\0" * 50, b"\n", b'{"step": "5"}\n', b"[]\n", b'{"loss": 1}\n'],
)
def test_what_a_crash_left_is_dropped(metrics: Metrics, tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + broken)
    metrics.truncate_after(30)
    assert path.read_bytes() == whole


def test_truncating_what_is_whole_writes_nothing(metrics: Metrics, tmp_path: Path) -> None:
    before = (tmp_path / "metrics.jsonl").stat()
    metrics.truncate_after(30)
    after = (tmp_path / "metrics.jsonl").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_reading_leaves_out_the_line_that_is_being_written(
    metrics: Metrics, tmp_path: Path
) -> None:
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 40, "lo')
    assert _steps(metrics) == [10, 20, 20, 30]


def test_reading_names_a_broken_line(metrics: Metrics, tmp_path: Path) -> None:
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 40, "loss": NaN}\n')
    with pytest.raises(InputError, match=r"metrics\.jsonl: line 5: expected finite"):
        metrics.read()


@pytest.mark.parametrize(
    "line", [{}, {"step": 1.0}, {"step": True}, {"step": 1, "x": float("inf")}]
)
def test_only_lines_with_a_step_and_finite_numbers_are_written(
    metrics: Metrics, line: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"whole number|JSON compliant"):
        metrics.append(line)
    assert len(metrics.read()) == 4


@pytest.mark.parametrize("field", ["loss", "tokens", "validation_loss", "tokens_per_second"])
@pytest.mark.parametrize("value", ["5", None, True, [1], {}])
def test_what_is_drawn_and_counted_is_a_number(
    metrics: Metrics, tmp_path: Path, field: str, value: object
) -> None:
    metrics.append({"step": 40, "loss": 1.0, field: value})
    with pytest.raises(InputError, match=rf"line 5: expected a number under {field}"):
        metrics.read()
    metrics.truncate_after(50)
    assert _steps(metrics) == [10, 20, 20, 30]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "target")
    with pytest.raises(InputError, match="link"):
        Metrics(tmp_path).read()
    with pytest.raises(OSError, match=r"metrics\.jsonl"):
        Metrics(tmp_path).append({"step": 1})
    assert (tmp_path / "target").read_text() == ""
