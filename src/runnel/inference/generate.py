"""Text from a model in one call: `generate` returns it, `stream` yields it as it is written."""

from collections.abc import Iterable, Iterator
from typing import Any

from runnel.inference.sampling import Sampling
from runnel.inference.session import Session
from runnel.models.model import Model


def generate(
    model: Model[Any],
    prompt: str = "",
    tokens: int = 200,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    stop: str | Iterable[str] = (),
) -> str:
    """The text with which the model continues `prompt`, the prompt itself not included.

    The model reads the end token, as at the start of every document, and then the prompt. It writes
    `tokens` tokens at most and ends earlier at its end token or before a string of `stop`.
    """
    return "".join(stream(model, prompt, tokens, temperature, top_k, top_p, seed, stop))


def stream(
    model: Model[Any],
    prompt: str = "",
    tokens: int = 200,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    stop: str | Iterable[str] = (),
) -> Iterator[str]:
    """What `generate` returns, piece by piece; the prompt is read before this returns."""
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    session = Session.start(model, seed)
    session.read(prompt)
    return session.write(tokens, sampling, stop)
