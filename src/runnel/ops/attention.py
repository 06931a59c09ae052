"""Causal attention over a whole sequence: torch's own, and on a CPU in bfloat16 by products."""

# B batch, N heads, T time, H width of a head, M = B N, Q queries of a block, S keys up to its end

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_BLOCK = 64  # queries
_NARROW = 32  # heads below this are quicker in torch's own


def causal_attention(query_BNTH: Tensor, key_BNTH: Tensor, value_BNTH: Tensor) -> Tensor:
    """softmax(q k / sqrt(H)) v, each position seeing those before it and itself."""
    by_products = (
        query_BNTH.device.type == "cpu"
        and query_BNTH.dtype == key_BNTH.dtype == value_BNTH.dtype == torch.bfloat16
        and query_BNTH.shape[-1] >= _NARROW
        and not torch.compiler.is_compiling()
    )
    if by_products:
        return attention_by_products(query_BNTH, key_BNTH, value_BNTH)
    return F.scaled_dot_product_attention(query_BNTH, key_BNTH, value_BNTH, is_causal=True)


def attention_by_products(query_BNTH: Tensor, key_BNTH: Tensor, value_BNTH: Tensor) -> Tensor:
    """The same, for each block of queries by batched products with the keys up to its end.

    torch's fused attention on a CPU reaches a third of the rate of bfloat16 products.
    """
    return _Blocks.apply(query_BNTH, key_BNTH, value_BNTH)  # type: ignore[no-untyped-call]


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        batch, heads, time, width = query.shape
        q, k, v = (x.reshape(-1, time, width) for x in (query, key, value))
        # Heads beside one another, as the layer after it reads them.
        y = query.new_empty(batch, time, heads, width)
        weights = []
        for begin, end in _blocks(time):
            scores_MQS = (q[:, begin:end] * width**-0.5) @ k[:, :end].mT
            later_QQ = torch.ones(end - begin, end - begin, dtype=torch.bool).triu(1)
            scores_MQS[:, :, begin:].masked_fill_(later_QQ, -torch.inf)
            weights_MQS = torch.softmax(scores_MQS, dim=-1)
            block = (weights_MQS @ v[:, :end]).view(batch, heads, end - begin, width)
            y[:, begin:end] = block.transpose(1, 2)
            weights.append(weights_MQS)
        ctx.save_for_backward(q, k, v, *weights)
        return y.transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v, *weights = ctx.saved_tensors
        shape = grad.shape
        grad_MTH = grad.reshape(-1, *shape[2:])
        d_q, d_k, d_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for (begin, end), weights_MQS in zip(_blocks(shape[2]), weights, strict=True):
            d_y = grad_MTH[:, begin:end]
            d_v[:, :end].baddbmm_(weights_MQS.mT, d_y)
            d_weights = d_y @ v[:, :end].mT
            d_scores = torch._softmax_backward_data(d_weights, weights_MQS, -1, q.dtype)
            d_scores *= shape[3] ** -0.5
            torch.bmm(d_scores, k[:, :end], out=d_q[:, begin:end])
            d_k[:, :end].baddbmm_(d_scores.mT, q[:, begin:end])
        return d_q.view(shape), d_k.view(shape), d_v.view(shape)


def _blocks(time: int) -> list[tuple[int, int]]:
    return [(begin, min(begin + _BLOCK, time)) for begin in range(0, time, _BLOCK)]
