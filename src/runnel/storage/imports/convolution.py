"""The convolution of minGRU-pytorch and minRNNs: depthwise, then pointwise, added to the stream."""

# D model width, K taps

import torch
from torch import Tensor

from runnel.errors import InputError
from runnel.storage.imports.weights import Weights


def take_taps(weights: Weights, layers: int) -> int:
    """How many taps the convolutions have; 0: there are none. InputError where some have none."""
    name = "layers.{}.0.net.0.weight"
    found = [name.format(i) in weights.names() for i in range(layers)]
    if any(found) and not all(found):
        raise InputError(
            f"{weights.name}: expected {name.format(found.index(False))} beside the convolutions "
            "of the other layers; it is missing"
        )
    return weights.shape(name.format(0), 3)[2] if any(found) else 0


def take_convolution(
    weights: Weights, theirs: str, block: str, taps: int, dim: int
) -> dict[str, Tensor]:
    """Our names; the depthwise bias goes through the pointwise layer into that one's bias."""
    filter_D1K = weights.take(f"{theirs}.net.0.weight", dim, 1, taps)
    bias_D = weights.take(f"{theirs}.net.0.bias", dim)
    weight_DD = weights.take(f"{theirs}.net.1.weight", dim, dim, 1).squeeze(2)
    after_D = weights.take(f"{theirs}.net.1.bias", dim)
    return {
        # Theirs is a correlation whose last tap meets the present.
        f"{block}.taps_KD": filter_D1K.squeeze(1).T.flip(0).contiguous(),
        f"{block}.pointwise.weight": weight_DD.contiguous(),
        f"{block}.pointwise.bias": torch.addmv(after_D, weight_DD, bias_D),
    }
