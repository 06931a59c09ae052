"""Tokenizers: text to tokens and back, with one token that ends a text."""

from runnel.data.tokenizers.bpe import BPETokenizer, read_gpt2, train_bpe
from runnel.data.tokenizers.bytes import ByteTokenizer
from runnel.data.tokenizers.characters import CharTokenizer
from runnel.data.tokenizers.contract import Decoder, Tokenizer, Tokens
from runnel.data.tokenizers.plain import (
    make_tokenizer,
    read_tokenizer,
    tokenizer_from_plain,
    tokenizer_hash,
)

__all__ = [
    "BPETokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "Decoder",
    "Tokenizer",
    "Tokens",
    "make_tokenizer",
    "read_gpt2",
    "read_tokenizer",
    "tokenizer_from_plain",
    "tokenizer_hash",
    "train_bpe",
]
