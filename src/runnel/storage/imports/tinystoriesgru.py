"""Checkpoints of kavyamali/tinystoriesgru: GRU, memory, and attention where there is one."""

# V vocabulary, D model width, W window

import string

import torch
from torch import Tensor

from runnel.data.tokenizers import CharTokenizer
from runnel.errors import InputError
from runnel.mixers.memory import MemoryConfig
from runnel.models.plain import PlainConfig
from runnel.storage.imports.format import Format, Imported, Told
from runnel.storage.imports.vocabulary import Rows, with_end
from runnel.storage.imports.weights import Weights

HEADS, WINDOW = 6, 256
# In the original's order. Its chat programs write the last one with a space before it; the list of
# the training program has single characters only.
CHARACTERS = (
    *("\n", " ", *"!\"#$&'()*+,-./", *string.digits, *":;<>?"),
    *(*string.ascii_uppercase, *string.ascii_lowercase, "|"),
    *("\xad", "\xb4", "\xe9", "\xf1", "\u200a", "\u200b", "\u2013", "\u2014"),
    *("\u2018", "\u2019", "\u201c", "\u201d", "\u2026", "\U0001f393"),
)


def convert(weights: Weights, _: Told) -> Imported:
    """The run's model, weights and tokenizer."""
    vocabulary, dim = weights.shape("token_emb.weight", 2)
    if vocabulary != len(CHARACTERS):
        raise InputError(
            f"{weights.name}: expected the {len(CHARACTERS)} characters of tinystoriesgru; got "
            f"{vocabulary} rows of token_emb.weight, whose characters are in no file"
        )
    attention = "attn.in_proj_weight" in weights.names()
    if attention and dim % HEADS:
        raise InputError(f"{weights.name}: expected a width that {HEADS} heads divide; got {dim}")
    ours = _context(weights, dim) if attention else {}
    places = weights.take("pos_emb.weight", WINDOW, dim)
    if attention:
        ours["mixers.0.context.places.weight"] = places
    read = 2 * dim if attention else dim
    gates = weights.take("gru_cell.weight_ih", 3 * dim, read + dim)
    # Our end token comes first: read as a newline, never written.
    rows = with_end(
        Rows(
            weights.take("token_emb.weight", vocabulary, dim),
            weights.take("head.weight", vocabulary, dim),
            weights.take("head.bias", vocabulary),
        )
    )
    ours |= {
        "mixers.0.inputs.weight": gates[:, :read].contiguous(),
        "mixers.0.recall.weight": gates[:, read:].contiguous(),
        "mixers.0.inputs.bias": weights.take("gru_cell.bias_ih", 3 * dim),
        "mixers.0.recurrent.weight": weights.take("gru_cell.weight_hh", 3 * dim, dim),
        "mixers.0.recurrent.bias": weights.take("gru_cell.bias_hh", 3 * dim),
        "mixers.0.priority.weight": weights.take("priority_gate.weight", 1, dim),
        "mixers.0.priority.bias": weights.take("priority_gate.bias", 1),
        "mixers.0.writer.weight": weights.take("memory_writer.weight", dim, dim),
        "mixers.0.writer.bias": weights.take("memory_writer.bias", dim),
        "norm.weight": weights.take("ln_f.weight", dim),
        "norm.bias": weights.take("ln_f.bias", dim),
        **rows.named(),
    }
    weights.finish()
    mixer = MemoryConfig(dim=dim, attention=attention, heads=HEADS if attention else 0)
    notes: tuple[str, ...] = (
        "An end token was added: read as a newline, never written.",
        "Characters outside its alphabet are read as a space.",
    )
    if not attention:
        notes += ("Its position embedding is left out, as its published loss was measured.",)
    return Imported(
        PlainConfig(vocab_size=vocabulary + 1, dim=dim, mixer=mixer),
        ours,
        CharTokenizer(CHARACTERS, unknown=" "),
        notes,
    )


def _context(weights: Weights, dim: int) -> dict[str, Tensor]:
    mask = weights.take("tril", WINDOW, WINDOW)
    if not torch.equal(mask, torch.ones_like(mask).tril()):
        raise InputError(f"{weights.name}: expected a causal mask in tril; got another")
    return {
        "mixers.0.context.inputs.weight": weights.take("attn.in_proj_weight", 3 * dim, dim),
        "mixers.0.context.inputs.bias": weights.take("attn.in_proj_bias", 3 * dim),
        "mixers.0.context.output.weight": weights.take("attn.out_proj.weight", dim, dim),
        "mixers.0.context.output.bias": weights.take("attn.out_proj.bias", dim),
    }


FORMAT = Format("tinystoriesgru", "kavyamali/tinystoriesgru", convert)
