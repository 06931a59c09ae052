"""Configurations as plain data: strict on the way in, exact on the way back."""

import dataclasses
import json
import time
from typing import Any

import pytest

from runnel.configuration import fields, from_plain, override, to_plain
from runnel.errors import InputError
from runnel.recipes import RECIPES
from runnel.training import Recipe

RECIPE = RECIPES["mingru-stories"].make()


def test_round_trip_through_json() -> None:
    assert from_plain(Recipe, json.loads(json.dumps(to_plain(RECIPE)))) == RECIPE


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("model.dim=96", "model.dim", 96),
        ("model.tied=true", "model.tied", True),
        ("training.save_every=30s", "training.save_every", "30s"),
        ("training.save_every=30", "training.save_every", 30),
        ("training.learning_rate=1e-3", "training.learning_rate", 1e-3),
        ("training.optimizer.betas=0.8,0.99", "training.optimizer.betas", (0.8, 0.99)),
        ("data.validation=other.txt", "data.validation", "other.txt"),
        ("model.mixers.0.expansion=2", "model.mixers.0.expansion", 2.0),
        ("model.mixers.0.half_lives=none", "model.mixers.0.half_lives", None),
        ("prompts=A,B", "prompts", ("A", "B")),
        ('prompts=["A, then", "B"]', "prompts", ("A, then", "B")),
        ("model.mixers.0.half_lives=[1, 32]", "model.mixers.0.half_lives", (1.0, 32.0)),
    ],
)
def test_override_is_typed_by_the_field(assignment: str, path: str, value: Any) -> None:
    changed = override(RECIPE, [assignment])
    assert {f.path: f.value for f in fields(changed)}[path] == value


def test_mixers_by_name_take_the_width_of_the_model() -> None:
    changed = override(RECIPE, ["model.mixers=mingru,attention", "model.dim=64"])
    mixers = changed.model.mixers  # type: ignore[attr-defined]
    assert [(m.name, m.dim) for m in mixers] == [("mingru", 64), ("attention", 64)]


def test_mixers_with_their_fields_are_written_as_json() -> None:
    written = '[{"type": "hgrn", "state": "real", "norm": "rms"}, "gru"]'
    changed = override(RECIPE, [f"model.mixers={written}"])
    first, second = changed.model.mixers  # type: ignore[attr-defined]
    assert (first.name, first.state, first.norm, second.name) == ("hgrn", "real", "rms", "gru")
    assert {first.dim, second.dim} == {changed.model.dim}


@pytest.mark.parametrize(
    ("assignment", "hint"),
    [
        ("model.dmi=3", "did you mean model.dim?"),
        ("model.dim", "FIELD=VALUE"),
        ("model.dim=1.5", "model.dim: expected a whole number"),
        ("model.tied=perhaps", "true or false"),
        ("model.mixers=mingrue", "did you mean mingru?"),
        ("training.optimizer.kind=sgd", "adamw, muon"),
        ("training.minutes=none", "one budget"),
        ("model.type=stack", "model"),
        ("model.mixers.7.dim=3", "model.mixers"),
        ("training=3", "training"),
        ('model.mixers=[{"type": "gru"]', "model.mixers: expected JSON"),
        ('model.mixers=[{"type": "gru", "dmi": 3}]', "dim"),
    ],
)
def test_bad_overrides_are_one_line(assignment: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint.replace("?", r"\?")) as caught:
        override(RECIPE, [assignment])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["os.system", "runnel.mixers.mingru.MinGRUConfig", "__main__", ""])
def test_only_registry_names_are_read(path: str) -> None:
    plain = to_plain(RECIPE)
    plain["model"]["type"] = path
    with pytest.raises(InputError, match="type"):
        from_plain(Recipe, plain)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model", "dim"), "128"),
        (("model", "dim"), True),
        (("model", "dim"), None),
        (("model", "mixers"), 3),
        (("model", "mixers"), []),
        (("training", "seed"), 1.0),
        (("data",), []),
        (("data", "held_out"), 2),
        (("extra",), 1),
    ],
)
def test_the_disk_is_read_strictly(path: tuple[str, ...], value: Any) -> None:
    plain: Any = to_plain(RECIPE)
    inner = plain
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(InputError) as caught:
        from_plain(Recipe, plain)
    assert str(caught.value).startswith("config.json: ")
    assert "\n" not in str(caught.value)


def test_every_field_has_a_meaning() -> None:
    for name in RECIPES:
        silent = [f.path for f in fields(RECIPES[name].make()) if not f.meaning]
        assert not silent


def test_missing_fields_are_named() -> None:
    plain = to_plain(RECIPE)
    del plain["model"]["dim"]
    with pytest.raises(InputError, match="dim"):
        from_plain(Recipe, plain)


def test_recipes_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECIPE.prompts = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "assignment"),
    [
        ("conv-attention-stories", f"model.dim={2**62 + 2}"),
        ("conv-attention-stories", f"model.stages={2**40}"),
        ("diverging-stories", f"model.layers={3 * 2**60}"),
    ],
)
def test_numbers_beyond_all_sense_are_refused_at_once(name: str, assignment: str) -> None:
    begin = time.process_time()
    with pytest.raises(InputError):
        override(RECIPES[name].make(), [assignment])
    assert time.process_time() - begin < 1
