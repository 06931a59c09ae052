"""What tests of sources share: reading one, and the line for one that cannot be read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnel.data import Document, read_documents
from runnel.errors import InputError

Write = Callable[[str, bytes | str], Path]
MARK = "<|endoftext|>"


def read(source: Path | str, **options: Any) -> list[Document]:
    return list(read_documents(str(source), **options))


def refusal(source: Path | str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "expected" in message
    assert "got" in message
    return message
