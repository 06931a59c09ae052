"""The ops by Triton kernels: on a GPU, or on a CPU under Triton's interpreter, which tests use."""

# B batch, T time, E inner width, R runs of time

import importlib.util
import os
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from runnel.ops import _triton_shapes
from runnel.ops._check import accumulation_dtype, real_dtype
from runnel.ops._scan_op import HGRU, channels, define, empty_gradients
from runnel.ops._triton_shapes import Shape, shape_for

LONGEST = 2**31 - 2**12
"""positions that a kernel counts in 32 bits, the end of its last tile included"""


def available() -> bool:
    """Whether Triton is there, and a GPU or the interpreter to run its kernels."""
    return not unavailable_reason()


@cache
def unavailable_reason() -> str:
    """Why not; empty when it is available."""
    if importlib.util.find_spec("triton") is None:
        return "no Triton: install a GPU build of torch"
    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        return "no GPU (Triton's interpreter, TRITON_INTERPRET=1, is for tests)"
    return ""


@cache
def fault(device: str, op: str = "mingru_scan") -> str:
    """What is wrong with an op's kernels on a device, by a small trial; empty when nothing."""
    from runnel.ops import selftest

    # The first to ask may be a caller who wants no gradients, and whose random state is not ours.
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
def _kernels() -> tuple[ModuleType, ModuleType]:
    from runnel.ops import _triton_kernels, _triton_walk

    return _triton_kernels, _triton_walk


class _Plan(NamedTuple):
    """How a launch is cut: programs of a shape over `width` channels, and runs of `span`."""

    shape: Shape
    width: int
    runs: int
    span: int
    blocks: int

    def options(self, *, backward: bool, sequences: int) -> dict[str, Any]:
        """What the programs are told of their shape, and Triton of its."""
        shape = self.shape
        positions = shape.at_once(backward=backward, sequences=sequences)
        own = {"AHEAD": positions} if shape.walks else {"BT": positions, "STAGES": shape.stages}
        return own | {"BE": self.width, "num_warps": shape.warps}


def _plan(states: Tensor) -> _Plan:
    B, T, E = states.shape
    if T > LONGEST:
        raise ValueError(
            f"scans on a GPU: expected at most {LONGEST:,} positions, which 32 bits count; got "
            f"T={T:,}; cut the sequence and carry the state over"
        )
    processors = _processors(states.device)
    shape = shape_for(B * E, processors, wide=states.is_complex())
    halved = not shape.walks and (states.is_complex() or states.dtype == torch.float64)
    width = shape.channels // 2 if halved else shape.channels
    blocks = B * -(-E // width)
    wanted = shape.programs * processors
    runs = max(1, min(-(-wanted // max(blocks, 1)), T // shape.shortest))
    span = -(-T // runs)
    span = -(-span // shape.positions) * shape.positions
    return _Plan(shape, width, -(-T // span), span, blocks)


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
    B, _, E = product.shape
    runs, width = _triton_shapes.CHAINED
    _kernels()[0].enter[(B * -(-E // width),)](
        _flat(product),
        _flat(ends),
        _flat(given),
        _flat(entering),
        E,
        plan.runs,
        COMPLEX=like.is_complex(),
        GIVEN=given is not None,
        BACKWARD=behind,
        dtype=_dtype(like),
        BR=runs,
        BE=width,
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
    tiles, walk = _kernels()
    lower, cosine, sine = channels(lower_bound, theta, accumulation_dtype(first.dtype))
    inputs = [*(_flat(x) for x in (first, second, third)), lower]
    sizes = (T, E, plan.runs, plan.span)
    options = plan.options(backward=False, sequences=2 if third is None else 3) | {
        "OP": op,
        "REVERSE": reverse,
        "RESETS": reset is not None,
        "HGRU": op == HGRU,
        "dtype": _dtype(states),
    }
    kernel = walk.forward
    if not plan.shape.walks:
        kernel = tiles.forward
        inputs += [cosine, sine]
        options |= {"COMPLEX": second.is_complex(), "DECAY_COMPLEX": first.is_complex()}
    launch = kernel[(plan.blocks * plan.runs,)]
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
    tiles, walk = _kernels()
    lower, cosine, sine = channels(lower_bound, theta, accumulation_dtype(first.dtype))
    if initial is not None:
        initial = initial.to(dtype)
    sizes = (T, E, plan.runs, plan.span)
    options = plan.options(backward=True, sequences=2 if third is None else 3) | {
        "OP": op,
        "REVERSE": reverse,
        "INITIAL": initial is not None,
        "RESETS": reset is not None,
        "HGRU": op == HGRU,
        "FROM_STATES": grad_states is not None,
        "FROM_LAST": grad_last is not None,
        "dtype": _dtype(states),
    }
    kernel, turns = walk.backward, []
    if not plan.shape.walks:
        kernel, turns = tiles.backward, [cosine, sine]
        options |= {"COMPLEX": states.is_complex(), "DECAY_COMPLEX": first.is_complex()}
    inputs = (
        *(_flat(x) for x in (first, second, third)),
        *(lower, *turns),
        *(_flat(x) for x in (initial, reset, states, grad_states, grad_last)),
    )
    launch = kernel[(plan.blocks * plan.runs,)]
    nowhere = [None] * (6 if turns else 5)
    entering = None
    if plan.runs > 1:
        product = states.new_empty(B, plan.runs, E, dtype=dtype)
        ends = torch.empty_like(product)
        launch(
            *inputs, None, _flat(ends), _flat(product), *nowhere, *sizes,
            ENTERS=False, SUMMARY=True, **options,
        )  # fmt: skip
        entering = _enter(plan, product, ends, None, states, behind=True)
    # Each program sums over its own run; the sums are added in a fixed order.
    lower_parts, theta_parts = (
        None if x is None else x.new_empty(B * plan.runs, E) for x in (lower, cosine)
    )
    sums = [lower_parts, theta_parts] if turns else [lower_parts]
    launch(
        *inputs, _flat(entering), None, None, _flat(grads[0]), _flat(grads[1]),
        _flat(grads[2]), *sums, _flat(grads[5]), *sizes,
        ENTERS=entering is not None, SUMMARY=False, **options,
    )  # fmt: skip
    for place, parts in ((3, lower_parts), (4, theta_parts)):
        if parts is not None:
            grads[place] = parts.sum(0)
    return grads


_scan, linear_scan, mingru_scan, minlstm_scan, hgru_scan = define(
    "runnel::triton_scan", _forward, _backward
)
