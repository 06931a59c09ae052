"""The spectral radius of a matrix: how much it grows what is fed through it again and again."""

import torch
from torch import Tensor


def spectral_radius(matrix_DD: Tensor, doublings: int = 10) -> Tensor:
    """The power iteration on all vectors at once: |A^k|^(1/k) with k = 2^doublings, by squaring.

    In the Frobenius norm it is never below the largest |eigenvalue| (Gelfand 1941), however many
    share it and whether or not they are complex, and comes as near as (D |V| |V^-1|)^(1/k), V being
    the eigenvectors. No gradient goes through it.
    """
    with torch.no_grad():
        power = matrix_DD.detach().to(torch.promote_types(matrix_DD.dtype, torch.float32))
        log_radius = power.new_zeros(())
        for i in range(doublings + 1):
            norm = power.norm()
            log_radius = log_radius + norm.log() / 2**i
            power = power / norm.clamp(min=torch.finfo(power.dtype).tiny)
            power = power @ power
        return log_radius.exp()
