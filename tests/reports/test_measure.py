"""What is measured of a model agrees with what is known otherwise."""

from typing import Any

import numpy as np
import pytest
import torch

from runnel.data.tokenizers import ByteTokenizer
from runnel.inference import evaluate
from runnel.mixers import MIXERS
from runnel.models.model import Model
from runnel.models.stack import StackConfig
from runnel.reports import measure


def model(mixer: str, **options: int) -> Model[Any]:
    torch.manual_seed(0)
    made = StackConfig(dim=8, layers=1, mixers=(MIXERS[mixer](dim=8, **options),)).build().eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    made.tokenizer = ByteTokenizer()
    return made


@pytest.mark.parametrize("length", [20, 300])
def test_by_position_sums_to_the_loss_of_fresh_windows(length: int) -> None:
    tokens_N = np.random.default_rng(0).integers(1, 256, 4000).astype(np.uint16)
    made = model("mingru")
    bins = measure.by_position(made, tokens_N, ByteTokenizer(), length)
    mean = sum(b.value * b.count for b in bins) / sum(b.count for b in bins)
    whole = evaluate(made, tokens_N, ByteTokenizer(), windows=2 * length)
    covered = sum(b.count for b in bins) / whole.tokens
    if covered == 1:
        assert mean == pytest.approx(whole.bits_per_byte, rel=1e-5)
    else:  # ranges of too few tokens are left out
        assert mean == pytest.approx(whole.bits_per_byte, rel=2e-2)
    assert bins[-1].last == 2 * length
    assert all(b.first <= b.last for b in bins)


def test_a_document_begins_the_count_anew() -> None:
    tokens_N = np.tile(np.array([0, 65, 66, 67], np.uint16), 100)
    bins = measure.by_position(model("mingru"), tokens_N, ByteTokenizer(), 40)
    assert max(b.last for b in bins) == 4


@pytest.mark.parametrize(("mixer", "options"), [("mingru", {}), ("attention", {"window": 32})])
def test_state_of_fixed_size(mixer: str, options: dict[str, int]) -> None:
    made = model(mixer, **options)
    found = measure.state_bytes(made, np.arange(1, 200, dtype=np.uint16))
    assert list(found) == ["1024", "16384", "262144"]
    assert len(set(found.values())) == 1
    if mixer == "attention":  # keys and values of the window, the count, the convolution's inputs
        assert found["1024"] == 2 * 4 * 8 * 32 + 8 + 3 * 8 * 4


def test_a_state_that_grows_is_followed_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model("mingru")
    monkeypatch.setattr(measure, "STATE_LENGTHS", (4, 8, 16))

    def growing(tokens_BT: torch.Tensor, state: tuple[torch.Tensor]) -> object:
        return None, (torch.cat([state[0], tokens_BT.float()], dim=1),)

    monkeypatch.setattr(made, "init_state", lambda batch: (torch.zeros(batch, 0),))
    monkeypatch.setattr(made, "forward", growing)
    found = measure.state_bytes(made, np.arange(1, 9, dtype=np.uint16))
    assert found == {"4": 16, "8": 32, "16": 64}


def test_recall_is_asked_of_the_bundled_corpus_alone() -> None:
    made = model("mingru")
    assert measure.recall(made, "text.txt") == ()
    bins = measure.recall(made, "stories", questions=60)
    assert bins
    assert sum(b.count for b in bins) <= 60
    assert all(b.count >= 20 and 0 <= b.value <= 1 for b in bins)
    assert [b.first for b in bins] == sorted(b.first for b in bins)


def test_decoding_has_a_speed() -> None:
    assert measure.decode_tokens_per_second(model("mingru")) > 0


def test_curve_leaves_the_whole_text_line_out() -> None:
    line = {"tokens": 10, "seconds": 1.0, "bits_per_byte": 2.0, "tokens_per_second": 10.0}
    lines = [{"tokens": 5, "seconds": 0.5, "tokens_per_second": 10.0}, line]
    assert measure.curve([*lines, {**line, "best_step": 1}]) == ((10, 1.0, 2.0),)
    assert measure.speed(lines) == 10.0
    assert measure.speed([]) is None
