"""The byte tokenizer: every UTF-8 byte is a token, NUL is the end of a text."""

import codecs
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from runnel.data.tokenizers.contract import (
    FORMAT,
    Decoder,
    Tokenizer,
    Tokens,
    check_token,
    checked,
    encoded,
    frozen,
    refuse_nul,
)


@final
class ByteTokenizer(Tokenizer):
    """Every UTF-8 byte is a token; NUL, which never occurs in text, is the end of a text."""

    def __init__(self) -> None:
        self.name = "byte"
        self.vocab_size = 256
        self.token_bytes_V = frozen(np.ones(256, dtype=np.int64))

    def encode(self, text: str) -> Tokens:
        """The UTF-8 bytes of a text; NUL and lone surrogates are refused."""
        refuse_nul(text)
        return self.encode_joined(text)

    def encode_joined(self, text: str) -> Tokens:
        """The UTF-8 bytes of texts joined by NUL."""
        return np.frombuffer(encoded(text), dtype=np.uint8).astype(np.uint16)

    def decode(self, tokens: Sequence[int] | npt.NDArray[Any]) -> str:
        """The text of some bytes, broken UTF-8 replaced."""
        data = checked(tokens, 256).astype(np.uint8).tobytes()
        # NUL is dropped last, so that it parts the bytes on its sides as a text's end does.
        return data.decode("utf-8", "replace").replace("\0", "")

    def decoder(self) -> Decoder:
        """A decoder that holds back the bytes of an unfinished character."""
        return PieceDecoder([bytes((byte,)) for byte in range(256)])

    def to_plain(self) -> dict[str, Any]:
        """What tokenizer.json holds."""
        return {"format": FORMAT, "type": "byte"}


@final
class PieceDecoder(Decoder):
    """Puts the bytes of tokens together; NUL, the end token's, shows as nothing."""

    def __init__(self, pieces_V: Sequence[bytes]) -> None:
        self._pieces_V = pieces_V
        self._decoder: codecs.IncrementalDecoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        """See `Decoder`."""
        check_token(token, len(self._pieces_V))
        return self._decoder.decode(self._pieces_V[token]).replace("\0", "")

    def finish(self) -> str:
        """See `Decoder`."""
        return self._decoder.decode(b"", True)
