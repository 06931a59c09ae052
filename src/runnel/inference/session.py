"""A session: one stream that reads and writes, with a state of fixed size that is a value."""

# B batch (always 1 here), T time, V vocabulary

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runnel.data.tokenizers import Tokenizer
from runnel.errors import InputError
from runnel.inference.engine import Stepper, stepper_for
from runnel.inference.reading import chunk_length, device_of, reading
from runnel.inference.sampling import Sampling, pick
from runnel.inference.state_file import Stream, load_stream, save_stream
from runnel.inference.stops import StopFilter, as_stops
from runnel.models.model import Model

_CHUNK = 1024


class Session:
    """One stream of a model: what it has read and written, as a state, and its random generator.

    The state is never written into: `fork` costs a few microseconds, and neither session notices
    the other. Made by `Session.start` or `Session.load`.
    """

    def __init__(
        self, model: Model[Any], stream: Stream, weights: torch.dtype = torch.float32
    ) -> None:
        self.model, self.weights = model, weights
        self.tokenizer = tokenizer_of(model)
        # The model's state, or that of the stepper while there is one.
        self._state: Any = stream.state
        self._stepper: Stepper | None = None
        self._logits_BV = stream.logits_BV
        self._position = stream.position
        self._generator = stream.generator
        self._device = device_of(model)
        self.finished: Literal["tokens", "stop", "end"] | None = None
        """why the last `write` came to its end; none while it has not"""

    @classmethod
    def start(
        cls, model: Model[Any], seed: int = 0, weights: torch.dtype = torch.float32
    ) -> "Session":
        """A stream at the start of a document, the end token read; `seed` decides what is drawn.

        `weights` is the format in which the native step reads matrices: bfloat16 is up to twice as
        fast and rounds them.
        """
        if not isinstance(seed, int) or seed < 0:
            raise InputError(f"seed must be a whole number from 0; got {seed!r}")
        with reading(model):
            state = model.init_state(1)
        # The logits are a placeholder until the end token is read, on the next line.
        stream = Stream(state, torch.empty(1, 0), 0, np.random.default_rng(seed))
        session = cls(model, stream, weights)
        session.begin()
        return session

    @property
    def position(self) -> int:
        """Tokens read and written since the start, end tokens included."""
        return self._position

    @property
    def logits_V(self) -> Tensor:
        """The logits of the token that comes next."""
        return self._logits_BV[0]

    def begin(self) -> None:
        """Begin a new document: nothing of what was read before is remembered."""
        self._step(self.tokenizer.end)

    def read(self, content: str | Sequence[int] | NDArray[Any] | Tensor) -> None:
        """Read a text or tokens in chunks of bounded memory; an end token begins a document."""
        tokens_N = self._tokens(content)
        self._leave_stepper()
        if len(tokens_N) == 1:
            self._step(int(tokens_N[0]))
            return
        chunk = chunk_length(self.model, 1, _CHUNK)
        for start in range(0, len(tokens_N), chunk):
            self._forward(tokens_N[start : start + chunk])

    def write(
        self,
        tokens: int = 200,
        sampling: Sampling | None = None,
        stop: str | Iterable[str] = (),
        end: bool = True,
    ) -> Iterator[str]:
        """Write up to `tokens` tokens; yields text as soon as it is certain.

        Stops before the end token, which is not read, so that whatever comes next goes on with
        the same document; `end=False` never draws it. Stops at a stop string, which has been read
        but is not shown. Whenever the caller turns away, the session has read all it yielded.
        """
        if not isinstance(tokens, int) or tokens < 0:
            raise InputError(f"tokens must be a whole number from 0; got {tokens!r}")
        sampling = sampling or Sampling()
        if not end:
            sampling = replace(sampling, forbidden=(*sampling.forbidden, self.tokenizer.end))
        self.finished = None
        return self._write(tokens, sampling, StopFilter(as_stops(stop)))

    def fork(self) -> "Session":
        """A second stream that goes on from here; what either does, the other does not see."""
        return Session(self.model, self._stream(), self.weights)

    def save(self, path: str | Path) -> None:
        """Write the stream into one file, which `load` takes up to the bit."""
        save_stream(Path(path), self.model, self._stream())

    @classmethod
    def load(cls, path: str | Path, model: Model[Any]) -> "Session":
        """Take up a saved stream with the model that it was saved with."""
        return cls(model, load_stream(Path(path), model))

    def _stream(self) -> Stream:
        self._leave_stepper()
        generator = copy.deepcopy(self._generator)
        return Stream(self._state, self._logits_BV, self._position, generator)

    def _write(self, tokens: int, sampling: Sampling, stops: StopFilter) -> Iterator[str]:
        self._leave_stepper()
        decoder = self.tokenizer.decoder()
        finished: Literal["tokens", "end"] = "tokens"
        for _ in range(tokens):
            token = int(pick(self._logits_BV.cpu(), sampling, self._generator))
            if token == self.tokenizer.end:
                finished = "end"
                break
            self._step(token)
            piece = stops.feed(decoder.feed(token))
            if stops.found:
                self.finished = "stop"
                if piece:
                    yield piece
                return
            if piece:
                yield piece
        piece = stops.feed(decoder.finish()) + stops.finish()
        self.finished = "stop" if stops.found else finished
        if piece:
            yield piece

    def _step(self, token: int) -> None:
        if self._stepper is None:
            self._stepper = stepper_for(self.model, self.weights)
            self._state = self._stepper.enter(self._state)
        if token == self.tokenizer.end:
            with reading(self.model):
                self._state = self._stepper.enter(self.model.init_state(1))
        self._logits_BV, self._state = self._stepper.step(token, self._state)
        self._position += 1

    def _leave_stepper(self) -> None:
        """The state in the model's form; the next step asks whether the weights have changed."""
        if self._stepper is not None:
            self._state, self._stepper = self._stepper.leave(self._state), None

    def _forward(self, tokens_N: NDArray[np.int64]) -> None:
        with reading(self.model):
            tokens_BT = torch.from_numpy(tokens_N)[None].to(self._device)
            reset_BT = tokens_BT == self.tokenizer.end
            logits_BTV, self._state = self.model(
                tokens_BT, self._state, reset_BT if bool(reset_BT.any()) else None
            )
            self._logits_BV = logits_BTV[:, -1].clone()  # a view would keep the chunk's logits
        self._position += len(tokens_N)

    def _tokens(self, content: str | Sequence[int] | NDArray[Any] | Tensor) -> NDArray[np.int64]:
        if isinstance(content, str):
            content = self.tokenizer.encode(content)
        if isinstance(content, Tensor):
            content = content.cpu().numpy()
        tokens = np.asarray(content)
        size = self.model.config.vocab_size
        if tokens.size == 0:
            return np.zeros(0, np.int64)
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            raise InputError(
                f"expected text or a row of whole token numbers; got {tokens.dtype} of shape "
                f"{tokens.shape}"
            )
        if tokens.min() < 0 or tokens.max() >= size:
            raise InputError(
                f"expected tokens in [0, {size}); got {tokens.min()} to {tokens.max()}; use the "
                "tokenizer that the model was trained with"
            )
        return tokens.astype(np.int64)


def tokenizer_of(model: Model[Any]) -> Tokenizer:
    """The model's tokenizer; InputError when it has none."""
    if not isinstance(model.tokenizer, Tokenizer):
        raise InputError(
            "expected a model with a tokenizer; got one without; load the model from its run "
            "directory, or set model.tokenizer"
        )
    return model.tokenizer
