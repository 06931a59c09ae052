"""Checkpoints: what was written comes back to the bit; what was changed is named."""

import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runnel import files, strict_json
from runnel.errors import InputError
from runnel.storage import Checkpoint, DamagedCheckpoint, checkpoint

Make = Callable[[int], Checkpoint]
Same = Callable[[Checkpoint, Checkpoint], bool]
NAMES = ["model.safetensors", "training.safetensors", "state.json", "manifest.json"]


@pytest.fixture
def written(tmp_path: Path, make_checkpoint: Make) -> Path:
    return checkpoint.write(tmp_path, make_checkpoint(500))


def test_what_was_written_comes_back_to_the_bit(
    tmp_path: Path, make_checkpoint: Make, same: Same
) -> None:
    for step in (0, 7, 500, 123_456_789):
        directory = checkpoint.write(tmp_path, make_checkpoint(step))
        assert directory.name == f"step-{step:08d}"
        assert sorted(p.name for p in directory.iterdir()) == sorted(NAMES)
        back = checkpoint.read(directory)
        assert same(back, make_checkpoint(step))
        assert back.model["head.weight"] is back.model["embedding.weight"]
        assert checkpoint.read_model(directory).keys() == back.model.keys()


def test_the_manifest_holds_the_hash_of_every_file(written: Path) -> None:
    manifest = json.loads((written / "manifest.json").read_text())
    assert (manifest["format"], manifest["step"]) == (1, 500)
    assert set(manifest["files"]) == set(NAMES[:3])
    for name, entry in manifest["files"].items():
        data = (written / name).read_bytes()
        assert entry == {"sha256": files.sha256(data), "bytes": len(data)}


def test_weights_alone_are_refused_beside_a_manifest_with_any_byte_changed(written: Path) -> None:
    path = written / "manifest.json"
    whole = path.read_bytes()
    for at in range(len(whole)):
        # One digit of a hash into another, a line's end into a tab.
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 3]) + whole[at + 1 :])
        with pytest.raises(DamagedCheckpoint, match=r"manifest\.json|SHA-256|bytes"):
            checkpoint.read_model(written)


@pytest.mark.parametrize("name", NAMES)
def test_every_flipped_byte_is_found_and_the_file_named(written: Path, name: str) -> None:
    draw = random.Random(name)
    whole = (written / name).read_bytes()
    for _ in range(50):
        position, change = draw.randrange(len(whole)), draw.randrange(1, 256)
        damaged = bytearray(whole)
        damaged[position] ^= change
        (written / name).write_bytes(damaged)
        with pytest.raises(DamagedCheckpoint, match=name) as caught:
            checkpoint.read(written)
        assert str(caught.value).startswith("expected a whole checkpoint; got step-00000500: ")
        assert "\n" not in str(caught.value)
    (written / name).write_bytes(whole)
    assert checkpoint.read(written).step == 500


@pytest.mark.parametrize("name", NAMES)
def test_every_other_length_is_found_and_the_file_named(written: Path, name: str) -> None:
    whole = (written / name).read_bytes()
    shorter = [whole[:n] for n in (0, 1, 8, len(whole) // 2, len(whole) - 1)]
    for data in [*shorter, whole + b"\n", whole * 2]:
        (written / name).write_bytes(data)
        reason = "" if name == "manifest.json" else f".*{len(whole)} bytes.*; got {len(data)}"
        with pytest.raises(DamagedCheckpoint, match=f"{name}{reason}"):
            checkpoint.read(written)
    (written / name).unlink()
    with pytest.raises(DamagedCheckpoint, match=f"{name}.*No such file"):
        checkpoint.read(written)


def test_weights_alone_do_not_need_the_training_state(written: Path) -> None:
    (written / "training.safetensors").unlink()
    assert "norm" in checkpoint.read_model(written)
    (written / "model.safetensors").unlink()
    with pytest.raises(DamagedCheckpoint, match=r"model\.safetensors"):
        checkpoint.read_model(written)


def _hostile(manifest: dict[str, Any], canary: Path) -> dict[str, Any]:
    model = manifest["files"]["model.safetensors"]

    def renamed(name: str) -> dict[str, Any]:
        others = {k: v for k, v in manifest["files"].items() if k != "model.safetensors"}
        return manifest | {"files": {name: model} | others}

    def entry(**changes: Any) -> dict[str, Any]:
        return manifest | {"files": manifest["files"] | {"model.safetensors": model | changes}}

    return {
        "parent": renamed("../model.safetensors"),
        "absolute": renamed(str(canary)),
        "inner": renamed("inner/model.safetensors"),
        "backslash": renamed("..\\model.safetensors"),
        "null": renamed("model.safetensors\0"),
        "dot": renamed("./model.safetensors"),
        "unknown": manifest | {"files": manifest["files"] | {"evil.py": model}},
        "fewer": manifest | {"files": {"model.safetensors": model}},
        "none": manifest | {"files": {}},
        "list": manifest | {"files": []},
        "format": manifest | {"format": 2},
        "true format": manifest | {"format": True},
        "step": manifest | {"step": 501},
        "negative": manifest | {"step": -500},
        "text step": manifest | {"step": "500"},
        "huge": entry(bytes=2**60),
        "less than nothing": entry(bytes=-1),
        "true bytes": entry(bytes=True),
        "float bytes": entry(bytes=1.0),
        "short hash": entry(sha256="0"),
        "no hash": entry(sha256=None),
        "shouted hash": entry(sha256=model["sha256"].upper()),
        "extra": entry(path="../../x"),
        "more": manifest | {"author": "x"},
    }


def test_a_hostile_manifest_leads_nowhere(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "model.safetensors"
    shutil.copy(written / "model.safetensors", canary)
    opened: list[str] = []
    real_open = os.open

    def watch(path: Any, *arguments: Any, **options: Any) -> int:
        opened.append(str(path))
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", watch)
    manifest = json.loads((written / "manifest.json").read_text())
    for what, changed in _hostile(manifest, canary).items():
        text = json.dumps(changed, indent=2) + "\n"
        (written / "manifest.json").write_text(text)
        opened.clear()
        with pytest.raises(DamagedCheckpoint, match=r"manifest\.json"):
            checkpoint.read(written)
        assert opened == [str(written / "manifest.json")], what


@pytest.mark.parametrize("name", NAMES)
def test_links_are_not_followed(written: Path, tmp_path: Path, name: str) -> None:
    (written / name).rename(tmp_path / name)
    (written / name).symlink_to(tmp_path / name)
    with pytest.raises(DamagedCheckpoint, match=f"{name}: expected a file; got: a link"):
        checkpoint.read(written)


@pytest.mark.parametrize(
    "state",
    [
        {"format": 1, "step": 500, "best": False},
        {"format": 1, "step": 501, "best": False, "state": {}},
        {"format": 2, "step": 500, "best": False, "state": {}},
        {"format": 1, "step": 500, "best": 0, "state": {}},
        {"format": 1, "step": 500, "best": False, "state": []},
        {"format": 1, "step": 500, "best": False, "state": {}, "more": 1},
    ],
    ids=str,
)
def test_a_strange_state_with_the_right_hash_is_refused(
    written: Path, state: dict[str, Any]
) -> None:
    data = json.dumps(state).encode()
    (written / "state.json").write_bytes(data)
    manifest = json.loads((written / "manifest.json").read_text())
    manifest["files"]["state.json"] = {"sha256": files.sha256(data), "bytes": len(data)}
    del manifest["sha256"]
    (written / "manifest.json").write_bytes(strict_json.render(checkpoint.sealed(manifest)))
    with pytest.raises(DamagedCheckpoint, match=r"state\.json"):
        checkpoint.read(written)


def test_the_bytes_that_were_hashed_are_the_bytes_that_are_used(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is opened once, so that nothing can be exchanged between check and use."""
    opened: list[str] = []
    real_open = os.open

    def watch(path: Any, *arguments: Any, **options: Any) -> int:
        opened.append(Path(path).name)
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", watch)
    checkpoint.read(written)
    assert sorted(opened) == sorted(NAMES)


def test_a_step_may_be_written_again(tmp_path: Path, make_checkpoint: Make, same: Same) -> None:
    first = make_checkpoint(500)
    second = replace(make_checkpoint(900), step=500)
    checkpoint.write(tmp_path, first)
    directory = checkpoint.write(tmp_path, second)
    assert same(checkpoint.read(directory), second)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000500"]


def test_finding_names_newest_first_and_nothing_strange(
    tmp_path: Path, make_checkpoint: Make
) -> None:
    for step in (5, 100_000_000, 20):
        checkpoint.write(tmp_path, make_checkpoint(step))
    for name in (
        "step-7",
        "step-00000007x",
        "step-000000005",
        "step-\N{ARABIC-INDIC DIGIT SEVEN}0000000",
        ".tmp-step-00000008",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "step-00000009").write_text("a file")
    (tmp_path / "step-00000010").symlink_to(tmp_path / "step-00000005")
    found = [p.name for p in checkpoint.find(tmp_path)]
    assert found == ["step-100000000", "step-00000020", "step-00000005"]
    assert checkpoint.find(tmp_path / "missing") == []


def test_a_file_of_a_stranger_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.json"):
        checkpoint.read(tmp_path)
