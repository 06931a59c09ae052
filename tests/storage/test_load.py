"""Loading a model: from every place it can stand in, or one line that says what does not fit."""

import json
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from runnel.configuration import to_plain
from runnel.errors import InputError
from runnel.mixers import MIXERS
from runnel.models.stack import Stack, StackConfig
from runnel.storage import Checkpoint, RunDirectory, load_config, load_model, tensors

BYTES = {"format": 1, "type": "byte"}
Weights = dict[str, torch.Tensor]


def _config(**changes: Any) -> StackConfig:
    mixers = (MIXERS["mingru"](dim=8), MIXERS["attention"](dim=8))
    return replace(StackConfig(vocab_size=256, dim=8, layers=2, mixers=mixers), **changes)


def _weights(seed: int) -> Weights:
    torch.manual_seed(seed)
    state = _config().build().state_dict()
    return {k: torch.randn_like(v) if v.is_floating_point() else v for k, v in state.items()}


def _equal(model: Any, weights: Weights) -> bool:
    state = model.state_dict()
    return state.keys() == weights.keys() and all(torch.equal(state[k], weights[k]) for k in state)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Checkpoints at 10 (best) and 20, nothing published."""
    config = {"model": to_plain(_config()), "training": {"steps": 5}}
    with RunDirectory.create(tmp_path / "run", config, BYTES) as run:
        for step in (10, 20):
            run.save(Checkpoint(step=step, model=_weights(step), training={}), best=step == 10)
    return run


@pytest.fixture
def published(run: RunDirectory) -> RunDirectory:
    with run:
        run.lock()
        run.publish(_weights(3))
    return run


def test_every_place_gives_its_weights(published: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(published.path)
    (tmp_path / "link.safetensors").symlink_to(published.path / "model.safetensors")
    places: list[tuple[str | Path, int]] = [
        (published.path, 3),
        (str(published.path), 3),
        (tmp_path / "link", 3),
        (tmp_path / "link.safetensors", 3),
        (published.path / "model.safetensors", 3),
        (published.path / "checkpoints" / "step-00000020", 20),
    ]
    for path, seed in places:
        model = load_model(path)
        assert isinstance(model, Stack)
        assert _equal(model, _weights(seed))
        assert model.config == _config()
        assert not model.training
        assert model.tokenizer is not None
        assert model.tokenizer.vocab_size == 256
        assert load_config(path) == published.config()


def test_a_copied_file_needs_its_config_beside_it(published: RunDirectory, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(published.path / "model.safetensors", alone / "mine.safetensors")
    with pytest.raises(InputError, match=r"config\.json: expected a file"):
        load_model(alone / "mine.safetensors")
    shutil.copy(published.path / "config.json", alone)
    model = load_model(alone / "mine.safetensors")
    assert _equal(model, _weights(3))
    assert model.tokenizer is None


def test_without_published_weights_the_best_checkpoint_counts(run: RunDirectory) -> None:
    assert _equal(load_model(run.path), _weights(10))
    (run.checkpoints / "best").unlink()
    assert _equal(load_model(run.path), _weights(20))


def test_a_damaged_best_is_replaced_with_a_warning(run: RunDirectory) -> None:
    (run.checkpoints / "step-00000010" / "model.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"step-00000010: model.*loaded step-00000020 instead"):
        assert _equal(load_model(run.path), _weights(20))
    (run.checkpoints / "step-00000020" / "manifest.json").write_bytes(b"")
    with pytest.raises(InputError, match=r"which has 2, none of them whole; first: .*00000010"):
        load_model(run.path)
    shutil.rmtree(run.checkpoints)
    with pytest.raises(InputError, match="which has none yet"):
        load_model(run.path)


def test_damaged_published_weights_are_refused(published: RunDirectory) -> None:
    path = published.path / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"model\.safetensors: expected the SHA-256"):
        load_model(published.path)


def test_loading_does_not_disturb_the_random_numbers(published: RunDirectory) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    load_model(published.path)
    assert torch.equal(torch.rand(3), expected)


def _without(weights: Weights, name: str) -> Weights:
    return {k: v for k, v in weights.items() if k != name}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w: _without(w, "embedding.weight"), r"tensor embedding\.weight; it is missing"),
        (lambda w: w | {"evil": torch.ones(1)}, "got 'evil' as well"),
        (
            lambda w: w | {"embedding.weight": torch.ones(256, 9)},
            r"embedding\.weight of shape \(256, 8\); got \(256, 9\)",
        ),
        (
            lambda w: w | {"embedding.weight": torch.ones(256, 8).long()},
            r"embedding\.weight as torch\.float32; got torch\.int64",
        ),
        (lambda w: {}, r"for vocab_size 256 of config\.json; got none larger than 0"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    published: RunDirectory, change: Callable[[Weights], Weights], reason: str
) -> None:
    data = tensors.save(change(_weights(3)))
    (published.path / "model.safetensors").write_bytes(data)
    with pytest.raises(InputError, match=rf"^model\.safetensors: expected .*{reason}") as caught:
        load_model(published.path)
    assert "\n" not in str(caught.value)


def test_half_precision_weights_are_widened(published: RunDirectory) -> None:
    halves = {k: v.bfloat16() if v.is_floating_point() else v for k, v in _weights(3).items()}
    (published.path / "model.safetensors").write_bytes(tensors.save(halves))
    model = load_model(published.path)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert torch.equal(model.state_dict()["embedding.weight"], halves["embedding.weight"].float())


@pytest.mark.parametrize(
    "change",
    [
        {"layers": 10**9},
        {"dim": 10**7},
        {"dim": 10**12},
        {"dim": 10**30},
        {"dim": 2**62, "vocab_size": 2**62},
        {"vocab_size": 10**15},
        {"dim": 0},
        {"dim": "8"},
        {"type": "os.system"},
        {"type": "runnel.models.stack.StackConfig"},
        {"type": None},
        {"surplus": 1},
        {"mixers": [{"type": "subprocess.Popen", "args": "touch canary"}]},
        {"mixers": []},
        {"mixers": [{"type": "attention", "positions": "learned", "window": 10**12}]},
        {"mixers": [{"type": "mingru", "expansion": 1e12}]},
        {"mixers": [{"type": "mingru", "expansion": 1e300}]},
    ],
    ids=str,
)
def test_a_hostile_config_is_refused_before_it_takes_memory(
    published: RunDirectory, change: dict[str, Any]
) -> None:
    path = published.path / "config.json"
    config = json.loads(path.read_text())
    config["model"] |= change
    path.write_text(json.dumps(config))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"config\.json") as caught:
        load_model(published.path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 2**10


@pytest.mark.parametrize(
    ("plain", "reason"),
    [
        ({"format": 1}, "expected a field model"),
        ({"format": 1, "model": None}, "type"),
        ({"format": 1, "model": []}, "type"),
        ({"format": 7, "model": {}}, "newer runnel"),
    ],
)
def test_a_config_without_a_model_is_refused(
    published: RunDirectory, plain: dict[str, Any], reason: str
) -> None:
    (published.path / "config.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match=rf"config\.json: .*{reason}"):
        load_model(published.path)


def test_a_tokenizer_of_another_size_is_refused(published: RunDirectory) -> None:
    plain = {"format": 1, "type": "char", "characters": ["a", "b"]}
    (published.path / "tokenizer.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match=r"tokenizer\.json: expected 256 tokens as config\.json"):
        load_model(published.path)


def test_what_is_no_model_is_described(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"\x80\x04")
    for name in ("missing", "missing.safetensors", "weights.pt", "x" * 500):
        for load in (load_model, load_config):
            with pytest.raises(InputError, match="expected a run directory; got"):
                load(tmp_path / name)
