"""The loss that training minimises, from tokens to one number."""

# B batch, T time, V vocabulary, N positions

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.data.loader import IGNORED
from runnel.training.precision import autocast

# Numbers of one piece of the logits in float32: two of them lie in a core's cache, and a GPU is
# busy for longer than it takes to start the kernels of the next.
_PIECE = {"cpu": 2**17, "cuda": 2**26}


def next_token_loss(
    model: Callable[..., tuple[Tensor, Any]],
    tokens_BT: Tensor,
    targets_BT: Tensor,
    reset_BT: Tensor | None,
    dtype: torch.dtype,
) -> Tensor:
    """The mean cross-entropy (nats/token), matrix products in `dtype`, the loss in float32.

    `model` may be any function with the signature of a model's forward.
    """
    with autocast(dtype, tokens_BT.device):
        logits_BTV, _ = model(tokens_BT, None, reset_BT)
    return cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten())


def cross_entropy(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """The mean cross-entropy in float32 (nats); `F.cross_entropy` is its slow twin.

    Targets that are `IGNORED` count neither in the sum nor in the number that it is divided by.
    The gradient is made on the way, in pieces and in the dtype of the logits: no copy of all the
    logits in float32 is ever held.
    """
    return _CrossEntropy.apply(logits_NV, targets_N)  # type: ignore[no-untyped-call]


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, targets_N: Tensor) -> Tensor:
        count, vocabulary = logits_NV.shape
        wide = torch.promote_types(logits_NV.dtype, torch.float32)
        grad_NV = torch.empty_like(logits_NV)
        losses_N = logits_NV.new_empty(count, dtype=wide)
        rows = max(1, _PIECE.get(logits_NV.device.type, _PIECE["cuda"]) // vocabulary)
        counted_N = targets_N != IGNORED
        answers = counted_N.sum().to(wide)
        # What does not count is divided by infinity: no pass of its own, and no other rounding.
        divisor_N1 = torch.where(counted_N, answers, torch.inf).unsqueeze(1)
        known_N = targets_N.clamp(min=0)
        for begin in range(0, count, rows):
            piece = slice(begin, begin + rows)
            target = known_N[piece].unsqueeze(1)
            log_p = F.log_softmax(logits_NV[piece].to(wide), dim=1)
            losses_N[piece] = -log_p.gather(1, target).squeeze(1)
            error = log_p.exp_().scatter_add_(1, target, -torch.ones_like(target, dtype=wide))
            torch.div(error, divisor_N1[piece], out=grad_NV[piece])
        ctx.save_for_backward(grad_NV)
        return losses_N.masked_fill_(~counted_N, 0.0).sum() / answers

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (grad_NV,) = ctx.saved_tensors
        if grad.device.type == "cpu":
            return (grad_NV if grad == 1 else grad_NV * grad.to(grad_NV.dtype)), None
        # To look at it would be to wait for the device.
        return grad_NV.mul_(grad.to(grad_NV.dtype)), None
