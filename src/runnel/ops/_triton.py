"""The ops by Triton kernels: on a GPU, or on a CPU under Triton's interpreter, which tests use."""

# B batch, T time, E inner width, R runs of time

import importlib.util
import os
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from runnel.ops._check import accumulation_dtype, real_dtype
from runnel.ops._scan_op import HGRU, channels, define, empty_gradients

PROGRAMS_PER_PROCESSOR = 8
"""how many blocks of channels and runs of time there should be for each multiprocessor"""
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
# To the interpreter every tile costs as much, whatever its size.
SHORTEST_RUN = 128 if INTERPRETED else 512
"""positions; time is not cut into shorter runs"""
TILE = (32, 64) if INTERPRETED else (1, 128)
"""positions and channels that a program scans at once; half the channels where numbers are wide"""
LONGEST = 2**31 - 2**12
"""positions that a kernel counts in 32 bits, the end of its last tile included"""
WARPS = 2
"""warps of a program"""
STAGES = 4
"""tiles whose loads are under way at once"""


def available() -> bool:
    """Whether Triton is there, and a GPU or the interpreter to run its kernels."""
    return not unavailable_reason()


@cache
def unavailable_reason() -> str:
    """Why not; empty when it is available."""
    if importlib.util.find_spec("triton") is None:
        return "no Triton: install a GPU build of torch"
    if not torch.cuda.is_available() and not INTERPRETED:
        return "no GPU (Triton's interpreter, TRITON_INTERPRET=1, is for tests)"
    return ""


@cache
def fault(device: str, op: str = "mingru_scan") -> str:
    """What is wrong with an op's kernels on a device, by a small trial; empty when nothing."""
    from runnel.ops import selftest

    # The first to ask may be a caller who wants no gradients, and whose dice are not ours.
    asked = (torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices=[]))
    with asked[0], asked[1], asked[2]:
        try:
            found = selftest.one("triton", op, device, (2, 37, 5))
        except Exception as error:
            return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return "" if found.passed else f"{op} is off by {found.error:.1e}"


def supports(op: str, first: torch.dtype, second: torch.dtype) -> bool:
    """Every dtype that the door lets in."""
    return True


@cache
def _kernels() -> ModuleType:
    from runnel.ops import _triton_kernels

    return _triton_kernels


class _Plan(NamedTuple):
    """How a launch is cut: tiles of `positions` by `width`, and runs of `span` positions."""

    positions: int
    width: int
    runs: int
    span: int
    blocks: int


def _plan(states: Tensor) -> _Plan:
    B, T, E = states.shape
    if T > LONGEST:
        raise ValueError(
            f"scans on a GPU: expected at most {LONGEST:,} positions, which 32 bits count; got "
            f"T={T:,}; cut the sequence and carry the state over"
        )
    wide = states.is_complex() or states.dtype == torch.float64
    positions, width = TILE[0], TILE[1] // 2 if wide else TILE[1]
    blocks = B * -(-E // width)
    wanted = PROGRAMS_PER_PROCESSOR * _processors(states.device)
    runs = max(1, min(-(-wanted // max(blocks, 1)), T // SHORTEST_RUN))
    span = -(-T // runs)
    span = -(-span // positions) * positions
    return _Plan(positions, width, -(-T // span), span, blocks)


@cache
def _processors(device: torch.device) -> int:
    if device.type != "cuda":
        return 1
    return torch.cuda.get_device_properties(device).multi_processor_count


def _flat(x: Tensor | None) -> Tensor | None:
    """Complex numbers as pairs of floats, truth values as bytes."""
    if x is None:
        return None
    x = x.resolve_conj().contiguous()
    if x.dtype == torch.bool:
        return x.view(torch.uint8)
    return torch.view_as_real(x) if x.is_complex() else x


def _dtype(states: Tensor) -> Any:
    import triton.language as tl

    double = real_dtype(accumulation_dtype(states.dtype)) == torch.float64
    return tl.float64 if double else tl.float32


def _enter(
    plan: _Plan, product: Tensor, ends: Tensor, given: Tensor | None, like: Tensor, behind: bool
) -> Tensor:
    """The state that enters each run of time."""
    entering = torch.empty_like(product)
    _kernels().enter[(plan.blocks,)](
        _flat(product),
        _flat(ends),
        _flat(given),
        _flat(entering),
        like.shape[2],
        plan.runs,
        COMPLEX=like.is_complex(),
        GIVEN=given is not None,
        BACKWARD=behind,
        dtype=_dtype(like),
        BE=plan.width,
    )
    return entering


def _forward(
    op: int,
    reverse: bool,
    first: Tensor,
    second: Tensor,
    third: Tensor | None,
    lower_bound: Tensor | None,
    theta: Tensor | None,
    initial: Tensor | None,
    reset: Tensor | None,
) -> tuple[Tensor, Tensor]:
    dtype = accumulation_dtype(second.dtype)
    B, T, E = second.shape
    states = torch.empty_like(second, memory_format=torch.contiguous_format)
    if initial is not None:
        initial = initial.to(dtype)
    if states.numel() == 0:
        return states, second.new_zeros(B, E, dtype=dtype) if initial is None else initial.clone()
    last = second.new_empty(B, E, dtype=dtype)
    plan = _plan(states)
    inputs = (
        *(_flat(x) for x in (first, second, third)),
        *channels(lower_bound, theta, accumulation_dtype(first.dtype)),
    )
    sizes = (T, E, plan.runs, plan.span)
    options = {
        "OP": op,
        "COMPLEX": second.is_complex(),
        "DECAY_COMPLEX": first.is_complex(),
        "REVERSE": reverse,
        "RESETS": reset is not None,
        "HGRU": op == HGRU,
        "dtype": _dtype(states),
        "BT": plan.positions,
        "BE": plan.width,
        "STAGES": STAGES,
        "num_warps": WARPS,
    }
    launch = _kernels().forward[(plan.blocks * plan.runs,)]
    flags = _flat(reset)
    entering = initial
    if plan.runs > 1:
        product = second.new_empty(B, plan.runs, E, dtype=dtype)
        ends = torch.empty_like(product)
        launch(
            *inputs, None, flags, None, _flat(ends), _flat(product), *sizes,
            ENTERS=False, SUMMARY=True, **options,
        )  # fmt: skip
        entering = _enter(plan, product, ends, initial, states, behind=False)
    launch(
        *inputs, _flat(entering), flags, _flat(states), _flat(last), None, *sizes,
        ENTERS=entering is not None, SUMMARY=False, **options,
    )  # fmt: skip
    return states, last


def _backward(
    op: int,
    reverse: bool,
    first: Tensor,
    second: Tensor | None,
    third: Tensor | None,
    lower_bound: Tensor | None,
    theta: Tensor | None,
    initial: Tensor | None,
    reset: Tensor | None,
    states: Tensor,
    grad_states: Tensor | None,
    grad_last: Tensor | None,
) -> list[Tensor]:
    grads = empty_gradients(first, third, lower_bound, theta, states)
    dtype = accumulation_dtype(states.dtype)
    B, T, E = states.shape
    if states.numel() == 0:
        nothing = [torch.zeros_like(grad) for grad in grads]
        if grad_last is not None:
            nothing[5] = grad_last.to(dtype).clone()
        return nothing
    plan = _plan(states)
    per_channel = channels(lower_bound, theta, accumulation_dtype(first.dtype))
    if initial is not None:
        initial = initial.to(dtype)
    inputs = (
        *(_flat(x) for x in (first, second, third)),
        *per_channel,
        *(_flat(x) for x in (initial, reset, states, grad_states, grad_last)),
    )
    sizes = (T, E, plan.runs, plan.span)
    options = {
        "OP": op,
        "COMPLEX": states.is_complex(),
        "DECAY_COMPLEX": first.is_complex(),
        "REVERSE": reverse,
        "INITIAL": initial is not None,
        "RESETS": reset is not None,
        "HGRU": op == HGRU,
        "FROM_STATES": grad_states is not None,
        "FROM_LAST": grad_last is not None,
        "dtype": _dtype(states),
        "BT": plan.positions,
        "BE": plan.width,
        "STAGES": STAGES,
        "num_warps": WARPS,
    }
    launch = _kernels().backward[(plan.blocks * plan.runs,)]
    entering = None
    if plan.runs > 1:
        product = states.new_empty(B, plan.runs, E, dtype=dtype)
        ends = torch.empty_like(product)
        launch(
            *inputs, None, _flat(ends), _flat(product), *[None] * 6, *sizes,
            ENTERS=False, SUMMARY=True, **options,
        )  # fmt: skip
        entering = _enter(plan, product, ends, None, states, behind=True)
    # Each program sums over its own run; the sums are added in a fixed order.
    lower_parts, theta_parts = (
        None if x is None else x.new_empty(B * plan.runs, E) for x in per_channel[:2]
    )
    launch(
        *inputs, _flat(entering), None, None, _flat(grads[0]), _flat(grads[1]),
        _flat(grads[2]), lower_parts, theta_parts, _flat(grads[5]), *sizes,
        ENTERS=entering is not None, SUMMARY=False, **options,
    )  # fmt: skip
    for place, parts in ((3, lower_parts), (4, theta_parts)):
        if parts is not None:
            grads[place] = parts.sum(0)
    return grads


_scan, linear_scan, mingru_scan, minlstm_scan, hgru_scan = define(
    "runnel::triton_scan", _forward, _backward
)
