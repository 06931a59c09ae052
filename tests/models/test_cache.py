"""The cache on the logits: its equation, roles told apart, and what a stack does with it."""

# B batch, T time, V vocabulary, D model width, R roles

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.mixers import MIXERS
from runnel.models.cache import CacheState, RoleCache
from runnel.models.stack import StackConfig

WIDTH = 6


def made(vocabulary: int, roles: int) -> RoleCache:
    torch.manual_seed(vocabulary + roles)
    cache = RoleCache(vocabulary, WIDTH, roles).double()
    with torch.no_grad():
        for parameter in cache.parameters():
            parameter.add_(torch.randn_like(parameter))
    return cache


def one_by_one(
    cache: RoleCache,
    logits_BTV: Tensor,
    tokens_BT: Tensor,
    y_BTD: Tensor,
    count_BRV: Tensor,
    reset_BT: Tensor,
) -> tuple[Tensor, Tensor]:
    """The equation as it stands in the class, token by token."""
    rows, lasts = [], []
    for logits_TV, token_T, y_TD, count_RV, reset_T in zip(
        logits_BTV, tokens_BT, y_BTD, count_BRV, reset_BT, strict=True
    ):
        row = []
        for t, token in enumerate(token_T):
            faded_RV = torch.sigmoid(cache.keep_V) * count_RV * ~reset_T[t]
            share_R = torch.ones(1) if cache.share is None else cache.share(y_TD[t]).softmax(0)
            said_V = F.one_hot(token, len(cache.keep_V))
            count_RV = faded_RV + share_R.unsqueeze(1) * said_V
            told_V = cache.gate(y_TD[t]) @ torch.log1p(count_RV)
            row.append(logits_TV[t] + 10 * cache.weight_V * told_V)
        rows.append(torch.stack(row))
        lasts.append(count_RV)
    return torch.stack(rows), torch.stack(lasts)


@pytest.mark.parametrize("roles", [1, 3])
@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("vocabulary", [5, 40])
@torch.no_grad()
def test_is_its_equation(vocabulary: int, roles: int, carried: bool) -> None:
    cache = made(vocabulary, roles)
    tokens_BT = torch.randint(0, vocabulary, (3, 13))
    y_BTD, logits_BTV = torch.randn(3, 13, WIDTH).double(), torch.randn(3, 13, vocabulary).double()
    count_BRV = torch.rand(3, roles, vocabulary).double() * carried
    reset_BT = torch.rand(3, 13) < 0.2
    expected = one_by_one(cache, logits_BTV, tokens_BT, y_BTD, count_BRV, reset_BT)
    state = CacheState(count_BRV) if carried else None
    found_NV, after = cache(logits_BTV.flatten(0, 1).clone(), tokens_BT, y_BTD, state, reset_BT)
    torch.testing.assert_close(found_NV.view_as(expected[0]), expected[0])
    torch.testing.assert_close(after.count_BRV, expected[1])
    found_BV, one_later = cache.step(logits_BTV[:, -1], tokens_BT[:, -1], y_BTD[:, -1], after)
    later = one_by_one(
        cache,
        logits_BTV[:, -1:],
        tokens_BT[:, -1:],
        y_BTD[:, -1:],
        after.count_BRV,
        torch.zeros(3, 1, dtype=torch.bool),
    )
    torch.testing.assert_close(found_BV, later[0][:, 0])
    torch.testing.assert_close(one_later.count_BRV, later[1])


def test_gradients_are_those_of_the_equation() -> None:
    cache = made(20, 2)
    tokens_BT = torch.randint(0, 20, (2, 9))
    y_BTD = torch.randn(2, 9, WIDTH).double().requires_grad_()
    logits_BTV = torch.randn(2, 9, 20).double().requires_grad_()
    reset_BT = torch.rand(2, 9) < 0.2
    weigh_BTV = torch.randn(2, 9, 20).double()
    inputs = [logits_BTV, y_BTD, *cache.parameters()]
    found_NV = cache(logits_BTV.flatten(0, 1) * 1, tokens_BT, y_BTD, None, reset_BT)[0]
    nothing_BRV = torch.zeros(2, 2, 20).double()
    slow = one_by_one(cache, logits_BTV, tokens_BT, y_BTD, nothing_BRV, reset_BT)[0]
    for a, b in zip(
        torch.autograd.grad((found_NV.view_as(weigh_BTV) * weigh_BTV).sum(), inputs),
        torch.autograd.grad((slow * weigh_BTV).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_it_makes_what_was_told_likelier_and_costs_few_weights() -> None:
    config = StackConfig(vocab_size=30, dim=8, layers=1, mixers=(MIXERS["mingru"](dim=8),), cache=2)
    model = config.build()
    assert model.cache is not None
    assert sum(p.numel() for p in model.cache.parameters()) == 2 * 30 + 2 * (8 * 2 + 2)
    with torch.no_grad():
        model.cache.weight_V.fill_(0.1)
        logits_BTV, _ = model(torch.tensor([[3, 4, 3, 5]]))
        plain_BTV, _ = _without_cache(model, torch.tensor([[3, 4, 3, 5]]))
    rise_V = (logits_BTV - plain_BTV)[0, -1]
    assert rise_V[3] > rise_V[5] > 0
    assert rise_V[[i for i in range(30) if i not in (3, 4, 5)]].abs().max() < 1e-6


def _without_cache(model: torch.nn.Module, tokens_BT: Tensor) -> tuple[Tensor, object]:
    cache, model.cache = model.cache, None  # type: ignore[assignment]
    try:
        return model(tokens_BT)
    finally:
        model.cache = cache
