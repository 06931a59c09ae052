"""Tasks that read files: digits and reviews, split as stated, and broken files in one line."""

import gzip
import io
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from runnel.data.loader import IGNORED
from runnel.errors import InputError
from runnel.tasks.files import Examples
from runnel.tasks.imdb import IMDB
from runnel.tasks.sequential_mnist import SequentialMNIST

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")


@dataclass(frozen=True, kw_only=True)
class _Given(IMDB):
    """Sequences of given lengths to judge by, of two classes."""

    lengths: tuple[int, ...] = ()

    def examples(self) -> tuple[Examples, Examples, str]:
        sequences = [np.ones(length, dtype=np.uint8) for length in self.lengths]
        test = Examples(sequences=sequences, labels=[1 + i % 2 for i in range(len(sequences))])
        return test, test, ""


def _digits(folder: Path, count: int) -> None:
    labels = np.arange(count, dtype=np.uint8) % 10
    pixels = np.repeat(labels[:, None], 784, axis=1) * 20
    for name, head, body in (("images", 16, pixels), ("labels", 8, labels)):
        kind = 3 if name == "images" else 1
        data = b"\0\0\x08" + bytes([kind]) + bytes(head - 4) + body.tobytes()
        (folder / f"t10k-{name}-idx{kind}-ubyte.gz").write_bytes(gzip.compress(data))


def _reviews(path: Path, texts: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in texts.items():
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        texts = {f"{split}/pos/1.txt": b"fine", f"{split}/neg/1.txt": b"a long bore"}
        _reviews(tmp_path / f"{split}.tar.gz", {**texts, f"{split}/unsup/1.txt": b"?"})
    return tmp_path


def test_digits_are_read_pixel_by_pixel_and_the_last_thousand_judge(tmp_path: Path) -> None:
    _digits(tmp_path, 1030)
    task = SequentialMNIST(folder=str(tmp_path))
    seen: Counter[int] = Counter()
    for index in range(6):  # one epoch of 30 digits
        batch = task.training_batch(0, index, 5)
        assert batch.tokens_BT.shape == (5, 785)
        label_B = batch.targets_BT[:, -1] - 1
        assert np.array_equal(batch.tokens_BT[:, 1], 11 + 20 * label_B)
        assert (batch.targets_BT[:, :-1] == IGNORED).all()
        seen.update(label_B.tolist())
    assert seen == dict.fromkeys(range(10), 3)
    assert sum(len(batch.tokens_BT) for _, batch in task.test_batches()) == 1000


def test_reviews_are_cut_padded_and_asked_after_their_last_byte(reviews: Path) -> None:
    task = IMDB(folder=str(reviews), length=6)
    batch = task.training_batch(0, 0, 2)
    rows = {
        bytes(tokens_T[1:].astype(np.uint8)): {int(t): chr(targets_T[t]) for t in counted}
        for tokens_T, targets_T in zip(batch.tokens_BT, batch.targets_BT, strict=True)
        for counted in [np.flatnonzero(targets_T != IGNORED)]
    }
    assert rows == {b"fine\0\0": {4: "+"}, b"a long": {6: "-"}}


def test_what_judges_is_read_once_beside_others_of_its_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 100)
    batches = [batch for _, batch in _Given(lengths=tuple(lengths.tolist())).test_batches()]
    ends = [np.flatnonzero(row != IGNORED) for batch in batches for row in batch.targets_BT]
    assert sorted(int(end[0]) for end in ends) == sorted(lengths.tolist())
    assert sum(batch.tokens_BT.size for batch in batches) < 1.2 * lengths.sum()
    widths = [batch.tokens_BT.shape[1] for batch in batches]
    assert widths != sorted(widths)


def test_epochs_have_their_own_orders_and_the_same_reviews(tmp_path: Path) -> None:
    _digits(tmp_path, 1030)
    task = SequentialMNIST(folder=str(tmp_path))
    one, two = (
        np.concatenate([task.training_batch(4, i, 10).targets_BT[:, -1] for i in epoch])
        for epoch in (range(3), range(3, 6))
    )
    assert not np.array_equal(one, two)
    assert np.array_equal(np.sort(one), np.sort(two))


def test_broken_and_missing_files_are_named(tmp_path: Path, reviews: Path) -> None:
    with pytest.raises(InputError, match="--data"):
        IMDB(folder=str(tmp_path / "none")).training_batch(0, 0, 1)
    archive = reviews / "test.tar.gz"
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(InputError, match=r"test\.tar\.gz: expected a gzipped tar"):
        IMDB(folder=str(reviews)).training_batch(0, 0, 1)
    (tmp_path / "digits").mkdir()
    _digits(tmp_path / "digits", 1030)
    path = tmp_path / "digits" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"t10k-images.*expected a gzip file"):
        SequentialMNIST(folder=str(tmp_path / "digits")).training_batch(0, 0, 1)
    path.unlink()
    with pytest.raises(InputError, match="missing"):
        SequentialMNIST(folder=str(tmp_path / "digits")).training_batch(0, 0, 1)


@needs_data
def test_the_given_digits_are_nine_thousand_and_a_thousand() -> None:
    train, test, _ = SequentialMNIST(folder=str(SHARED / "mnist")).examples()
    assert (len(train.labels), len(test.labels)) == (9000, 1000)
    assert set(train.labels) == set(test.labels) == set(range(1, 11))
