"""HGRN along every axis of a grid, for images: it looks to all sides, so it is no `Mixer`."""

# B batch, D model width, E inner width, H rows, W columns, C colours, K classes, P side of a patch

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from runnel.mixers.hgrn import HGRN, HGRNConfig
from runnel.models.feedforward import FeedForward


class GridHGRN(nn.Module):
    """The states of HGRU along each axis, forward and backward, summed, then gated and normalised.

    Each output depends on inputs behind it and before it. That breaks the law of causality, and
    there is no state to carry: the module is made of an `HGRN` and stands outside the registry. One
    axis is a bidirectional layer for sequences, two axes are one for images. Both ways share all
    weights but the angles, as in the released 2-D code (Qin et al. 2023, section 3 and appendix).
    """

    def __init__(self, mixer: HGRN, *, bidirectional: bool = True) -> None:
        super().__init__()
        self.mixer, self.bidirectional = mixer, bidirectional
        self.theta_back_E = None
        if bidirectional and mixer.theta_E is not None:
            self.theta_back_E = nn.Parameter(mixer.theta_E.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, length, D), (B, H, W, D) or more axes to the same shape."""
        forget, candidate, gate = self.mixer.projected(x)
        total = torch.zeros_like(candidate)
        for axis in range(1, x.ndim - 1):
            f, c = forget.movedim(axis, -2), candidate.movedim(axis, -2)
            states = self._scan(f, c, self.mixer.theta_E)
            if self.bidirectional:
                states = states + self._scan(f.flip(-2), c.flip(-2), self.theta_back_E).flip(-2)
            total = total + states.movedim(-2, axis)
        return self.mixer.read_out(total, gate)

    def _scan(self, forget: Tensor, candidate: Tensor, theta_E: Tensor | None) -> Tensor:
        """The states from zero along the last axis but one."""
        lines = forget.shape[:-2]
        forget_BTE, candidate_BTF = forget.flatten(0, -3), candidate.flatten(0, -3)
        start = self.mixer.init_state(len(forget_BTE)).h_BER
        states, _ = self.mixer.scan(forget_BTE, candidate_BTF, theta_E, start)
        return states.unflatten(0, lines).to(candidate.dtype)


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """A classifier of images made of `GridHGRN` and gated linear units."""

    hgrn: HGRNConfig
    """the token mixers; their dim is the model's"""
    layers: int = 6
    """number of blocks"""
    patch: int = 4
    """side P of the squares that become tokens (pixels); it divides the image's sides"""
    channels: int = 3
    """colours C"""
    classes: int = 10
    """number of classes K"""
    bidirectional: bool = True
    """scan each axis both ways"""
    expansion: float = 2.0
    """hidden width of the gated linear unit as a multiple of dim"""

    def __post_init__(self) -> None:
        if min(self.layers, self.patch, self.channels, self.classes) < 1 or self.expansion <= 0:
            raise ValueError(
                "images want layers, patch, channels and classes of at least 1 and expansion above "
                f"0; got {self.layers}, {self.patch}, {self.channels}, {self.classes} and "
                f"{self.expansion}"
            )

    def build(self) -> "ImageClassifier":
        """Make the classifier with fresh weights."""
        return ImageClassifier(self)


class ImageClassifier(nn.Module):
    """Patches, blocks whose lower bounds rise with depth, norm, mean over all places, classes.

    The sum over axes does not tell rows from columns: only patches of more than a pixel do.
    """

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.hgrn.dim
        self.patches = nn.Conv2d(config.channels, dim, config.patch, stride=config.patch)
        mixers, self.bounds = config.hgrn.build_layers(config.layers)
        both = config.bidirectional
        self.mixers = nn.ModuleList(GridHGRN(m, bidirectional=both) for m in mixers)
        hidden = round(config.expansion * dim)
        self.channels = nn.ModuleList(FeedForward(dim, hidden, "gated") for _ in mixers)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2 * len(mixers)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, config.classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Logits (B, K)."""
        x_BHWD = self.patches(images_BCHW).permute(0, 2, 3, 1)
        branches = [m for pair in zip(self.mixers, self.channels, strict=True) for m in pair]
        for norm, branch in zip(self.norms, branches, strict=True):
            x_BHWD = x_BHWD + branch(norm(x_BHWD))
        return self.head(self.norm(x_BHWD).mean((1, 2)))
