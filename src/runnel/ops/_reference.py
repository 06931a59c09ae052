"""Each op as a plain loop over time: the definition that every fast path is tested against."""

# B batch, T time, E inner width

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from runnel.ops._check import accumulation_dtype


def linear_scan(
    decay_BTE: Tensor,
    input_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = decay_t h_{t-1} + input_t; `reverse` runs from the last position to the first."""
    B, T, E = input_BTE.shape
    dtype = accumulation_dtype(input_BTE.dtype)
    a_BTE = decay_BTE.to(accumulation_dtype(decay_BTE.dtype))
    b_BTE = input_BTE.to(dtype)
    h_BE = b_BTE.new_zeros(B, E) if initial_BE is None else initial_BE.to(dtype)
    states = [h_BE] * T
    for t in reversed(range(T)) if reverse else range(T):
        if reset_BT is not None:
            h_BE = torch.where(reset_BT[:, t, None], torch.zeros_like(h_BE), h_BE)
        h_BE = a_BTE[:, t] * h_BE + b_BTE[:, t]
        states[t] = h_BE
    states_BTE = torch.stack(states, dim=1) if T else b_BTE
    return states_BTE.to(input_BTE.dtype), h_BE.clone()


def candidate(u: Tensor) -> Tensor:
    """g(u) = u + 1/2 for u >= 0 and sigmoid(u) below: positive and continuous."""
    return torch.where(u >= 0, u + 0.5, u.sigmoid())


def mingru_scan(
    gate_BTE: Tensor,
    candidate_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = (1 - z_t) h_{t-1} + z_t g(candidate_t) with z = sigmoid(gate)."""
    dtype = accumulation_dtype(gate_BTE.dtype)
    gate_BTE, u_BTE = gate_BTE.to(dtype), candidate_BTE.to(dtype)
    c_BTE = candidate(u_BTE)
    states_BTE, last_BE = linear_scan(
        (-gate_BTE).sigmoid(), gate_BTE.sigmoid() * c_BTE, initial_BE, reset_BT
    )
    return states_BTE.to(candidate_BTE.dtype), last_BE


def minlstm_scan(
    forget_BTE: Tensor,
    input_BTE: Tensor,
    candidate_BTE: Tensor,
    initial_BE: Tensor | None = None,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """h_t = f/(f + i) h_{t-1} + i/(f + i) g(candidate_t) with sigmoids f and i."""
    dtype = accumulation_dtype(forget_BTE.dtype)
    # f/(f + i) = sigmoid(log f - log i), which is exact where f and i both underflow.
    logit_BTE = logsigmoid(forget_BTE.to(dtype)) - logsigmoid(input_BTE.to(dtype))
    u_BTE = candidate_BTE.to(dtype)
    c_BTE = candidate(u_BTE)
    states_BTE, last_BE = linear_scan(
        logit_BTE.sigmoid(), (-logit_BTE).sigmoid() * c_BTE, initial_BE, reset_BT
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
    forget_BTE, gamma_E = forget_BTE.to(dtype), lower_bound_E.to(dtype)
    c_BTE = candidate_BTE.to(accumulation_dtype(candidate_BTE.dtype))
    decay_BTE = gamma_E + (1 - gamma_E) * forget_BTE.sigmoid()
    input_BTE = (1 - gamma_E) * (-forget_BTE).sigmoid() * c_BTE
    if theta_E is not None:
        theta_E = theta_E.to(dtype)
        decay_BTE = decay_BTE * torch.complex(theta_E.cos(), theta_E.sin())
    states_BTE, last_BE = linear_scan(decay_BTE, input_BTE, initial_BE, reset_BT)
    return states_BTE.to(candidate_BTE.dtype), last_BE
