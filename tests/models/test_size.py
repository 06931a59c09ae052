"""Matching widths to a number of parameters."""

import pytest

from runnel.mixers import MIXERS
from runnel.models.size import count_parameters, match_parameters
from runnel.models.stack import StackConfig


def stack(mixer: str, dim: int = 32) -> StackConfig:
    return StackConfig(dim=dim, layers=2, mixers=(MIXERS[mixer](dim=dim),))


def test_counts_what_is_built_and_shared_ones_once() -> None:
    config = StackConfig(dim=12, layers=2, mixers=(MIXERS["hgrn"](dim=12),), tied=True)
    assert count_parameters(config) == sum(p.numel() for p in config.build().parameters())


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize("target", [60_000, 1_000_000])
def test_matches_within_two_percent(mixer: str, target: int) -> None:
    matched = match_parameters(stack(mixer), target)
    # Heads make the widths of small attending mixers coarse: the next one down is 9 % off.
    assert count_parameters(matched) == pytest.approx(target, rel=0.035 if target < 10**5 else 0.02)


def test_a_match_of_itself_changes_nothing() -> None:
    config = stack("mingru", 48)
    assert match_parameters(config, count_parameters(config)) == config
