"""Language models of flash-linear-attention's HGRN: real states, RMSNorm, a gated linear unit.

Each HGRU adds SiLU(i) (1 - λ) to λ h, λ being above its layer's bound; h is normalised, then gated.
"""

# V vocabulary, D model width, E inner width, F hidden width, L layers

import torch
from torch import Tensor

from runnel.errors import InputError
from runnel.mixers.hgrn import HGRNConfig
from runnel.models.stack import BlockConfig, StackConfig
from runnel.storage.imports.format import Format, Imported, Told
from runnel.storage.imports.vocabulary import Rows, fitted
from runnel.storage.imports.vocabulary import told as known
from runnel.storage.imports.weights import Weights

_EPSILON = 1e-6  # of all its norms, by the package's defaults; no file of weights says


def convert(weights: Weights, told: Told) -> Imported:
    """The run's model, weights and tokenizer."""
    vocabulary, dim = weights.shape("model.embeddings.weight", 2)
    tokenizer = known(told.tokenizer, vocabulary, weights.name)
    layers = weights.count("model.layers.")
    for name in ("f_conv1d", "i_conv1d"):
        if f"model.layers.0.attn.{name}.weight" in weights.names():
            raise InputError(
                f"{weights.name}: expected a model without short convolutions on its gates "
                f"(use_short_conv=False); got one with {name}"
            )
    inner, _ = weights.shape("model.layers.0.attn.i_proj.weight", 2)
    hidden, _ = weights.shape("model.layers.0.mlp.gate_proj.weight", 2)
    bounds_LE = weights.take("model.lower_bounds", layers, inner)
    # γ of a layer is the sum of P over the layers 1 to its own there, before its own here.
    ours = {"shared.hgrn-0.logits_LE": bounds_LE.roll(-1, 0)}
    for i in range(layers):
        theirs, block = f"model.layers.{i}", f"blocks.{i}"
        ours |= {f"{block}.{n}": p for n, p in _block(weights, theirs, dim, inner, hidden).items()}
    ours["norm.weight"] = weights.take("model.norm.weight", dim)
    table_VD = weights.take("model.embeddings.weight", vocabulary, dim)
    tied = "lm_head.weight" not in weights.names()
    head_VD = table_VD if tied else weights.take("lm_head.weight", vocabulary, dim)
    weights.finish()
    rows, notes = fitted(Rows(table_VD, head_VD, torch.zeros(vocabulary)), tokenizer, weights.name)
    mixer = HGRNConfig(
        dim=dim,
        expansion=inner / dim,
        state="real",
        order="norm-then-gate",
        norm="rms",
        epsilon=_EPSILON,
    )
    config = StackConfig(
        vocab_size=tokenizer.vocab_size,
        dim=dim,
        layers=layers,
        mixers=(mixer,),
        block=BlockConfig(
            convolution=0, feedforward="gated", expansion=hidden / dim, epsilon=_EPSILON
        ),
    )
    return Imported(config, ours | rows.named(), tokenizer, notes)


def _block(weights: Weights, theirs: str, dim: int, inner: int, hidden: int) -> dict[str, Tensor]:
    projections = [
        weights.take(f"{theirs}.attn.{name}_proj.weight", inner, dim) for name in ("f", "i", "g")
    ]
    gate, value = (
        weights.take(f"{theirs}.mlp.{name}_proj.weight", hidden, dim) for name in ("gate", "up")
    )
    return {
        "mixer_norm.weight": weights.take(f"{theirs}.attn_norm.weight", dim),
        "mixer.inputs.weight": torch.cat(projections),
        "mixer.inputs.bias": torch.zeros(3 * inner),
        "mixer.norm.weight": weights.take(f"{theirs}.attn.g_norm.weight", inner),
        "mixer.output.weight": weights.take(f"{theirs}.attn.o_proj.weight", dim, inner),
        "mixer.output.bias": torch.zeros(dim),
        "feedforward_norm.weight": weights.take(f"{theirs}.mlp_norm.weight", dim),
        "feedforward.inputs.weight": torch.cat([gate, value]),
        "feedforward.inputs.bias": torch.zeros(2 * hidden),
        "feedforward.output.weight": weights.take(f"{theirs}.mlp.down_proj.weight", dim, hidden),
        "feedforward.output.bias": torch.zeros(dim),
    }


FORMAT = Format("hgrn", "fla-org/flash-linear-attention", convert, ("tokenizer",))
