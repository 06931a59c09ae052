"""loss.svg and the model card."""

import math
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from runnel.training import Recipe
from runnel.training.card import model_card
from runnel.training.loop import resolve
from runnel.training.picture import draw_loss
from runnel.training.schedule import Spent
from runnel.training.subject import open_subject
from runnel.training.trainer import build_model


def _lines(count: int) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for step in range(1, count + 1):
        line = {"step": step, "tokens": 1000 * step, "loss": 1 + 4 * math.exp(-step / 5)}
        lines.append(line | ({"validation_loss": line["loss"] + 0.1} if step % 10 == 0 else {}))
    return lines


@pytest.mark.parametrize("count", [0, 1, 100])
def test_the_picture_is_well_formed_and_always_the_same(count: int) -> None:
    pictures = [draw_loss(_lines(count), title="a", bytes_per_token=1.5) for _ in range(2)]
    assert pictures[0] == pictures[1]
    root = ElementTree.fromstring(pictures[0])
    assert root.tag.endswith("svg")


def test_the_picture_states_its_units_and_the_last_validation_loss() -> None:
    picture = draw_loss(_lines(100), title="a model", bytes_per_token=1.5)
    # Text is drawn as outlines, each with its words in a comment.
    words = re.findall(r"<!-- (.*?) -->", picture)
    for expected in ("a model", "tokens read", "loss (nats/token)", "bits per byte", "1.100"):
        assert expected in words


def test_a_long_run_has_a_picture_of_bounded_size() -> None:
    assert len(draw_loss(_lines(20_000), title="a", bytes_per_token=1)) < 300_000


def test_the_card_states_sizes_data_and_loss(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(prompts=("it's a",))
    subject = open_subject(recipe)
    recipe = resolve(recipe, subject)
    model = build_model(recipe, torch.device("cpu"))
    outcome = {
        "validation_loss": 1.23456,
        "bits_per_byte": 1.781,
        "validation_tokens": 1234,
        "best_step": 7,
        "protocol": "carried",
    }
    card = model_card(recipe, subject, model, Spent(9, 9999, 1.5), outcome, torch.float32)
    parameters = sum(p.numel() for p in model.parameters())
    # A state of 16 and the 3 inputs of width 16 that a convolution of 4 taps still needs.
    for part in (f"| {parameters:,} |", "| 64 numbers (0.3 kB", subject.sha256, "step 7,"):
        assert part in card
    assert "1.2346 nats/token, 1.7810 bits/byte over 1,234 tokens (carried)" in card
    assert "9 steps, 9,999 tokens, 1.5 s" in card
    assert "float32 products" in card
