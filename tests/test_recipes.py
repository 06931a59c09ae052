"""The recipes: whole, of the promised sizes, and what is built from them."""

import pytest
import torch

import runnel
from runnel.configuration import from_plain, to_plain
from runnel.errors import InputError
from runnel.mixers import MIXERS
from runnel.models.size import count_parameters, count_without_embeddings
from runnel.recipes import RECIPES
from runnel.recipes.recipe import matched_stack
from runnel.training import Recipe
from runnel.training.loop import resolve
from runnel.training.subject import open_subject


@pytest.mark.parametrize("name", RECIPES)
def test_is_whole_and_survives_the_disk(name: str) -> None:
    recipe = RECIPES[name].make()
    assert from_plain(Recipe, to_plain(recipe)) == recipe
    assert RECIPES[name].purpose
    assert RECIPES[name].source


@pytest.mark.parametrize("family", ["stories", "shakespeare"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_mixers_of_a_family_have_as_many_parameters(mixer: str, family: str) -> None:
    ours = count_parameters(RECIPES[f"mingru-{family}"].make().model)
    theirs = count_parameters(RECIPES[f"{mixer}-{family}"].make().model)
    assert theirs == pytest.approx(ours, rel=0.02)


@pytest.mark.parametrize("mixer", ["minlstm", "hgrn"])
def test_mixers_are_matched_with_the_fields_that_they_are_given(mixer: str) -> None:
    fields = {name: {"expansion": 4.0} for name in ("mingru", mixer)}
    ours, theirs = (matched_stack(name, 128, 3, fields=fields) for name in ("mingru", mixer))
    assert ours.mixers == (MIXERS["mingru"](dim=128, **fields["mingru"]),)
    assert theirs.mixers == (MIXERS[mixer](dim=theirs.dim, **fields[mixer]),)
    assert count_parameters(theirs) == pytest.approx(count_parameters(ours), rel=0.02)


@pytest.mark.parametrize("family", ["selective-copying", "selective-copying-4096"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_mixers_of_a_task_are_matched_at_its_own_vocabulary(mixer: str, family: str) -> None:
    ours, theirs = (RECIPES[f"{name}-{family}"].make() for name in ("mingru", mixer))
    sizes = [count_parameters(resolve(r, open_subject(r)).model) for r in (ours, theirs)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)


@pytest.mark.parametrize("name", ["gpt2", "transformer-modern", "conv-attention"])
def test_transformers_stand_in_the_same_table(name: str) -> None:
    ours = count_parameters(RECIPES["mingru-stories"].make().model)
    theirs = count_parameters(RECIPES[f"{name}-stories"].make().model)
    assert theirs == pytest.approx(ours, rel=0.02)


@pytest.mark.parametrize("name", ["gpt2-15m", "transformer-modern", "conv-attention-9m"])
def test_a_step_of_the_transformers_reads_half_a_million_tokens(name: str) -> None:
    training = RECIPES[name].make().training
    assert training.batch * training.length * training.accumulate == 524_288
    assert training.schedule.warmup_steps == 715


def test_promised_sizes() -> None:
    assert count_parameters(RECIPES["mingru-270k"].make().model) <= 270_000
    original = count_parameters(RECIPES["gru-memory-2.5m"].make().model)
    assert original == 2_685_795
    assert count_parameters(RECIPES["gru-memory-0.2m"].make().model) == 201_507
    parallel = count_parameters(RECIPES["mingru-memory-2.5m"].make().model)
    assert parallel == pytest.approx(original, rel=0.005)


@pytest.mark.parametrize(
    ("name", "millions", "within"),
    [
        ("mingru-18m", 17.6, 0.005),
        ("mingru-18m-tuned", 17.6, 0.005),
        ("gpt2-15m", 15.0, 0.005),
        ("conv-attention-9m", 9.24, 0.005),
        ("hgrn-44m", 44, 0.01),
        ("hgrn-150m", 150, 0.04),
        ("hgrn-355m", 355, 0.02),
        ("hgrn-1b", 1000, 0.04),
    ],
)
def test_recipes_have_the_sizes_that_they_are_named_for(
    name: str, millions: float, within: float
) -> None:
    found = count_parameters(RECIPES[name].make().model)
    assert found == pytest.approx(millions * 1e6, rel=within)


def test_build_overrides_and_streams() -> None:
    model = runnel.build("mingru-stories", vocab_size=11, dim=16, layers=2)
    logits, state = model(torch.randint(0, 11, (2, 5)))
    assert logits.shape == (2, 5, 11)
    assert model.step(torch.zeros(2, dtype=torch.int64), state)[0].shape == (2, 11)
    assert model.tokenizer is None


@pytest.mark.parametrize(
    ("name", "overrides", "hint"),
    [("mingru-storeis", {}, "mingru-stories"), ("mingru-stories", {"width": 3}, "dim")],
)
def test_unknown_names_are_named(name: str, overrides: dict[str, int], hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        runnel.build(name, **overrides)


@pytest.mark.parametrize("name", [name for name in RECIPES if name.endswith("-1m")])
def test_recipes_of_a_million_have_one_size_and_one_budget(name: str) -> None:
    recipe, first = RECIPES[name].make(), RECIPES["mingru-1m"].make()
    assert count_without_embeddings(recipe.model) == pytest.approx(1e6, rel=0.02)
    assert recipe.data == first.data
    assert recipe.data.tokenizer == "byte"
    training = recipe.training
    assert (training.batch, training.length, training.accumulate) == (4, 256, 1)
    assert training.schedule == first.training.schedule
    assert training.schedule.warmup_steps is None
