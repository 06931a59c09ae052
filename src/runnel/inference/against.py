"""A Hugging Face causal model on the text that ours is judged by, in bits per byte."""

# B windows side by side, T positions, N tokens

import importlib
import importlib.util
import inspect
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from runnel.data.hub import hub_failure, is_offline
from runnel.data.loader import IGNORED
from runnel.data.tokenizers import Tokenizer
from runnel.errors import DivergedError, InputError
from runnel.inference.evaluate import Evaluation

_CONTEXT = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
_LONGEST, _ROWS = 2048, 8


class _Window(NamedTuple):
    tokens: list[int]
    counted: int
    """how many of the last tokens are judged here"""


def check_against(names: Sequence[str]) -> None:
    """InputError for what no opening can mend: a name twice, or of no model; no library."""
    for name in names:
        _place(name)
        if names.count(name) > 1:
            raise InputError(f"expected each model once; got {name} twice")
    if names and importlib.util.find_spec("transformers") is None:
        raise _without_library(names[0])


def _place(name: str) -> tuple[str, bool]:
    """What stands behind hf:, and whether it is a folder here."""
    place = name.removeprefix("hf:")
    local = bool(place) and Path(place).expanduser().is_dir()
    if not local and (not name.startswith("hf:") or not place):
        raise InputError(
            f"expected --against hf:NAME or a folder with a model; got {name!r}, which is neither; "
            "check the name"
        )
    return (str(Path(place).expanduser()) if local else place), local


def _without_library(name: str) -> InputError:
    return InputError(
        f"{name}: expected the `transformers` library, which reads such models; got none "
        "installed; pip install 'runnel[hub]'"
    )


def open_against(name: str, device: str = "auto") -> "HuggingFaceModel":
    """The model and the tokenizer of hf:NAME or of a local folder; InputError in one line."""
    if importlib.util.find_spec("transformers") is None:
        raise _without_library(name)
    place, local = _place(name)
    only_here = local or not _hub_answers()
    # Said before the library is imported, which takes seconds.
    if only_here and not local and not _is_kept(place):
        raise _unreachable(name)
    transformers = importlib.import_module("transformers")
    for talker in ("transformers", "huggingface_hub"):
        logging.getLogger(talker).setLevel(logging.CRITICAL)
    transformers.utils.logging.disable_progress_bar()
    options = {"local_files_only": only_here, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(place, **options)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            place, dtype=torch.float32, **options
        )
    except Exception as error:
        # Whatever the library meets, the user gets its first line.
        if only_here and not local:
            raise _unreachable(name) from None
        reason = next(iter(str(error).strip().splitlines()), "")[:160]
        raise InputError(
            f"{name}: expected a causal language model and its tokenizer; got "
            f"{type(error).__name__}: {reason}; check the name or the folder"
        ) from None
    cuda = torch.cuda.is_available() and device != "cpu"
    return HuggingFaceModel(model.eval().to("cuda" if cuda else "cpu"), tokenizer, name)


@final
class HuggingFaceModel:
    """A causal model that reads windows of its context, half of each already read before."""

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        self._model, self._tokenizer = model, tokenizer
        found = (getattr(model.config, field, None) for field in _CONTEXT)
        self.context = min(next((c for c in found if isinstance(c, int) and c > 1), 1024), _LONGEST)
        ends = (tokenizer.bos_token_id, tokenizer.eos_token_id)
        start = next((end for end in ends if end is not None), None)
        if start is None:
            raise InputError(
                f"{name}: expected a tokenizer with a token that begins or ends a text; got one "
                "without; choose another model"
            )
        self._start = int(start)
        self._end = int(start if ends[1] is None else ends[1])

    @property
    def parameters(self) -> int:
        """How many numbers it learned, shared ones once."""
        return sum(p.numel() for p in self._model.parameters())

    def stepper(self) -> Callable[[], None]:
        """A function that reads one more token of one stream, from its start again when full."""
        token_BT = torch.full((1, 1), self._start, device=self._model.device)
        # The library has renamed it in its version 5.
        named = inspect.signature(self._model.forward).parameters
        name = "cache" if "cache" in named else "past_key_values"
        cache: Any = None
        read = 0

        def step() -> None:
            nonlocal cache, read
            if read == self.context:
                cache, read = None, 0
            with torch.inference_mode():
                answer = self._model(token_BT, use_cache=True, **{name: cache})
            cache, read = answer[name], read + 1
            answer.logits.flatten()[0].item()  # waits for the device

        return step

    def evaluate(self, tokens_N: NDArray[Any], tokenizer: Tokenizer) -> Evaluation:
        """Judge the text that stands in a stream of `tokenizer`, over the same bytes as ours.

        Our end tokens become its own and count as one byte each.
        """
        nats, tokens, unknown = 0.0, 0, 0
        pending: list[_Window] = []
        for ids in self._documents(tokens_N, tokenizer):
            unknown += ids.count(self._tokenizer.unk_token_id) if self._has_unknown() else 0
            for window in _windows(ids, self.context):
                tokens += window.counted
                pending.append(window)
                if len(pending) == _ROWS:
                    nats += self._nats(pending)
                    pending = []
        nats += self._nats(pending) if pending else 0.0
        counts_V = np.bincount(tokens_N[1:], minlength=len(tokenizer.token_bytes_V))
        size = int(counts_V @ tokenizer.token_bytes_V)
        if not tokens or not math.isfinite(nats):
            raise DivergedError(f"expected a finite loss; got {nats} over {tokens} tokens")
        protocol = f"windows of {self.context} tokens, the first half of each read before"
        if unknown:
            protocol += f"; {unknown:,} unknown tokens flatter it"
        return Evaluation.of(nats, tokens, size, protocol)

    def _documents(self, tokens_N: NDArray[Any], tokenizer: Tokenizer) -> Iterator[list[int]]:
        """The tokens of each document: a start, its text, and an end where it is known to end."""
        starts = np.flatnonzero(tokens_N == tokenizer.end)
        bounds = [
            *([] if len(starts) and starts[0] == 0 else [-1]),
            *starts.tolist(),
            len(tokens_N),
        ]
        for start, stop in pairwise(bounds):
            text = tokenizer.decode(tokens_N[start + 1 : stop])
            ids = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            ended = [self._end] if stop < len(tokens_N) else []
            if len(ids) + len(ended):
                yield [self._start, *ids, *ended]

    def _has_unknown(self) -> bool:
        unknown = self._tokenizer.unk_token_id
        return unknown is not None and unknown not in (self._start, self._end)

    def _nats(self, windows: list[_Window]) -> float:
        width = max(len(window.tokens) for window in windows)
        tokens_BT = torch.full((len(windows), width), self._end)
        targets_BT = torch.full((len(windows), width - 1), IGNORED)
        for row, (tokens, counted) in enumerate(windows):
            tokens_BT[row, : len(tokens)] = torch.tensor(tokens)
            stop = len(tokens) - 1
            targets_BT[row, stop - counted : stop] = torch.tensor(tokens[-counted:])
        device = self._model.device
        with torch.inference_mode():
            # Padding stands on the right, where a causal model cannot see it.
            logits_BTV = self._model(tokens_BT[:, :-1].to(device), use_cache=False).logits
            losses_N = F.cross_entropy(
                logits_BTV.flatten(0, 1).float(),
                targets_BT.flatten().to(device),
                ignore_index=IGNORED,
                reduction="none",
            )
        return float(losses_N.sum(dtype=torch.float64))


def _windows(ids: list[int], context: int) -> Iterator[_Window]:
    """Windows of at most `context` inputs; each token but the first is judged in one of them."""
    done = 1
    while done < len(ids):
        stop = min(len(ids), context + 1 if done == 1 else done + context // 2)
        yield _Window(ids[max(0, stop - context - 1) : stop], stop - done)
        done = stop


def _hub_answers() -> bool:
    """Whether the hub can be reached; its own library would try for minutes."""
    return not is_offline() and hub_failure() is None


def _is_kept(place: str) -> bool:
    """Whether the hub's cache holds something of a model."""
    kept = Path(importlib.import_module("huggingface_hub.constants").HF_HUB_CACHE)
    return (kept / f"models--{place.replace('/', '--')}").is_dir()


def _unreachable(name: str) -> InputError:
    return InputError(
        f"{name}: expected the Hugging Face hub or a copy of the model in its cache; got "
        "neither: the hub does not answer; download the model and give its folder"
    )
