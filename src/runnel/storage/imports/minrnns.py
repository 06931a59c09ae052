"""Models of the minRNNs release (BorealisAI/minRNNs): minGRU or minLSTM on tasks of few tokens.

Its program saves a checkpoint of everything; the file wanted here is that one's entry `model`
alone. What the tokens stand for is in no file, nor whether a minLSTM's gates were divided by their
sum (use_coeff_norm): the user says so.
"""

# V vocabulary, D model width, E inner width, F hidden width

import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.errors import InputError
from runnel.mixers.mingru import MinGRUConfig
from runnel.mixers.minlstm import MinLSTMConfig
from runnel.models.stack import BlockConfig, StackConfig
from runnel.storage.imports.convolution import take_convolution, take_taps
from runnel.storage.imports.format import Format, Imported, Told
from runnel.storage.imports.vocabulary import NEVER, Rows, fitted
from runnel.storage.imports.vocabulary import told as known
from runnel.storage.imports.weights import Weights


def convert(weights: Weights, told: Told) -> Imported:
    """The run's model, weights and tokenizer."""
    if any(".norm.running_mean" in name for name in weights.names()):
        raise InputError(
            f"{weights.name}: expected a model with norm_type RMSNorm; got one with BatchNorm, "
            "which looks at other positions"
        )
    vocabulary, dim = weights.shape("token_emb.weight", 2)
    tokenizer = known(told.tokenizer, vocabulary, weights.name)
    layers = weights.count("layers.")
    inner = weights.shape("layers.0.2.to_out.weight", 2)[1]
    wide, _ = weights.shape("layers.0.2.to_hidden_and_gate.weight", 2)
    lstm = wide == 3 * inner
    if lstm and not told.normalized:
        raise InputError(
            f"{weights.name}: expected --normalized for a minLSTM trained with use_coeff_norm; got "
            "one whose gates may not have been divided by their sum, which ours are"
        )
    parts, taps = 3 if lstm else 2, take_taps(weights, layers)
    start = "layers.0.2.init_hidden_state" in weights.names()
    channels = "layers.0.4.0.weight" in weights.names()
    hidden = weights.shape("layers.0.4.0.weight", 2)[0] // 2 if channels else 1
    ours: dict[str, Tensor] = {}
    for i in range(layers):
        theirs, block = f"layers.{i}", f"blocks.{i}"
        if taps:
            ours |= take_convolution(weights, f"{theirs}.0", block, taps, dim)
        ours[f"{block}.mixer_norm.weight"] = 1 + weights.take(f"{theirs}.1.gamma", dim)
        ours |= {
            f"{block}.mixer.{name}": part
            for name, part in _mixer(weights, f"{theirs}.2", parts, inner, dim, start).items()
        }
        ours[f"{block}.feedforward_norm.weight"] = 1 + weights.take(f"{theirs}.3.gamma", dim)
        ours |= {
            f"{block}.feedforward.{name}": part
            for name, part in (
                _channels(weights, f"{theirs}.4", hidden, dim) if channels else _nothing(dim)
            ).items()
        }
    ours["norm.weight"] = 1 + weights.take("norm.gamma", dim)
    rows = _rows(weights, vocabulary, dim)
    weights.finish()
    made, notes = fitted(rows, tokenizer, weights.name)
    kind: type[MinGRUConfig] | type[MinLSTMConfig] = MinLSTMConfig if lstm else MinGRUConfig
    config = StackConfig(
        vocab_size=tokenizer.vocab_size,
        dim=dim,
        layers=layers,
        mixers=(kind(dim=dim, expansion=inner / dim, learned_start=start),),
        block=BlockConfig(
            convolution=taps,
            pointwise=taps > 0,
            residual=taps > 0,
            feedforward="gated-gelu",
            expansion=hidden / dim,
        ),
    )
    if not channels:
        notes += ("Its blocks have no feed-forward part; ours have one that adds nothing.",)
    return Imported(config, ours | made.named(), tokenizer, notes)


def _mixer(
    weights: Weights, theirs: str, parts: int, inner: int, dim: int, start: bool
) -> dict[str, Tensor]:
    """Candidate first in theirs, last in ours; their first state is kept before its g."""
    matrices = weights.take(f"{theirs}.to_hidden_and_gate.weight", parts * inner, dim).chunk(parts)
    biases = weights.take(f"{theirs}.to_hidden_and_gate.bias", parts * inner).chunk(parts)
    ours = {
        "inputs.weight": torch.cat([*matrices[1:], matrices[0]]),
        "inputs.bias": torch.cat([*biases[1:], biases[0]]),
        "output.weight": weights.take(f"{theirs}.to_out.weight", dim, inner),
        "output.bias": weights.take(f"{theirs}.to_out.bias", dim),
    }
    if start:
        u_E = weights.take(f"{theirs}.init_hidden_state", inner)
        ours["start_E"] = torch.where(u_E >= 0, u_E + 0.5, torch.sigmoid(u_E))
    return ours


def _channels(weights: Weights, theirs: str, hidden: int, dim: int) -> dict[str, Tensor]:
    """A gated linear unit, gate last; its factors on the hidden width go into the matrix after."""
    value, gate = weights.take(f"{theirs}.0.weight", 2 * hidden, dim).chunk(2)
    value_bias, gate_bias = weights.take(f"{theirs}.0.bias", 2 * hidden).chunk(2)
    factors_F = weights.take(f"{theirs}.1.mult_bias", hidden)
    return {
        "inputs.weight": torch.cat([gate, value]),
        "inputs.bias": torch.cat([gate_bias, value_bias]),
        "output.weight": weights.take(f"{theirs}.2.weight", dim, hidden) * factors_F,
        "output.bias": weights.take(f"{theirs}.2.bias", dim),
    }


def _nothing(dim: int) -> dict[str, Tensor]:
    return {
        "inputs.weight": torch.zeros(2, dim),
        "inputs.bias": torch.zeros(2),
        "output.weight": torch.zeros(dim, 1),
        "output.bias": torch.zeros(dim),
    }


def _rows(weights: Weights, vocabulary: int, dim: int) -> Rows:
    """A head may have fewer rows than there are tokens: the last ones are only ever read."""
    written, _ = weights.shape("to_out.weight", 2)
    if written > vocabulary:
        raise InputError(
            f"{weights.name}: expected to_out.weight of at most {vocabulary} rows, one a token; "
            f"got {written}"
        )
    head = weights.take("to_out.weight", written, dim)
    silent = vocabulary - written
    return Rows(
        weights.take("token_emb.weight", vocabulary, dim),
        F.pad(head, (0, 0, 0, silent)),
        F.pad(torch.zeros(written), (0, silent), value=NEVER),
    )


FORMAT = Format("minrnns", "BorealisAI/minRNNs", convert, ("tokenizer", "normalized"))
