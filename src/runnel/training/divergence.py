"""Where NaN or Inf came from: the first weight, activation or gradient that went bad."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from runnel.errors import DivergedError

_REMEDY = "the last good checkpoint is kept; try a lower training.learning_rate"
_MOST_LISTED = 40


def diverged(
    model: nn.Module,
    tokens_BT: Tensor,
    reset_BT: Tensor | None,
    *,
    step: int,
    loss: float,
    position: Mapping[str, Any],
    documents: Sequence[int],
) -> DivergedError:
    """The error for a step whose loss or gradient is not finite, before the weights took it in.

    `tokens_BT` and `reset_BT` are the step's first bad batch, which is read once more to see which
    module went bad first, and `documents` those that it reads; `position` is where the loader stood
    before the step.
    """
    place = ", ".join(f"{name} {value}" for name, value in position.items())
    return DivergedError(
        f"training diverged at step {step}: expected finite numbers; got a loss of {loss:.6g} and "
        f"{_first_bad(model, tokens_BT, reset_BT)}; documents {_listed(documents)} of the training "
        f"text; batch at {place}; {_REMEDY}"
    )


def refuse_bad_weights(weights: Mapping[str, Tensor], step: int) -> None:
    """DivergedError if one of the weights after a step is not finite: such are never saved."""
    for name, weight in weights.items():
        if not _finite(weight):
            raise DivergedError(
                f"training diverged at step {step}: expected finite weights after it; got NaN or "
                f"Inf in {name}; {_REMEDY}"
            )


def _listed(numbers: Sequence[int]) -> str:
    """3, 7-9, 12: neighbours together, and only the first of many."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    shown = ", ".join("-".join(map(str, run)) for run in runs[:_MOST_LISTED])
    return shown + (f" and {len(runs) - _MOST_LISTED} more" if len(runs) > _MOST_LISTED else "")


def _first_bad(model: nn.Module, tokens_BT: Tensor, reset_BT: Tensor | None) -> str:
    for name, parameter in model.named_parameters():
        if not _finite(parameter):
            return f"NaN or Inf in the weight {name}"
    bad: list[str] = []

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if not all(map(_finite, _tensors(output))):
                bad.append(name or "the logits")

        return hook

    hooks = [m.register_forward_hook(note(name)) for name, m in model.named_modules()]
    try:
        with torch.no_grad():
            model(tokens_BT, None, reset_BT)
    finally:
        for hook in hooks:
            hook.remove()
    if bad:
        return f"NaN or Inf first in the output of {bad[0]}"
    # Gradients are made from the logits backwards.
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not _finite(parameter.grad):
            return f"NaN or Inf in the gradient of {name}"
    return "gradients whose norm is beyond float32"


def _finite(x: Tensor) -> bool:
    return bool(torch.isfinite(x).all())


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (tuple, list)):
        for part in output:
            yield from _tensors(part)
