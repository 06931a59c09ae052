"""Tokenizers by their names in a recipe, and from what tokenizer.json holds."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from runnel import strict_json
from runnel.data.tokenizers.bpe import BPETokenizer, read_gpt2, train_bpe
from runnel.data.tokenizers.bytes import ByteTokenizer
from runnel.data.tokenizers.characters import CharTokenizer
from runnel.data.tokenizers.contract import FORMAT, Tokenizer
from runnel.data.tokenizers.merges import merges_of_lines
from runnel.errors import InputError

_FIELDS = {
    "byte": {"format", "type"},
    "char": {"format", "type", "characters"},
    "bpe": {"format", "type", "merges"},
}


def make_tokenizer(name: str, texts: Callable[[], Iterable[str]]) -> Tokenizer:
    """The tokenizer of a recipe: byte, char, bpe:N or gpt2:DIR; `texts` are what it is made from.

    InputError for any other name.
    """
    kind, _, rest = name.partition(":")
    match kind, rest:
        case "byte", "":
            return ByteTokenizer()
        case "char", "":
            return CharTokenizer.of_texts(texts())
        case "bpe", size if size.isascii() and size.isdecimal() and len(size) < 10:
            return train_bpe(texts(), int(size))
        case "gpt2", folder if folder:
            return read_gpt2(Path(folder).expanduser())
    raise InputError(
        f"expected the tokenizer byte or char, bpe:N or gpt2:DIR; got {name[:200]!r}; "
        "choose one of them"
    )


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """The SHA-256 of what tokenizer.json holds."""
    return hashlib.sha256(strict_json.render(tokenizer.to_plain())).hexdigest()


def read_tokenizer(path: Path, name: str | None = None) -> Tokenizer:
    """The tokenizer in a tokenizer.json; errors as those of `strict_json.read`."""
    return tokenizer_from_plain(strict_json.read(path, name))


def tokenizer_from_plain(plain: object) -> Tokenizer:
    """The tokenizer that `to_plain` described; InputError for anything else."""
    what = "tokenizer.json"
    if not isinstance(plain, dict):
        raise InputError(f"{what}: expected a JSON object; got {type(plain).__name__}")
    version, kind = plain.get("format"), plain.get("type")
    if type(version) is not int or version != FORMAT:
        newer = type(version) is int and version > FORMAT
        raise InputError(
            f"{what}: expected format {FORMAT}; got {str(version)[:20]!r}; "
            + ("update runnel" if newer else "take it from the run directory again")
        )
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise InputError(f"{what}: expected the type byte, char or bpe; got {str(kind)[:20]!r}")
    if plain.keys() - ({"unknown"} if kind == "char" else set()) != _FIELDS[kind]:
        odd = sorted(str(key)[:20] for key in plain.keys() ^ _FIELDS[kind])[0]
        raise InputError(
            f"{what}: expected the fields {', '.join(sorted(_FIELDS[kind]))}; got "
            f"{'a surplus' if odd in plain else 'no'} {odd!r}"
        )
    if kind == "byte":
        return ByteTokenizer()
    try:
        if kind == "bpe":
            return BPETokenizer(merges_of_lines(_list(plain, "merges")))
        return CharTokenizer(_list(plain, "characters"), plain.get("unknown"))
    except InputError as error:
        raise InputError(f"{what}: {error}") from None


def _list(plain: dict[str, Any], field: str) -> list[Any]:
    value = plain[field]
    if not isinstance(value, list):
        raise InputError(f"expected a list of {field}; got {type(value).__name__}")
    return value
