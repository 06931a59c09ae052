"""Tokens of somebody else's weights: rows of an embedding and a head, made to fit a tokenizer."""

# V vocabulary, D model width

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.data.tokenizers import BPETokenizer, CharTokenizer, Tokenizer, make_tokenizer
from runnel.errors import InputError

NEVER = -1e4
"""a logit whose probability is zero"""
_PADDING = 128


class Rows(NamedTuple):
    """What a model reads and writes tokens by."""

    table_VD: Tensor
    head_VD: Tensor
    bias_V: Tensor

    def named(self) -> dict[str, Tensor]:
        """The rows under the names of our models."""
        names = ("embedding.weight", "head.weight", "head.bias")
        return dict(zip(names, self, strict=True))


def named_tokenizer(name: str) -> Tokenizer:
    """The tokenizer byte, gpt2:DIR, or char:CHARACTERS, one for each token; else InputError."""
    kind, _, rest = name.partition(":")
    if kind == "char" and rest:
        return CharTokenizer(rest)
    if kind == "gpt2" or name == "byte":
        return make_tokenizer(name, tuple)
    raise InputError(
        f"expected the tokenizer byte, gpt2:DIR or char:CHARACTERS (a character for each token, in "
        f"their order); got {name[:80]!r}"
    )


def fitted(rows: Rows, tokenizer: Tokenizer, file: str) -> tuple[Rows, tuple[str, ...]]:
    """The rows of the tokenizer's tokens, and what was done to them; InputError if they differ.

    A vocabulary of characters gets an end token. One of byte pairs may have been padded to a
    multiple of up to 128, by rows that stand for nothing.
    """
    vocabulary, wanted = len(rows.table_VD), tokenizer.vocab_size
    if vocabulary == wanted:
        return rows, ()
    if isinstance(tokenizer, CharTokenizer) and vocabulary == wanted - 1:
        note = f"An end token was added: read as {tokenizer.characters[0]!r}, never written."
        return with_end(rows), (note,)
    surplus = vocabulary - wanted
    if isinstance(tokenizer, BPETokenizer) and 0 < surplus < _PADDING:
        note = f"{surplus} rows of its embedding beyond the tokenizer's {wanted:,} were left out."
        return Rows(*(part[:wanted] for part in rows)), (note,)
    theirs = wanted - isinstance(tokenizer, CharTokenizer)
    raise InputError(
        f"{file}: expected the {theirs:,} tokens of the tokenizer {tokenizer.name}; got "
        f"{vocabulary:,} rows in its embedding; name the tokenizer that it was trained with"
    )


def with_end(rows: Rows) -> Rows:
    """With our end token as the first: read as the next one, never written."""
    return Rows(
        torch.cat([rows.table_VD[:1], rows.table_VD]),
        F.pad(rows.head_VD, (0, 0, 1, 0)),
        F.pad(rows.bias_V, (1, 0), value=NEVER),
    )


def told(tokenizer: Tokenizer | None, vocabulary: int, file: str) -> Tokenizer:
    """The tokenizer that was named; InputError where none was."""
    if tokenizer is None:
        raise InputError(
            f"{file}: expected --tokenizer byte, gpt2:DIR or char:CHARACTERS for its "
            f"{vocabulary:,} tokens, whose meaning is not in the file; got none"
        )
    return tokenizer
