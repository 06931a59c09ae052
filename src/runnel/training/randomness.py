"""Seeds: one number from the user, an independent stream for every purpose."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from runnel.errors import InputError


def derive(seed: int, purpose: str) -> int:
    """A seed of 63 bits for one purpose; other purposes and seeds have unrelated ones."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


@contextmanager
def own_generators(device: torch.device) -> Iterator[None]:
    """Within this context torch's default generators are the run's; afterwards the caller's."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def state(device: torch.device) -> dict[str, Tensor]:
    """The default generators' states."""
    found = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    return found


def load_state(saved: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore what `state` gave; a run that changed its device keeps a fresh generator there.

    InputError where that is no state of a generator.
    """
    for name, own in state(device).items():
        other = saved.get(name, own if name != "torch" else None)
        if other is None or (other.dtype, other.shape) != (own.dtype, own.shape):
            raise InputError(
                f"expected the state of a generator, {own.numel()} bytes, under random.{name} in "
                "the checkpoint; got another; resume from another checkpoint"
            )
    try:
        torch.set_rng_state(saved["torch"])
        if device.type == "cuda" and "cuda" in saved:
            torch.cuda.set_rng_state(saved["cuda"], device)
    except RuntimeError as error:
        raise InputError(
            f"expected the state of a generator in the checkpoint; got {str(error)[:80]!r}; "
            "resume from another checkpoint"
        ) from None
