"""Corpora, tokenizers, packing, and loaders whose position can be saved."""

from runnel.data.config import DataConfig
from runnel.data.corpus import Corpus, open_corpus, open_stream
from runnel.data.documents import Document
from runnel.data.loader import Batch, Loader, sequential
from runnel.data.sources import CORPORA, NamedCorpus, read_documents
from runnel.data.stream import TokenStream, make_stream
from runnel.data.tokenizers import (
    BPETokenizer,
    ByteTokenizer,
    CharTokenizer,
    Decoder,
    Tokenizer,
    tokenizer_from_plain,
)

__all__ = [
    "CORPORA",
    "BPETokenizer",
    "Batch",
    "ByteTokenizer",
    "CharTokenizer",
    "Corpus",
    "DataConfig",
    "Decoder",
    "Document",
    "Loader",
    "NamedCorpus",
    "TokenStream",
    "Tokenizer",
    "make_stream",
    "open_corpus",
    "open_stream",
    "read_documents",
    "sequential",
    "tokenizer_from_plain",
]
