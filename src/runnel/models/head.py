"""The layer that makes logits of what the last norm gives."""

from torch import Tensor, nn

from runnel.ops import aligned


def read_out(head: nn.Linear, y: Tensor) -> Tensor:
    """head(y), by the quicker product where the head is a plain layer and nobody listens to it."""
    listened = head._forward_hooks or head._forward_pre_hooks or head._backward_hooks
    if type(head) is not nn.Linear or listened:
        return head(y)
    return aligned.linear(y, head.weight, head.bias)
