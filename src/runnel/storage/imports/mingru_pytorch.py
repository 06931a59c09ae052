"""Language models of the package minGRU-pytorch (lucidrains): minGRU or minLSTM, bytes."""

import torch
from torch import Tensor

from runnel.data.tokenizers import ByteTokenizer
from runnel.errors import InputError
from runnel.mixers.mingru import MinGRUConfig
from runnel.mixers.minlstm import MinLSTMConfig
from runnel.models.stack import BlockConfig, StackConfig
from runnel.storage.imports.convolution import take_convolution, take_taps
from runnel.storage.imports.format import Format, Imported, Told
from runnel.storage.imports.vocabulary import Rows, fitted
from runnel.storage.imports.weights import Weights


def convert(weights: Weights, told: Told) -> Imported:
    """The run's model, weights and tokenizer."""
    vocabulary, dim = weights.shape("token_emb.weight", 2)
    tokenizer = told.tokenizer or ByteTokenizer()
    layers = weights.count("layers.")
    lstm = "layers.0.2.to_hidden_and_f_i_gate.weight" in weights.names()
    parts = 3 if lstm else 2
    read = "to_hidden_and_f_i_gate" if lstm else "to_hidden_and_gate"
    wide, _ = weights.shape(f"layers.0.2.{read}.weight", 2)
    inner, hidden = wide // parts, weights.shape("layers.0.4.0.weight", 2)[0]
    project = "layers.0.2.to_out.weight" in weights.names()
    taps = take_taps(weights, layers)
    ours: dict[str, Tensor] = {}
    for i in range(layers):
        theirs, block = f"layers.{i}", f"blocks.{i}"
        if taps:
            ours |= take_convolution(weights, f"{theirs}.0", block, taps, dim)
        projections = weights.take(f"{theirs}.2.{read}.weight", parts * inner, dim)
        candidate, *gates = projections.chunk(parts)
        ours[f"{block}.mixer.inputs.weight"] = torch.cat([*gates, candidate])
        ours[f"{block}.mixer.inputs.bias"] = torch.zeros(parts * inner)
        if project:
            output = weights.take(f"{theirs}.2.to_out.weight", dim, inner)
            ours[f"{block}.mixer.output.weight"] = output
            ours[f"{block}.mixer.output.bias"] = torch.zeros(dim)
        ours[f"{block}.mixer_norm.weight"] = _norm(weights, f"{theirs}.1", dim)
        ours[f"{block}.feedforward_norm.weight"] = _norm(weights, f"{theirs}.3", dim)
        for name, place, rows, columns in (("inputs", 0, hidden, dim), ("output", 2, dim, hidden)):
            matrix = weights.take(f"{theirs}.4.{place}.weight", rows, columns)
            ours[f"{block}.feedforward.{name}.weight"] = matrix
            ours[f"{block}.feedforward.{name}.bias"] = weights.take(
                f"{theirs}.4.{place}.bias", rows
            )
    ours["norm.weight"] = _norm(weights, "norm", dim)
    rows_found = Rows(
        weights.take("token_emb.weight", vocabulary, dim),
        weights.take("to_logits.weight", vocabulary, dim),
        torch.zeros(vocabulary),
    )
    weights.finish()
    made, notes = fitted(rows_found, tokenizer, weights.name)
    if not project and inner != dim:
        raise InputError(f"{weights.name}: expected to_out where the inner width is not {dim}")
    kind: type[MinGRUConfig] | type[MinLSTMConfig] = MinLSTMConfig if lstm else MinGRUConfig
    mixer = kind(dim=dim, expansion=inner / dim, project=project)
    block_config = BlockConfig(
        convolution=taps,
        pointwise=taps > 0,
        residual=taps > 0,
        feedforward="gelu",
        expansion=hidden / dim,
    )
    config = StackConfig(
        vocab_size=tokenizer.vocab_size,
        dim=dim,
        layers=layers,
        mixers=(mixer,),
        block=block_config,
    )
    if isinstance(tokenizer, ByteTokenizer):
        notes += ("It reads NUL as the end of a text.",)
    return Imported(config, ours | made.named(), tokenizer, notes)


def _norm(weights: Weights, name: str, dim: int) -> Tensor:
    """A gain; releases before 0.1 stored its distance from one, as gamma."""
    if f"{name}.gamma" in weights.names():
        return 1 + weights.take(f"{name}.gamma", dim)
    return weights.take(f"{name}.weight", dim)


FORMAT = Format("mingru-pytorch", "lucidrains/minGRU-pytorch", convert, ("tokenizer",))
