"""A GRU cell that reads a memory it writes itself, over time (kavyamali/tinystoriesgru).

    r_t, z_t = σ(x_rz + U_rz h_{t-1} + b + V_rz M_{t-1})
    n_t = tanh(x_n + V_n M_{t-1} + r_t (U_n h_{t-1} + b_n))
    h_t = (1 - z_t) n_t + z_t h_{t-1}
    p_t = σ(w · h_t + b_p);  m_t = tanh(W h_t + b_m)
    M_t = (1 - p_t) M_{t-1} + p_t m_t

x is the part of the gates that does not depend on h or M. The recurrence is not linear, so time is
walked step by step; only what must stand in the loop does.
"""

# B batch, T time, D width, G = 3 D gates in torch's order (r, z, n), F = 4 D, K = D + 1

from typing import Any, NamedTuple

import torch
from torch import Tensor


class CellWeights(NamedTuple):
    """What the loop multiplies by."""

    recurrent_GD: Tensor
    """U"""
    recurrent_bias_G: Tensor
    """b"""
    memory_GD: Tensor
    """V"""
    write_KD: Tensor
    """W, and w as its last row"""
    write_bias_K: Tensor
    """b_m, and b_p as its last entry"""


def gru_memory_scan(
    gates_BTG: Tensor,
    weights: CellWeights,
    h_BD: Tensor,
    memory_BD: Tensor,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """All h (B, T, D) and the last memory (B, D), in the states' dtype; a reset starts from zero.

    The gradient is written by hand: no graph per step, and the weights' gradients are one product
    over all steps. It can be taken once.
    """
    with torch.autocast(h_BD.device.type, enabled=False):
        dtype = h_BD.dtype
        given = (gates_BTG.to(dtype), h_BD, memory_BD, *(w.to(dtype) for w in weights))
        scanned: tuple[Tensor, Tensor] = _Scan.apply(reset_BT, *given)  # type: ignore[no-untyped-call]
        return scanned


def gru_memory_loop(
    gates_BTG: Tensor,
    weights: CellWeights,
    h_BD: Tensor,
    memory_BD: Tensor,
    reset_BT: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The same, step by step as the equations stand: the slow twin."""
    outputs = []
    for t in range(gates_BTG.shape[1]):
        if reset_BT is not None:
            keep_B1 = ~reset_BT[:, t, None]
            h_BD, memory_BD = h_BD * keep_B1, memory_BD * keep_B1
        h_BD, memory_BD = gru_memory_step(gates_BTG[:, t], weights, h_BD, memory_BD)
        outputs.append(h_BD)
    return torch.stack(outputs, 1) if outputs else h_BD.unsqueeze(1)[:, :0], memory_BD


def gru_memory_step(
    gates_BG: Tensor, weights: CellWeights, h_BD: Tensor, memory_BD: Tensor
) -> tuple[Tensor, Tensor]:
    """One step: h and M after it."""
    w = weights
    r_x, z_x, n_x = (gates_BG + memory_BD @ w.memory_GD.T).chunk(3, dim=-1)
    r_h, z_h, n_h = (h_BD @ w.recurrent_GD.T + w.recurrent_bias_G).chunk(3, dim=-1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    n = torch.tanh(n_x + r * n_h)
    h_BD = (1 - z) * n + z * h_BD
    written_BK = h_BD @ w.write_KD.T + w.write_bias_K
    p_B1, m_BD = torch.sigmoid(written_BK[:, -1:]), torch.tanh(written_BK[:, :-1])
    return h_BD, (1 - p_B1) * memory_BD + p_B1 * m_BD


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        reset_BT: Tensor | None,
        gates_BTG: Tensor,
        h_BD: Tensor,
        memory_BD: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        w = CellWeights(*weights)
        batch, time, wide = gates_BTG.shape
        dim = wide // 3
        new = h_BD.new_empty
        # Time first: each step reads and writes whole runs of memory. A copy, for it is written to.
        gates_TBG = gates_BTG.transpose(0, 1).clone(memory_format=torch.contiguous_format)
        keep_TB1 = None if reset_BT is None else (~reset_BT).T.to(h_BD.dtype).unsqueeze(-1)
        # Entry 0 is the start, entry t + 1 the state after step t.
        h_SBD, memory_SBD = new(time + 1, batch, dim), new(time + 1, batch, dim)
        h_SBD[0], memory_SBD[0] = h_BD, memory_BD
        hidden_TBG, rz_TBE = new(time, batch, wide), new(time, batch, 2 * dim)
        n_TBD, write_TBK = new(time, batch, dim), new(time, batch, dim + 1)
        recurrent_DG, memory_DG = w.recurrent_GD.T.contiguous(), w.memory_GD.T.contiguous()
        write_DK = w.write_KD.T.contiguous()
        for t in range(time):
            h, memory = h_SBD[t], memory_SBD[t]
            if keep_TB1 is not None:
                h, memory = h * keep_TB1[t], memory * keep_TB1[t]
            hidden, rz, n, written = hidden_TBG[t], rz_TBE[t], n_TBD[t], write_TBK[t]
            torch.addmm(w.recurrent_bias_G, h, recurrent_DG, out=hidden)
            gates = gates_TBG[t].addmm_(memory, memory_DG)
            torch.add(gates[:, : 2 * dim], hidden[:, : 2 * dim], out=rz).sigmoid_()
            torch.addcmul(gates[:, 2 * dim :], rz[:, :dim], hidden[:, 2 * dim :], out=n).tanh_()
            torch.lerp(n, h, rz[:, dim:], out=h_SBD[t + 1])
            torch.addmm(w.write_bias_K, h_SBD[t + 1], write_DK, out=written)
            written[:, :dim].tanh_()
            written[:, dim:].sigmoid_()
            torch.lerp(memory, written[:, :dim], written[:, dim:], out=memory_SBD[t + 1])
        ctx.save_for_backward(keep_TB1, h_SBD, memory_SBD, hidden_TBG, rz_TBE, n_TBD, write_TBK, *w)
        return h_SBD[1:].transpose(0, 1), memory_SBD[time].clone()

    @staticmethod
    def backward(ctx: Any, grad_BTD: Tensor, grad_memory_BD: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast(grad_BTD.device.type, enabled=False):
            return None, *_gradients(ctx.saved_tensors, grad_BTD, grad_memory_BD)


def _gradients(
    saved: tuple[Any, ...], grad_BTD: Tensor, grad_memory_BD: Tensor
) -> tuple[Tensor, ...]:
    """Gradients of gates, first h, first memory and the weights."""
    keep_TB1, h_SBD, memory_SBD, hidden_TBG, rz_TBE, n_TBD, write_TBK, *weights = saved
    w = CellWeights(*weights)
    batch, time, dim = grad_BTD.shape
    before_h, before_memory = h_SBD[:-1], memory_SBD[:-1]
    if keep_TB1 is not None:
        before_h, before_memory = before_h * keep_TB1, before_memory * keep_TB1
    r, z = rz_TBE.split(dim, dim=-1)
    m, p = write_TBK[..., :dim], write_TBK[..., dim:]
    # By what each step multiplies dh or dM, for all steps at once.
    to_n = (1 - z) * (1 - n_TBD * n_TBD)
    to_z = (before_h - n_TBD) * z * (1 - z)
    to_r = hidden_TBG[..., 2 * dim :] * r * (1 - r)
    to_m = p * (1 - m * m)
    to_p = (m - before_memory) * (p * (1 - p))
    kept = 1 - p
    if keep_TB1 is not None:
        kept, z = kept * keep_TB1, z * keep_TB1
    grad_TBD = grad_BTD.transpose(0, 1).contiguous()
    # (r n, r, z, n): the last three are the gates' gradients, the first three the hidden part's.
    d_TBF, d_write_TBK = grad_TBD.new_empty(time, batch, 4 * dim), torch.empty_like(write_TBK)
    recurrent_GD = torch.cat([w.recurrent_GD[2 * dim :], w.recurrent_GD[: 2 * dim]])
    write_KD, memory_GD = w.write_KD.contiguous(), w.memory_GD.contiguous()
    dh, d_memory = torch.zeros_like(grad_TBD[0] if time else grad_memory_BD), grad_memory_BD
    for t in reversed(range(time)):
        d, d_write = d_TBF[t], d_write_TBK[t]
        torch.mul(d_memory, to_m[t], out=d_write[:, :dim])
        torch.sum(d_memory * to_p[t], dim=-1, keepdim=True, out=d_write[:, dim:])
        dh = dh.add_(grad_TBD[t]).addmm_(d_write, write_KD)
        d_n, d_r = d[:, 3 * dim :], d[:, dim : 2 * dim]
        torch.mul(dh, to_n[t], out=d_n)
        torch.mul(dh, to_z[t], out=d[:, 2 * dim : 3 * dim])
        torch.mul(d_n, to_r[t], out=d_r)
        torch.mul(d_n, r[t], out=d[:, :dim])
        into_h, into_memory = d[:, : 3 * dim], d[:, dim:]
        if keep_TB1 is None:
            dh = (dh * z[t]).addmm_(into_h, recurrent_GD)
            d_memory = (d_memory * kept[t]).addmm_(into_memory, memory_GD)
        else:
            dh = torch.addcmul(dh * z[t], into_h @ recurrent_GD, keep_TB1[t])
            d_memory = torch.addcmul(d_memory * kept[t], into_memory @ memory_GD, keep_TB1[t])
    d_NF, d_write_NK = d_TBF.flatten(0, 1), d_write_TBK.flatten(0, 1)
    d_hidden_NG, d_gates_NG = d_NF[:, : 3 * dim], d_NF[:, dim:]
    d_recurrent = d_hidden_NG.T @ before_h.flatten(0, 1)
    d_bias = d_hidden_NG.sum(0)
    return (
        d_TBF[..., dim:].transpose(0, 1),
        dh,
        d_memory,
        torch.cat([d_recurrent[dim:], d_recurrent[:dim]]),
        torch.cat([d_bias[dim:], d_bias[:dim]]),
        d_gates_NG.T @ before_memory.flatten(0, 1),
        d_write_NK.T @ h_SBD[1:].flatten(0, 1),
        d_write_NK.sum(0),
    )
