"""Corpora, tokenizers, packing, and loaders whose position can be saved."""
