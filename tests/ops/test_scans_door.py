"""What the public ops refuse, and which backend they take."""

# B batch, T time, E inner width

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from runnel import ops
from runnel.ops import _native

B, T, E = 2, 5, 3


def x(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(*(shape or (B, T, E)), dtype=dtype)


BAD: list[tuple[Callable[[], Any], list[str]]] = [
    (lambda: ops.mingru_scan(x(B, E), x(B, E)), ["gate_BTE", "(B, T, E)", "(2, 3)"]),
    (lambda: ops.mingru_scan(x(), x(B, T, E + 1)), ["candidate_BTE", "(2, 5, 3)", "(2, 5, 4)"]),
    (lambda: ops.mingru_scan(x(), x(dtype=torch.float64)), ["candidate_BTE", "float64"]),
    (lambda: ops.mingru_scan(x(dtype=torch.int64), x(dtype=torch.int64)), ["gate_BTE", "int64"]),
    (lambda: ops.mingru_scan(x(), x(), x(B, T)), ["initial_BE", "(2, 3)", "(2, 5)"]),
    (lambda: ops.mingru_scan(x(), x(), x(B, E, dtype=torch.float64)), ["initial_BE", "float64"]),
    (lambda: ops.mingru_scan(x(), x(), None, x(B, T)), ["reset_BT", "bool", "float32"]),
    (lambda: ops.mingru_scan(x(), x(), None, x(B, E) > 0), ["reset_BT", "(2, 5)", "(2, 3)"]),
    (lambda: ops.mingru_scan(x().to("meta"), x()), ["candidate_BTE", "meta", "cpu"]),
    (lambda: ops.mingru_scan(x(dtype=torch.complex64), x()), ["gate_BTE", "real", "complex64"]),
    (lambda: ops.minlstm_scan(x(), x(), x(B, T, 1)), ["candidate_BTE", "(2, 5, 1)"]),
    (lambda: ops.minlstm_scan(x(), x(B, 1, E), x()), ["input_BTE", "(2, 1, 3)"]),
    (lambda: ops.linear_scan(x(), x(B, T, 1)), ["decay_BTE", "(2, 5, 1)", "(2, 5, 3)"]),
    (lambda: ops.linear_scan(x(dtype=torch.complex64), x()), ["decay_BTE", "complex64"]),
    (lambda: ops.linear_scan(x(dtype=torch.bfloat16), x()), ["decay_BTE", "bfloat16"]),
    (lambda: ops.hgru_scan(x(), x(), x(E + 1), None), ["lower_bound_E", "(4,)", "(3,)"]),
    (lambda: ops.hgru_scan(x(), x(), x(E), x(E)), ["candidate_BTE", "complex64", "float32"]),
    (lambda: ops.hgru_scan(x(), x(dtype=torch.complex64), x(E), None), ["candidate_BTE"]),
    (lambda: ops.hgru_scan(x(), x(dtype=torch.complex64), x(E), x(1)), ["theta_E", "(1,)"]),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_refuses_what_does_not_fit(number: int) -> None:
    call, words = BAD[number]
    with pytest.raises(ValueError, match=r"expected .*; got .*; ") as caught:
        call()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_backend_for_the_device() -> None:
    assert ops.backend_for("cpu") == ("native" if _native.available() else "torch")
    assert ops.backend_for(torch.device("meta")) == "torch"
    assert set(ops.BACKENDS) == {"reference", "torch", "native", "triton"}


def test_door_takes_the_backend_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for name, module in ops.BACKENDS.items():
        scan = module.mingru_scan

        def spy(*args: Any, name: str = name, scan: Callable[..., Any] = scan) -> Any:
            seen.append(name)
            return scan(*args)

        monkeypatch.setattr(module, "mingru_scan", spy)
    ops.mingru_scan(x(), x())
    ops.mingru_scan(x(dtype=torch.float16), x(dtype=torch.float16))
    ops.mingru_scan(x().to("meta"), x().to("meta"))
    assert seen == [ops.backend_for("cpu"), "torch", "torch"]
