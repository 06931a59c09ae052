"""Sequential MNIST: a handwritten digit, pixel by pixel (Le et al. 2015, arXiv 1504.00941)."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from runnel.data.tokenizers import CharTokenizer
from runnel.errors import InputError
from runnel.tasks.files import Examples, FileTask, existing_folder

_PIXELS = 28 * 28
_IMAGES, _LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
_TESTS = 1000


@dataclass(frozen=True, kw_only=True)
class SequentialMNIST(FileTask):
    """The 784 grey values of a digit, line by line, and which digit it is.

    Of the 10,000 digits of MNIST's test files the first 9,000 are trained on, the last 1,000 judge:
    figures are not those of the usual 60,000 and 10,000.
    """

    name: ClassVar[str] = "sequential-mnist"
    source: ClassVar[str] = "Le et al. 2015, arXiv 1504.00941; digits: LeCun et al. 1998"

    folder: str = "mnist"
    """the folder of t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz"""

    def tokenizer(self) -> CharTokenizer:
        """See `TrainableTask.tokenizer`: digits, and a Braille character for each grey."""
        return CharTokenizer("0123456789" + "".join(chr(0x2800 + grey) for grey in range(256)))

    def longest(self) -> int:
        """See `TrainableTask.longest`."""
        return 1 + _PIXELS

    def examples(self) -> tuple[Examples, Examples, str]:
        """See `FileTask.examples`."""
        return _read(existing_folder(self.name, self.folder, _IMAGES))


@lru_cache(maxsize=2)
def _read(folder: Path) -> tuple[Examples, Examples, str]:
    images, labels = _idx(folder / _IMAGES, 16), _idx(folder / _LABELS, 8)
    if len(images) != _PIXELS * len(labels) or len(labels) <= _TESTS or max(labels) > 9:
        raise InputError(
            f"{folder / _IMAGES}: expected {len(labels)} images of {_PIXELS} bytes, as many as "
            f"{_LABELS} has labels; got {len(images)} bytes; download both again"
        )
    pixels = np.frombuffer(images, dtype=np.uint8).reshape(len(labels), _PIXELS)
    sequences = list(pixels.astype(np.uint16) + 11)  # after the end token and the digits
    classes = [1 + label for label in labels]
    return (
        Examples(sequences=sequences[:-_TESTS], labels=classes[:-_TESTS]),
        Examples(sequences=sequences[-_TESTS:], labels=classes[-_TESTS:]),
        hashlib.sha256(images + labels).hexdigest(),
    )


def _idx(path: Path, header: int) -> bytes:
    """The bytes of a compressed IDX file after its header."""
    try:
        data = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"expected the file {path.name} in {path.parent}; it is missing; name the folder of "
            "MNIST's files with --data"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: expected a gzip file that can be read; got {error}; download it again"
        ) from None
    if len(data) <= header or data[:2] != b"\0\0":
        raise InputError(f"{path}: expected an IDX file; got another; download it again")
    return data[header:]
