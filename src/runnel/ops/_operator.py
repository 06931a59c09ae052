"""Torch operators with hand-written gradients, passed by where nobody has to see one.

An operator lets a compiler, an exporter or a mode see what happens; to pass it by saves 0.1 to 0.2
ms forward and backward, which small models notice. The gradients are not themselves
differentiable: a second backward raises.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

_PLAIN = (Tensor, torch.nn.Parameter)


class Operator(NamedTuple):
    """An operator, that of its gradients, and the function that runs it or passes it by."""

    op: Any
    gradients: Any
    run: Callable[..., Any]


def define(
    name: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    *,
    fakes: tuple[Callable[..., Any], Callable[..., Any]],
    remember: Callable[..., None],
    differentiate: Callable[..., tuple[Tensor | None, ...]],
    device_types: str | None = None,
    unseen_backward: Callable[..., Any] | None = None,
) -> Operator:
    """Register `forward` as the operator `name`, and `backward` as `name` with `_backward`.

    `fakes` make results of the right shapes for both. `remember(ctx, inputs, output)` keeps what
    `differentiate(backward, ctx, *grads)` needs to make the gradients of all inputs; gradients that
    nobody gave are None. `unseen_backward` may do what an operator's may not, such as to return
    tensors that share memory.
    """
    op = torch.library.custom_op(name, forward, mutates_args=(), device_types=device_types)
    gradients = torch.library.custom_op(
        f"{name}_backward", backward, mutates_args=(), device_types=device_types
    )
    op.register_fake(fakes[0])
    gradients.register_fake(fakes[1])

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.set_materialize_grads(False)
        remember(ctx, inputs, output)

    class Direct(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            output = forward(*inputs)
            keep(ctx, inputs, output)
            return output

        @staticmethod
        def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
            # Who wants a graph of the gradients is told by the operator that there is none.
            run = gradients if torch.is_grad_enabled() else unseen_backward or backward
            return differentiate(run, ctx, *grads)

    def run(*inputs: Any) -> Any:
        if watched(*inputs):
            return op(*inputs)
        if torch.is_grad_enabled():
            return Direct.apply(*inputs)  # type: ignore[no-untyped-call]
        return forward(*inputs)

    op.register_autograd(partial(differentiate, gradients), setup_context=keep)
    return Operator(op, gradients, run)


def watched(*inputs: Any) -> bool:
    """Whether somebody has to see an operator: a compiler, a mode, a transform, a tensor's kind."""
    return (
        torch.compiler.is_compiling()
        or is_in_torch_dispatch_mode()
        or torch._C._are_functorch_transforms_active()
        or any(isinstance(x, Tensor) and type(x) not in _PLAIN for x in inputs)
    )
