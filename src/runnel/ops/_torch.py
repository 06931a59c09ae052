"""The ops in plain torch operations of logarithmic depth, for devices without kernels of ours."""

# B batch, T time, E inner width

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from runnel.ops._check import accumulation_dtype


def _scan(a_BTE: Tensor, b_BTE: Tensor) -> Tensor:
    """h_t = a_t h_{t-1} + b_t from h_{-1} = 0, by halving time: two steps become one, O(T) work."""
    T = b_BTE.shape[1]
    if T < 2:
        return b_BTE.clone()
    even, odd = slice(0, T - 1, 2), slice(1, T, 2)
    pairs_BTE = _scan(
        a_BTE[:, odd] * a_BTE[:, even], torch.addcmul(b_BTE[:, odd], a_BTE[:, odd], b_BTE[:, even])
    )
    h_BTE = torch.empty_like(b_BTE)
    h_BTE[:, odd] = pairs_BTE
    h_BTE[:, 0] = b_BTE[:, 0]
    later_BTE = a_BTE[:, 2::2]
    h_BTE[:, 2::2] = torch.addcmul(b_BTE[:, 2::2], later_BTE, pairs_BTE[:, : later_BTE.shape[1]])
    return h_BTE


class _LinearScan(torch.autograd.Function):
    """The scan from an initial state; its backward is itself over reversed time, twice too."""

    @staticmethod
    def forward(ctx: Any, a_BTE: Tensor, b_BTE: Tensor, initial_BE: Tensor) -> Tensor:
        first_BE = torch.addcmul(b_BTE[:, 0], a_BTE[:, 0].to(b_BTE.dtype), initial_BE)
        h_BTE = _scan(a_BTE.to(b_BTE.dtype), torch.cat([first_BE[:, None], b_BTE[:, 1:]], dim=1))
        ctx.save_for_backward(a_BTE, h_BTE, initial_BE)
        return h_BTE

    @staticmethod
    def backward(ctx: Any, grad_BTE: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a_BTE, h_BTE, initial_BE = ctx.saved_tensors
        # adjoint_t = grad_t + conj(a_{t+1}) adjoint_{t+1}
        conj_BTE = a_BTE.conj().to(h_BTE.dtype)
        next_BTE = torch.cat([conj_BTE[:, 1:], torch.zeros_like(conj_BTE[:, :1])], dim=1)
        adjoint_BTE = _linear(next_BTE.flip(1), grad_BTE.flip(1), torch.zeros_like(initial_BE))
        adjoint_BTE = adjoint_BTE.flip(1)
        before_BTE = torch.cat([initial_BE[:, None], h_BTE[:, :-1]], dim=1)
        grad_a_BTE = adjoint_BTE * before_BTE.conj()
        if not a_BTE.is_complex():
            grad_a_BTE = grad_a_BTE.real
        return grad_a_BTE, adjoint_BTE, conj_BTE[:, 0] * adjoint_BTE[:, 0]


def _linear(a_BTE: Tensor, b_BTE: Tensor, initial_BE: Tensor) -> Tensor:
    h_BTE: Tensor = _LinearScan.apply(a_BTE, b_BTE, initial_BE)  # type: ignore[no-untyped-call]
    return h_BTE


def linear_scan(
    decay_BTE: Tensor,
    input_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = decay_t h_{t-1} + input_t; products of decays must not overflow."""
    B, T, E = input_BTE.shape
    dtype = accumulation_dtype(input_BTE.dtype)
    a_BTE = decay_BTE.to(accumulation_dtype(decay_BTE.dtype))
    b_BTE = input_BTE.to(dtype)
    initial = b_BTE.new_zeros(B, E) if initial_BE is None else initial_BE.to(dtype)
    if T == 0:
        return input_BTE.clone(), initial.clone()
    if reset_BT is not None:
        a_BTE = a_BTE.masked_fill(reset_BT[..., None], 0)
    if reverse:
        a_BTE, b_BTE = a_BTE.flip(1), b_BTE.flip(1)
    h_BTE = _linear(a_BTE, b_BTE, initial)
    last_BE = h_BTE[:, -1].clone()
    return (h_BTE.flip(1) if reverse else h_BTE).to(input_BTE.dtype), last_BE


def _candidate(u_BTE: Tensor) -> Tensor:
    """g(u) = u + 1/2 for u >= 0 and sigmoid(u) below: positive and continuous."""
    return torch.where(u_BTE >= 0, u_BTE + 0.5, u_BTE.sigmoid())


def mingru_scan(
    gate_BTE: Tensor,
    candidate_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = (1 - z_t) h_{t-1} + z_t g(candidate_t) with z = sigmoid(gate)."""
    dtype = accumulation_dtype(gate_BTE.dtype)
    gate = gate_BTE.to(dtype)
    states_BTE, last_BE = linear_scan(
        (-gate).sigmoid(),
        gate.sigmoid() * _candidate(candidate_BTE.to(dtype)),
        initial_BE,
        reset_BT,
    )
    return states_BTE.to(candidate_BTE.dtype), last_BE


def minlstm_scan(
    forget_BTE: Tensor,
    input_BTE: Tensor,
    candidate_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """f/(f + i) as sigmoid(log f - log i), which holds where f and i both underflow."""
    dtype = accumulation_dtype(forget_BTE.dtype)
    logit_BTE = logsigmoid(forget_BTE.to(dtype)) - logsigmoid(input_BTE.to(dtype))
    states_BTE, last_BE = linear_scan(
        logit_BTE.sigmoid(),
        (-logit_BTE).sigmoid() * _candidate(candidate_BTE.to(dtype)),
        initial_BE,
        reset_BT,
    )
    return states_BTE.to(candidate_BTE.dtype), last_BE


def hgru_scan(
    forget_BTE: Tensor,
    candidate_BTE: Tensor,
    lower_bound_E: Tensor,
    theta_E: Tensor | None,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = lam_t exp(i theta) h_{t-1} + (1 - lam_t) candidate_t, lam in [lower_bound, 1]."""
    dtype = accumulation_dtype(forget_BTE.dtype)
    forget, gamma_E = forget_BTE.to(dtype), lower_bound_E.to(dtype)
    decay_BTE = gamma_E + (1 - gamma_E) * forget.sigmoid()
    c_BTE = candidate_BTE.to(accumulation_dtype(candidate_BTE.dtype))
    input_BTE = (1 - gamma_E) * (-forget).sigmoid() * c_BTE
    if theta_E is not None:
        theta = theta_E.to(dtype)
        decay_BTE = decay_BTE * torch.complex(theta.cos(), theta.sin())
    states_BTE, last_BE = linear_scan(decay_BTE, input_BTE, initial_BE, reset_BT)
    return states_BTE.to(candidate_BTE.dtype), last_BE
