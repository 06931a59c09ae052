"""Inputs for the passes around a scan, and their results with gradients, to compare backends by."""

# B batch, T time, D width, K taps, P = K - 1 inputs before

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

EPS = 1e-6
OPS = ["causal_convolution", "gated_silu", "gelu", "rms_norm", "squared_relu"]
"""The activations come with a bias; `without_bias` takes it away."""


def inputs(
    op: str,
    batch: int,
    time: int,
    width: int,
    dtype: torch.dtype,
    seed: int,
    taps: int = 4,
    resets: float | None = 0.2,
) -> dict[str, Tensor | None]:
    """Random arguments by name, weights and tail in the dtype that a model keeps them in."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, kept: bool = False) -> Tensor:
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        return x.to(torch.float32 if kept and dtype == torch.bfloat16 else dtype)

    if op == "causal_convolution":
        reset = None
        if resets is not None:
            reset = torch.rand(batch, time, generator=generator) < resets
        return {
            "x_BTD": draw(batch, time, width),
            "weight_KD": draw(taps, width, kept=True),
            "tail_BPD": draw(batch, taps - 1, width, kept=True),
            "reset_BT": reset,
        }
    if op == "rms_norm":
        return {"x": draw(batch, time, width), "weight_D": draw(width, kept=True)}
    halves = 2 if op == "gated_silu" else 1
    return {
        "x": draw(batch, time, halves * width),
        "bias_D": draw(halves * width, kept=True),
    }


def without_bias(arguments: dict[str, Tensor | None]) -> dict[str, Tensor | None]:
    """The same call of an activation with nothing added."""
    return {**arguments, "bias_D": None}


def widened(arguments: dict[str, Tensor | None]) -> dict[str, Tensor | None]:
    """The same numbers in float64."""
    return {
        name: x.double() if x is not None and x.is_floating_point() else x
        for name, x in arguments.items()
    }


def results(
    backend: ModuleType, op: str, arguments: dict[str, Tensor | None], seed: int
) -> dict[str, Tensor]:
    """Outputs and the gradients of a random weighting of them, by name."""
    leaves: dict[str, Any] = {}
    for name, x in arguments.items():
        leaves[name] = x
        if x is not None and x.is_floating_point():
            # Not `requires_grad_` on a copy: the strides are part of the case.
            leaves[name] = x.detach().requires_grad_()
    if op == "rms_norm":
        leaves["eps"] = EPS
    outputs = getattr(backend, op)(**leaves)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(y.shape, generator=generator).to(y.dtype) for y in outputs]
    wanted = {name: x for name, x in leaves.items() if isinstance(x, Tensor) and x.requires_grad}
    grads = torch.autograd.grad(outputs, list(wanted.values()), weights, materialize_grads=True)
    found = {f"output {i}": y.detach() for i, y in enumerate(outputs)}
    return found | {f"gradient of {n}": g for n, g in zip(wanted, grads, strict=True)}
