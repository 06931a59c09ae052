"""Recurrences over time, tensors to tensors, each run by the best backend of its device."""

# B batch, T time, E inner width

import warnings
from functools import cache
from types import ModuleType
from typing import cast

import torch
from torch import Tensor

from runnel.ops import _check, _native, _reference, _torch, _triton

BACKENDS: dict[str, ModuleType] = {
    "reference": _reference,
    "torch": _torch,
    "native": _native,
    "triton": _triton,
}
"""Every backend by name; each has the four scans with the signatures below.

"native" and "triton" are usable where their `available()` says so; their `unavailable_reason()`
says why not.
"""

__all__ = ["BACKENDS", "backend_for", "hgru_scan", "linear_scan", "mingru_scan", "minlstm_scan"]


def backend_for(device: torch.device | str, op: str = "mingru_scan") -> str:
    """The name of the backend that an op uses on a device, for dtypes that it covers."""
    kind = torch.device(device).type
    if kind == "cpu":
        return "native" if _native.available() else "torch"
    return _gpu_backend(kind, op) if kind == "cuda" and _triton.available() else "torch"


# All that torch.compiler.assume_constant_result does, but for importing the compiler: that takes
# as long as torch itself, and most commands compile nothing.
backend_for.__dict__["_dynamo_marked_constant"] = True


def shortcoming(device: torch.device | str, op: str = "mingru_scan") -> str:
    """Why an op is computed by plain torch on a device; empty where it is not."""
    kind = torch.device(device).type
    if kind == "cpu":
        return _native.unavailable_reason()
    return _triton.unavailable_reason() or _triton.fault(kind, op)


@cache
def _gpu_backend(kind: str, op: str) -> str:
    fault = _triton.fault(kind, op)
    if fault:
        warnings.warn(
            f"runnel's Triton kernels of {op} fail on this {kind} device ({fault}); using plain "
            "torch, which is many times slower",
            RuntimeWarning,
            stacklevel=3,
        )
    return "torch" if fault else "triton"


def _backend(op: str, first: Tensor, second: Tensor) -> ModuleType:
    name = backend_for(first.device, op)
    if name == "native" and not _native.supports(op, first.dtype, second.dtype):
        name = "torch"
    return BACKENDS[name]


def linear_scan(
    decay_BTE: Tensor,
    input_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = decay_t h_{t-1} + input_t from `initial_BE` (zeros), elementwise; real or complex.

    Returns the states in the input's dtype and the last state in the dtype of accumulation (float32
    for bfloat16). `reset_BT[b, t]` drops the state before t. `reverse` runs from the last position
    to the first: the initial state then enters at T - 1 and the last state is the one at 0. The
    decay may be real where the input is complex. Raises ValueError for shapes, dtypes or devices
    that do not fit.
    """
    op = "linear_scan"
    _check.check_sequence(op, "input_BTE", input_BTE)
    _check.check_placed(op, "decay_BTE", decay_BTE, tuple(input_BTE.shape), "input_BTE", input_BTE)
    dtypes = (input_BTE.dtype, _check.real_dtype(input_BTE.dtype))
    _check.check_one_of(op, "decay_BTE", decay_BTE, dtypes)
    _check.check_context(op, initial_BE, reset_BT, "input_BTE", input_BTE)
    run = _backend(op, decay_BTE, input_BTE).linear_scan
    return cast(tuple[Tensor, Tensor], run(decay_BTE, input_BTE, initial_BE, reset_BT, reverse))


def mingru_scan(
    gate_BTE: Tensor,
    candidate_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """minGRU (Feng et al. 2024): z = sigmoid(gate), h_t = (1 - z_t) h_{t-1} + z_t g(candidate_t).

    g(u) = u + 1/2 for u >= 0 and sigmoid(u) below; both inputs come before their activation.
    States, last state, resets and errors as in `linear_scan`.
    """
    op = "mingru_scan"
    _check.check_sequence(op, "gate_BTE", gate_BTE)
    _check.check_real(op, "gate_BTE", gate_BTE)
    _check.check_same(op, "candidate_BTE", candidate_BTE, "gate_BTE", gate_BTE)
    _check.check_context(op, initial_BE, reset_BT, "gate_BTE", gate_BTE)
    run = _backend(op, gate_BTE, candidate_BTE).mingru_scan
    return cast(tuple[Tensor, Tensor], run(gate_BTE, candidate_BTE, initial_BE, reset_BT))


def minlstm_scan(
    forget_BTE: Tensor,
    input_BTE: Tensor,
    candidate_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """minLSTM (Feng et al. 2024): h_t = f/(f + i) h_{t-1} + i/(f + i) g(candidate_t).

    f = sigmoid(forget_t) and i = sigmoid(input_t); the quotients stay exact where both underflow.
    g, states, last state, resets and errors as in `mingru_scan`.
    """
    op = "minlstm_scan"
    _check.check_sequence(op, "forget_BTE", forget_BTE)
    _check.check_real(op, "forget_BTE", forget_BTE)
    _check.check_same(op, "input_BTE", input_BTE, "forget_BTE", forget_BTE)
    _check.check_same(op, "candidate_BTE", candidate_BTE, "forget_BTE", forget_BTE)
    _check.check_context(op, initial_BE, reset_BT, "forget_BTE", forget_BTE)
    run = _backend(op, forget_BTE, candidate_BTE).minlstm_scan
    return cast(
        tuple[Tensor, Tensor], run(forget_BTE, input_BTE, candidate_BTE, initial_BE, reset_BT)
    )


def hgru_scan(
    forget_BTE: Tensor,
    candidate_BTE: Tensor,
    lower_bound_E: Tensor,
    theta_E: Tensor | None,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """HGRU (Qin et al. 2023): h_t = lam_t exp(i theta) h_{t-1} + (1 - lam_t) candidate_t.

    lam = lower_bound + (1 - lower_bound) sigmoid(forget), with a real forget. With `theta_E`,
    candidate, initial state and states are complex (complex64 for float32 and bfloat16 gates,
    complex128 for float64); with None they have the gate's dtype. States, last state, resets and
    errors as in `linear_scan`.
    """
    op = "hgru_scan"
    _check.check_sequence(op, "forget_BTE", forget_BTE)
    _check.check_real(op, "forget_BTE", forget_BTE)
    shape, real = tuple(forget_BTE.shape), _check.accumulation_dtype(forget_BTE.dtype)
    if theta_E is None:
        _check.check_same(op, "candidate_BTE", candidate_BTE, "forget_BTE", forget_BTE)
    else:
        _check.check_placed(op, "candidate_BTE", candidate_BTE, shape, "forget_BTE", forget_BTE)
        _check.check_one_of(op, "candidate_BTE", candidate_BTE, (_check.complex_dtype(real),))
    for name, x_E in (("lower_bound_E", lower_bound_E), ("theta_E", theta_E)):
        if x_E is not None:
            _check.check_placed(op, name, x_E, shape[2:], "forget_BTE", forget_BTE)
            _check.check_one_of(op, name, x_E, (forget_BTE.dtype, real))
    _check.check_context(op, initial_BE, reset_BT, "candidate_BTE", candidate_BTE)
    run = _backend(op, forget_BTE, candidate_BTE).hgru_scan
    return cast(
        tuple[Tensor, Tensor],
        run(forget_BTE, candidate_BTE, lower_bound_E, theta_E, initial_BE, reset_BT),
    )
