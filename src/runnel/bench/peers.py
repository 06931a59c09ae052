"""What others run: the same work by torch's modules, public packages, a few torch lines."""

# B batch, T time, D model width, E inner width, V vocabulary

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.errors import InputError


def log_space_scan(gate_BTE: Tensor, candidate_BTE: Tensor) -> Tensor:
    """minGRU as public code evaluates it: a cumulative sum and a log-sum-exp over time."""
    log_decay_BTE = -F.softplus(gate_BTE)
    positive_BTE = (F.relu(candidate_BTE) + 0.5).log()
    log_g_BTE = torch.where(candidate_BTE >= 0, positive_BTE, -F.softplus(-candidate_BTE))
    decay_BTE = log_decay_BTE.cumsum(dim=1)
    log_input_BTE = log_g_BTE - F.softplus(-gate_BTE)
    return (decay_BTE + (log_input_BTE - decay_BTE).logcumsumexp(dim=1)).exp()


def associative_scan(gate_BTE: Tensor, candidate_BTE: Tensor) -> Tensor:
    """minGRU through torch's own associative scan, in its generic mode."""
    from torch._higher_order_ops.associative_scan import associative_scan as scan

    def combine(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return x[0] * y[0], y[0] * x[1] + y[1]

    z_BTE = torch.sigmoid(gate_BTE)
    c_BTE = torch.where(candidate_BTE >= 0, candidate_BTE + 0.5, torch.sigmoid(candidate_BTE))
    return scan(combine, (1 - z_BTE, z_BTE * c_BTE), dim=1, combine_mode="generic")[1]


def fla_scan() -> Callable[..., Tensor]:
    """flash-linear-attention's kernel of the linear recurrence; it wants the decays' logarithms."""
    chunk_hgrn = _chunk_hgrn()
    return lambda decay_BTE, input_BTE: chunk_hgrn(input_BTE, decay_BTE.log())[0]


def fla_mingru() -> Callable[..., Tensor]:
    """minGRU by that kernel; what stands before the recurrence is torch's."""
    chunk_hgrn = _chunk_hgrn()

    def scan(gate_BTE: Tensor, candidate_BTE: Tensor) -> Tensor:
        c_BTE = torch.where(candidate_BTE >= 0, candidate_BTE + 0.5, torch.sigmoid(candidate_BTE))
        return chunk_hgrn(torch.sigmoid(gate_BTE) * c_BTE, F.logsigmoid(-gate_BTE))[0]

    return scan


def accelerated_scan() -> Callable[..., Tensor]:
    """accelerated-scan's kernel of the linear recurrence, over arrays (B, E, T)."""
    try:
        from accelerated_scan.warp import scan
    except ImportError:
        raise _missing("accelerated-scan", "bench-gpu") from None
    return scan


def _chunk_hgrn() -> Callable[..., tuple[Tensor, Any]]:
    try:
        from fla.ops.hgrn import chunk_hgrn
    except ImportError:
        raise _missing("flash-linear-attention", "bench-gpu") from None
    return chunk_hgrn


class GRUCells(nn.Module):
    """A loop over torch's GRUCell: what the minGRU paper compares with."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(dim, dim)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D)."""
        h_BD, outputs = torch.zeros_like(x_BTD[:, 0]), []
        for x_BD in x_BTD.unbind(1):
            h_BD = self.cell(x_BD, h_BD)
            outputs.append(h_BD)
        return torch.stack(outputs, dim=1)


class SelfAttention(nn.Module):
    """Causal attention with projections, through torch's scaled dot product."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs, self.output = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D)."""
        parts = self.inputs(x_BTD).unflatten(-1, (3, self.heads, -1)).transpose(1, 3)
        q, k, v = parts.unbind(2)
        return self.output(
            F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        )


def min_gru_layer(dim: int) -> nn.Module:
    """minGRU-pytorch's layer; InputError without the extra."""
    return _min_gru_pytorch().minGRU(dim)


def min_gru_scan(gate_BTE: Tensor, candidate_BTE: Tensor) -> Tensor:
    """minGRU-pytorch's scan alone, in the words of its layer."""
    package = _min_gru_pytorch().minGRU
    module = __import__(package.__module__, fromlist=["minGRU"])
    log_values = -F.softplus(-gate_BTE) + module.log_g(candidate_BTE)
    return module.heinsen_associative_scan_log(-F.softplus(gate_BTE), log_values)


def min_lm(vocab_size: int, dim: int, parameters: int, *, convolution: bool) -> nn.Module:
    """minGRU-pytorch's language model, its layers so many as bring it near so many parameters.

    The inner width is D; with its convolution it cannot decode.
    """
    of_layer = (11 if convolution else 10) * dim**2
    return _min_gru_pytorch().minLM.minLM(
        num_tokens=vocab_size,
        dim=dim,
        depth=max(1, round((parameters - 2 * vocab_size * dim) / of_layer)),
        expansion=1.0,
        enable_conv=convolution,
    )


def gpt2(vocab_size: int, dim: int, parameters: int, context: int) -> nn.Module:
    """Hugging Face's GPT-2 with as many layers as bring it near so many parameters."""
    try:
        from transformers import GPT2Config, GPT2LMHeadModel
    except ImportError:
        raise _missing("transformers") from None
    layers = max(1, round((parameters - vocab_size * dim) / (12 * dim**2)))
    heads = next(h for h in (max(1, dim // 64), 4, 2, 1) if dim % h == 0)
    undropped: dict[str, Any] = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    config = GPT2Config(
        vocab_size=vocab_size,
        n_embd=dim,
        n_layer=layers,
        n_head=heads,
        n_positions=context,
        bos_token_id=0,
        eos_token_id=0,
        **undropped,
    )
    return GPT2LMHeadModel(config)


def _min_gru_pytorch() -> Any:
    try:
        import minGRU_pytorch
        import minGRU_pytorch.minLM
    except ImportError:
        raise _missing("minGRU-pytorch") from None
    return minGRU_pytorch


def _missing(package: str, extra: str = "bench") -> InputError:
    return InputError(f"expected {package}; it is not installed; pip install 'runnel[{extra}]'")
