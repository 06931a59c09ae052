"""Muon: orthogonalised momentum (Jordan et al. 2024; scale of Liu et al. 2025, arXiv 2502.16982).

The same update as `torch.optim.Muon(adjust_lr_fn="match_rms_adamw")`, which always orthogonalises
in bfloat16 and matrix by matrix. Here the format is the caller's choice, equal shapes share one
batched product, and wide matrices are orthogonalised through their small Gram matrix.
"""

# N matrices of one shape, R rows and C columns of the wide orientation, R <= C

import math
from collections.abc import Mapping

import torch
from torch import Tensor

_A, _B, _C = 3.4445, -4.7750, 2.0315
_STEPS = 5
_EPSILON = 1e-7


def orthogonalize(x_NRC: Tensor) -> Tensor:
    """Newton-Schulz: each matrix with its singular values moved to about one; R <= C.

    Five steps of X <- a X + b (X X') X + c (X X')² X from X / |X|, in the format of the input.
    """
    x_NRC = x_NRC / x_NRC.norm(dim=(-2, -1), keepdim=True).clamp(min=_EPSILON)
    rows, columns = x_NRC.shape[-2:]
    if x_NRC.dtype != torch.bfloat16 and columns > 1.5 * rows:
        return _through_gram(x_NRC)
    for _ in range(_STEPS):
        gram_NRR = x_NRC @ x_NRC.mT
        update_NRR = torch.baddbmm(gram_NRR, gram_NRR, gram_NRR, beta=_B, alpha=_C)
        x_NRC = torch.baddbmm(x_NRC, update_NRR, x_NRC, beta=_A)
    return x_NRC


def _through_gram(x_NRC: Tensor) -> Tensor:
    """The same five steps with only two products as wide as X.

    With G = X X', a step is X <- P X with P = a I + b G + c G²; all P commute with G, so that
    G <- G P P follows without X. Needs float32: what rounding puts into G's smallest eigenvalues
    grows by a² a step, to 1e-4 of the result after five.
    """
    gram_NRR = x_NRC @ x_NRC.mT
    product_NRR = None
    for step in range(_STEPS):
        p_NRR = torch.baddbmm(gram_NRR, gram_NRR, gram_NRR, beta=_B, alpha=_C)
        p_NRR.diagonal(dim1=-2, dim2=-1).add_(_A)
        product_NRR = p_NRR if product_NRR is None else p_NRR @ product_NRR
        if step < _STEPS - 1:
            gram_NRR = (gram_NRR @ p_NRR) @ p_NRR
    assert product_NRR is not None
    return product_NRR @ x_NRC


class Muon:
    """One momentum per matrix, kept batched by shape; `step` reads `.grad` as any optimizer."""

    def __init__(
        self,
        matrices: Mapping[str, Tensor],
        *,
        momentum: float,
        weight_decay: float,
        dtype: torch.dtype,
    ) -> None:
        self.momentum, self.weight_decay, self.dtype = momentum, weight_decay, dtype
        groups: dict[tuple[object, ...], list[str]] = {}
        for name, matrix in matrices.items():
            if matrix.ndim != 2:
                raise ValueError(f"Muon wants matrices; {name} has shape {tuple(matrix.shape)}")
            key = (min(matrix.shape), max(matrix.shape), matrix.device, matrix.dtype)
            groups.setdefault(key, []).append(name)
        self._groups = [{name: matrices[name] for name in names} for names in groups.values()]
        self._momenta_NRC = [
            torch.stack([_wide(m.detach()) for m in group.values()]).zero_()
            for group in self._groups
        ]

    @torch.no_grad()
    def step(self, learning_rate: float, gate: Tensor | None = None) -> None:
        """Move every matrix against its orthogonalised momentum (Nesterov's form).

        With a gate, one truth value, nothing moves where it is false, whatever the gradients hold.
        """
        keep: float | Tensor = 1 - learning_rate * self.weight_decay
        if gate is not None:
            keep = torch.where(gate, keep, 1.0)
        for group, momentum_NRC in zip(self._groups, self._momenta_NRC, strict=True):
            grads = [m.grad if m.grad is not None else torch.zeros_like(m) for m in group.values()]
            grad_NRC = torch.stack([_wide(grad) for grad in grads])
            if gate is not None:
                # A momentum that moves towards itself stays.
                grad_NRC = torch.where(gate, grad_NRC, momentum_NRC)
            momentum_NRC.lerp_(grad_NRC, 1 - self.momentum)
            ahead_NRC = grad_NRC.lerp_(momentum_NRC, self.momentum)
            update_NRC = orthogonalize(ahead_NRC.to(self.dtype)).to(momentum_NRC.dtype)
            if gate is not None:
                update_NRC = torch.where(gate, update_NRC, 0.0)
            matrices = list(group.values())
            updates = [
                u if m.shape[0] <= m.shape[1] else u.mT
                for m, u in zip(matrices, update_NRC.unbind(), strict=True)
            ]
            scale = 0.2 * math.sqrt(max(matrices[0].shape))
            torch._foreach_mul_(matrices, keep)
            torch._foreach_add_(matrices, updates, alpha=-learning_rate * scale)

    def momenta(self) -> dict[str, Tensor]:
        """Each matrix's momentum by name, as the matrix lies; views, to read or to fill."""
        return {
            name: m if matrix.shape[0] <= matrix.shape[1] else m.mT
            for group, stack in zip(self._groups, self._momenta_NRC, strict=True)
            for (name, matrix), m in zip(group.items(), stack.unbind(), strict=True)
        }


def _wide(matrix: Tensor) -> Tensor:
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT
