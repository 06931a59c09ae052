"""Byte-level BPE as in GPT-2 (Radford et al. 2019): trained on a text, or GPT-2's own merges."""

# V vocabulary size, N tokens

import importlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from runnel import files, strict_json
from runnel.data.tokenizers.bytes import PieceDecoder
from runnel.data.tokenizers.contract import (
    FORMAT,
    Decoder,
    Tokenizer,
    Tokens,
    checked,
    encoded,
    frozen,
    refuse_nul,
)
from runnel.data.tokenizers.merges import (
    LONGEST,
    MOST_MERGES,
    ORDER,
    SYMBOLS,
    Merges,
    merges_of_symbols,
)
from runnel.data.tokenizers.store import WordStore
from runnel.data.tokenizers.words import pieces, word_starts
from runnel.errors import InputError

_VOCABULARY, _MERGES = "encoder.json", "vocab.bpe"
_END_OF_TEXT = "<|endoftext|>"


@final
class BPETokenizer(Tokenizer):
    """Words of a text fall into pieces that were frequent; any text can be read.

    The numbers are GPT-2's: 256 bytes, the merges in order, and the end of a text last. The end
    token is never found in a text: `<|endoftext|>` spelled out reads as any other text.
    """

    def __init__(self, merges: Merges) -> None:
        self.name = "bpe"
        self.merges = merges
        self.end = len(merges.pieces)
        self.vocab_size = self.end + 1
        self.token_bytes_V = frozen(np.array([*map(len, merges.pieces), 1], dtype=np.int64))
        self._pieces_V = [*merges.pieces, b"\0"]
        self._store = WordStore(self._tokens_of)

    def encode(self, text: str) -> Tokens:
        """The tokens of a text; NUL and lone surrogates are refused."""
        refuse_nul(text)
        return self.encode_joined(text)

    def encode_joined(self, text: str) -> Tokens:
        """The tokens of texts joined by NUL."""
        encoded(text)
        found = []
        for piece in pieces(text):
            _, starts_W = word_starts(piece)
            found.append(self._store.tokens(piece.encode(), starts_W, self.dtype))
        return np.concatenate(found)

    def decode(self, tokens: Sequence[int] | npt.NDArray[Any]) -> str:
        """The text of some tokens, broken UTF-8 replaced."""
        pieces_V = self._pieces_V
        data = b"".join([pieces_V[t] for t in checked(tokens, self.vocab_size).tolist()])
        return data.decode("utf-8", "replace").replace("\0", "")

    def decoder(self) -> Decoder:
        """A decoder that holds back the bytes of an unfinished character."""
        return PieceDecoder(self._pieces_V)

    def to_plain(self) -> dict[str, Any]:
        """What tokenizer.json holds."""
        return {"format": FORMAT, "type": "bpe", "merges": self.merges.lines()}

    def _tokens_of(self, word: bytes) -> list[int]:
        return [self.end] if word == b"\0" else self.merges.apply(word)


def train_bpe(texts: Iterable[str], vocab_size: int) -> BPETokenizer:
    """The tokenizer of the most frequent merges of some texts; fewer where the texts have no more.

    Trained by the `tokenizers` library.
    """
    least, most = 257, 257 + MOST_MERGES
    if not least <= vocab_size <= most:
        raise InputError(
            f"expected bpe:N with N from {least} (bytes and the end of a text) to {most}; got "
            f"{vocab_size}; try bpe:4096"
        )
    try:
        library: Any = importlib.import_module("tokenizers")
    except ModuleNotFoundError:
        raise InputError(
            "expected the `tokenizers` library, which trains bpe:N; got none installed; "
            "pip install tokenizers"
        ) from None
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        min_frequency=2,
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=LONGEST // 8,
        show_progress=False,
    )
    trained = library.Tokenizer(library.models.BPE())
    trained.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator(texts, trainer)
    merges = json.loads(trained.to_str())["model"]["merges"]
    return BPETokenizer(merges_of_symbols((left, right) for left, right in merges))


def read_gpt2(folder: Path) -> BPETokenizer:
    """GPT-2's tokenizer from the folder of its encoder.json and vocab.bpe."""
    if not folder.is_dir():
        raise InputError(
            f"expected gpt2:DIR with a folder of {_VOCABULARY} and {_MERGES}; got {str(folder)!r}, "
            "which is not a folder; check the name"
        )
    lines = _read(folder, _MERGES).decode("utf-8", "replace").splitlines()
    merges = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    for number, merge in enumerate(merges):
        if len(merge) != 2:
            raise InputError(
                f"{folder / _MERGES}: expected two symbols in each merge; got "
                f"{' '.join(merge)[:40]!r} as merge {number}"
            )
    try:
        tokenizer = BPETokenizer(merges_of_symbols((left, right) for left, right in merges))
    except InputError as error:
        raise InputError(f"{folder / _MERGES}: {error}") from None
    vocabulary = strict_json.parse(_read(folder, _VOCABULARY), str(folder / _VOCABULARY))
    symbol_of = {ORDER[token]: symbol for symbol, token in SYMBOLS.items()}
    names = ["".join(map(symbol_of.__getitem__, piece)) for piece in tokenizer.merges.pieces]
    for token, name in enumerate([*names, _END_OF_TEXT]):
        if vocabulary.get(name) != token or len(vocabulary) != tokenizer.vocab_size:
            raise InputError(
                f"{folder / _VOCABULARY}: expected {tokenizer.vocab_size} tokens numbered in the "
                f"order of {_MERGES}; got {len(vocabulary)} with {name[:40]!r} as "
                f"{str(vocabulary.get(name))[:20]} instead of {token}; take both from one release"
            )
    return tokenizer


def _read(folder: Path, name: str) -> bytes:
    try:
        return files.read_regular((folder / name).resolve(), strict_json.LARGEST)
    except InputError as error:
        raise InputError(f"{folder}: {error}; give GPT-2's {_VOCABULARY} and {_MERGES}") from None
