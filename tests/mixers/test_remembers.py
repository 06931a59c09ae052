"""What mixers say of their memory, for every one that says something."""

# B batch, T time, D model width, C channels

from typing import Any

import pytest
import torch

from runnel.mixer import Recurs, Remembers
from runnel.mixers import MIXERS

DIM = 12
BUILT = {name: config(dim=DIM).build() for name, config in MIXERS.items()}
REMEMBER = [name for name, mixer in BUILT.items() if isinstance(mixer, Remembers)]
CELLS = ("gru", "lstm", "memory", "mingru_memory")
RECUR = [name for name, mixer in BUILT.items() if isinstance(mixer, Recurs)]


def test_every_recurrent_mixer_reports() -> None:
    assert set(MIXERS) - set(REMEMBER) == {"attention"}
    assert set(RECUR) == {"gru", "lstm", "memory"}


@pytest.mark.parametrize("name", REMEMBER)
def test_decays_are_shares_of_each_channel_at_each_token(name: str) -> None:
    x_BTD = torch.randn(2, 7, DIM)
    decays_BTC = BUILT[name].decays(x_BTD)  # type: ignore[operator]
    assert decays_BTC.shape[:2] == (2, 7)
    assert decays_BTC.ndim == 3
    assert (decays_BTC >= 0).all()
    assert (decays_BTC <= 1).all()


@pytest.mark.parametrize("name", [n for n in REMEMBER if n not in CELLS])
def test_decays_are_what_is_left_of_a_state(name: str) -> None:
    """Two states that differ in one way differ by the product of the decays after some tokens."""
    torch.manual_seed(8)
    mixer = MIXERS[name](dim=DIM).build().double()
    x_BTD = torch.randn(1, 5, DIM, dtype=torch.float64)
    with torch.no_grad():
        fresh = mixer.init_state(1)
        shifted = type(fresh)(*fresh[:-1], fresh[-1] + 1)  # the last field is the recurrence
        ends = [mixer(x_BTD, state)[1][-1] for state in (fresh, shifted)]
        left = (ends[1] - ends[0]).reshape(1, -1)
        product = mixer.decays(x_BTD).prod(1)  # type: ignore[operator]
    if name == "hgrn":  # complex: a shift of 1 + i, turned
        left = (ends[1] - ends[0]).norm(dim=-1) / 2**0.5
    torch.testing.assert_close(left, product)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_decays_of_a_cell_are_those_along_its_run(name: str) -> None:
    """With a zero candidate (for GRU) or input gate shut (for LSTM) states shrink by the decays."""
    torch.manual_seed(9)
    mixer = MIXERS[name](dim=DIM).build().double()
    x_BTD = torch.randn(1, 6, DIM, dtype=torch.float64)
    decays_BTD = mixer.decays(x_BTD)  # type: ignore[operator]
    state = mixer.init_state(1)
    with torch.no_grad():
        for t in range(6):
            before = state
            _, state = mixer.step(x_BTD[:, t], state)
        nudge = 1e-6
        moved = type(before)(*before[:-1], before[-1] + nudge)
        slope = (mixer.step(x_BTD[:, 5], moved)[1][-1] - state[-1]) / nudge
    if name == "lstm":  # the cell sees itself only through the forget gate
        torch.testing.assert_close(slope, decays_BTD[:, 5], rtol=1e-4, atol=1e-6)
    else:  # a GRU's state also moves its gates: the decay is the main part of the slope
        assert (slope - decays_BTD[:, 5]).abs().mean() < 0.3


@pytest.mark.parametrize("name", RECUR)
def test_recurrent_matrices_are_square(name: str) -> None:
    matrices = BUILT[name].recurrent_matrices()  # type: ignore[operator]
    assert matrices
    assert all(m.ndim == 2 and m.shape[0] == m.shape[1] for m in matrices.values())


@pytest.mark.parametrize("name", ["memory", "mingru_memory"])
def test_decays_of_a_mixer_with_a_memory_are_of_both_its_states(name: str) -> None:
    torch.manual_seed(10)
    mixer: Any = MIXERS[name](dim=DIM).build().double()
    if name == "memory":  # nothing but the decays may carry a shift on
        with torch.no_grad():
            mixer.recurrent.weight.zero_()
            mixer.recall.weight.zero_()
    x_BTD = torch.randn(1, 5, DIM, dtype=torch.float64)
    fresh = mixer.init_state(1)
    with torch.no_grad():
        for place, channels in ((0, slice(0, DIM)), (1, slice(DIM, None))):
            shifted = fresh._replace(**{fresh._fields[place]: fresh[place] + 1})
            ends = [mixer(x_BTD, state)[1][place] for state in (fresh, shifted)]
            product = mixer.decays(x_BTD)[..., channels].prod(1)
            torch.testing.assert_close(ends[1] - ends[0], product)


def test_the_recurrent_matrices_of_a_bounded_memory_keep_the_bound() -> None:
    options: dict[str, Any] = {"attention": False, "radius": 0.5}
    mixer: Any = MIXERS["memory"](dim=DIM, **options).build()
    radii = [
        torch.linalg.eigvals(m.detach()).abs().max() for m in mixer.recurrent_matrices().values()
    ]
    assert max(radii) <= 0.5 + 1e-5
