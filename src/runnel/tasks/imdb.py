"""Byte-level IMDB: is a film review kind? (Maas et al. 2011; the text task of Long Range Arena.)"""

import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from runnel.data.tokenizers import ByteTokenizer
from runnel.errors import InputError
from runnel.tasks.files import Examples, FileTask, existing_folder

_CLASSES = {"neg": ord("-"), "pos": ord("+")}
_LARGEST = 2**20


@dataclass(frozen=True, kw_only=True)
class IMDB(FileTask):
    """The bytes of a film review, and after the last one + or -.

    25,000 reviews to train on and 25,000 to judge by.
    """

    name: ClassVar[str] = "imdb"
    source: ClassVar[str] = "Maas et al. 2011; Tay et al. 2020 (Long Range Arena), arXiv 2011.04006"

    folder: str = "imdb"
    """the folder of train.tar.gz and test.tar.gz, or of train/ and test/ with pos/ and neg/"""
    length: int = 4096
    """bytes of a review that are read, from its beginning"""

    def __post_init__(self) -> None:
        if self.length < 1:
            raise InputError(f"imdb wants a length of at least 1; got {self.length}")

    def tokenizer(self) -> ByteTokenizer:
        """See `TrainableTask.tokenizer`."""
        return ByteTokenizer()

    def longest(self) -> int:
        """See `TrainableTask.longest`."""
        return 1 + self.length

    def examples(self) -> tuple[Examples, Examples, str]:
        """See `FileTask.examples`."""
        folder = existing_folder(self.name, self.folder, "train.tar.gz and test.tar.gz")
        return _read(folder, self.length)


@lru_cache(maxsize=1)
def _read(folder: Path, length: int) -> tuple[Examples, Examples, str]:
    digest = hashlib.sha256()
    parts = []
    for split in ("train", "test"):
        sequences, labels = [], []
        for label, review in sorted(_reviews(folder, split)):
            digest.update(b"%c" % label + review + b"\0")
            sequences.append(np.frombuffer(review[:length], dtype=np.uint8))
            labels.append(label)
        if len(set(labels)) < 2:
            raise InputError(
                f"{folder}: expected reviews in {split}/pos and {split}/neg; got {len(labels)} "
                "reviews; unpack the data set again"
            )
        parts.append(Examples(sequences=sequences, labels=labels))
    return parts[0], parts[1], digest.hexdigest()


def _reviews(folder: Path, split: str) -> Iterator[tuple[int, bytes]]:
    """The class and the bytes of each review of a split, from its archive or its folders."""
    archive = folder / f"{split}.tar.gz"
    if archive.is_file():
        yield from _unpacked(archive)
        return
    for name, label in _CLASSES.items():
        for path in (folder / split / name).glob("*.txt"):
            yield label, path.read_bytes()


def _unpacked(archive: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with tarfile.open(archive, "r|gz") as files:
            for member in files:
                path = Path(member.name)
                label = _CLASSES.get(path.parent.name)
                if label is None or path.suffix != ".txt" or not member.isfile():
                    continue
                if member.size > _LARGEST:
                    raise InputError(
                        f"{archive}: expected reviews under {_LARGEST:,} bytes; got "
                        f"{member.name} of {member.size:,}; download the archive again"
                    )
                file = files.extractfile(member)
                assert file is not None, "a regular file has bytes"
                yield label, file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{archive}: expected a gzipped tar archive that can be read; got {error}; "
            "download it again"
        ) from None
