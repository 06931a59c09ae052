"""A model as a task sees it: the loss of each target that counts, and the likeliest token there."""

# B sequences, T positions, V vocabulary

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils._pytree import tree_map

from runnel.data.loader import IGNORED, Batch
from runnel.inference.reading import chunk_length, device_of, reading
from runnel.models.model import Model

_LENGTH = 512


def reader(
    model: Model[Any],
) -> Callable[[Batch], tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """The function that a task's score wants: a batch -> nats_BT (zero where ignored), best_BT."""
    return lambda batch: answer(model, batch)


def answer(model: Model[Any], batch: Batch) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Read a batch from fresh states in chunks; a beginning that all rows share is read once."""
    device = device_of(model)
    rows, width = batch.tokens_BT.shape
    nats_BT = np.zeros((rows, width))
    best_BT = np.zeros((rows, width), dtype=np.int64)
    state: Any = None
    shared = _shared(batch)
    at = 0
    while at < width:
        alone = at < shared
        stop = min(shared if alone else width, at + chunk_length(model, rows, _LENGTH))
        some = slice(0, 1) if alone else slice(None)
        with reading(model):
            tokens_BT = torch.from_numpy(batch.tokens_BT[some, at:stop]).to(device)
            targets_BT = torch.from_numpy(batch.targets_BT[some, at:stop]).to(device)
            reset_BT = torch.from_numpy(batch.reset_BT[some, at:stop]).to(device)
            logits_BTV, state = model(tokens_BT, state, reset_BT if reset_BT.any() else None)
            logits_BTV = logits_BTV.to(torch.promote_types(logits_BTV.dtype, torch.float32))
            losses_N = F.cross_entropy(
                logits_BTV.flatten(0, 1),
                targets_BT.flatten(),
                ignore_index=IGNORED,
                reduction="none",
            )
            nats_BT[:, at:stop] = losses_N.unflatten(0, tokens_BT.shape).double().cpu().numpy()
            best_BT[:, at:stop] = logits_BTV.argmax(-1).cpu().numpy()
            if alone and stop == shared:
                state = tree_map(lambda t: t.expand(rows, *t.shape[1:]).contiguous(), state)
        at = stop
    return nats_BT, best_BT


def _shared(batch: Batch) -> int:
    """How many first positions are the same in all rows and ask nothing."""
    if len(batch.tokens_BT) == 1:
        return 0
    same_T = (batch.tokens_BT == batch.tokens_BT[:1]).all(axis=0)
    same_T &= (batch.targets_BT == IGNORED).all(axis=0) & ~batch.reset_BT.any(axis=0)
    different = np.flatnonzero(~same_T)
    return int(different[0]) if len(different) else len(same_T)
