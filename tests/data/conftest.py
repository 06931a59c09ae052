"""What several tests of data use."""

from pathlib import Path

import pytest

from data.reading import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_one(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_one
