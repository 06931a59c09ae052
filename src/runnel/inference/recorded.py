"""A step of many streams that is recorded once and replayed: on a GPU, one CUDA graph a token."""

# B streams, V vocabulary

import weakref
from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor

from runnel.inference.leaves import leaves, rebuild
from runnel.inference.reading import device_of, reading
from runnel.models.model import Model

_WARM = 3
"""steps before the recorded one, in which libraries and kernels settle down"""


@final
class Streams:
    """`model.step` for a fixed number of streams, without a launch for each of its kernels.

    States are values, as the model's are: they may be kept, forked and given in any order. Weights
    are read where they lay when it was made, and kept alive; the model itself is not. What a model
    makes of its weights and keeps is that of then: make another when weights have changed.
    """

    def __init__(self, model: Model[Any], streams: int) -> None:
        self._model = weakref.ref(model)
        self._weights = [*model.parameters(), *model.buffers()]
        device = device_of(model)
        self._token_B = torch.zeros(streams, dtype=torch.int64, device=device)
        with reading(model):
            state = model.init_state(streams)
            self._template = state
            # A learned start is a view of the weights.
            self._before = [leaf.clone() for leaf in leaves(state)]
            self._latest: Any = None
            self._logits_BV = torch.empty(0)
            self._replay = record(self._run, device)

    def step(self, token_B: Tensor | int, state: Any) -> tuple[Tensor, Any]:
        """Logits (B, V) after one more token of each stream, and the state after it.

        A number is the next token of every stream. Nothing waits for the device.
        """
        with torch.inference_mode():
            if state is not self._latest:
                torch._foreach_copy_(self._before, list(leaves(state)))
            if isinstance(token_B, int):
                self._token_B.fill_(token_B)
            else:
                self._token_B.copy_(token_B)
            self._replay()
            copies = iter([leaf.clone() for leaf in self._before])
            self._latest = rebuild(self._template, copies)
            return self._logits_BV.clone(), self._latest

    def _run(self) -> None:
        model = self._model()
        assert model is not None, "whoever has streams has their model"
        with reading(model):
            state = rebuild(self._template, iter(self._before))
            self._logits_BV, after = model.step(self._token_B, state)
            # What comes after stands where the next step looks for it.
            torch._foreach_copy_(self._before, list(leaves(after)))


def record(call: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """What does the same again: over the same memory, and on a GPU as one CUDA graph.

    RuntimeError if something in it waits for the device, which no graph can.
    """
    if device.type != "cuda":
        return call
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(_WARM):
            call()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Other threads, that which fetches batches say, may allocate meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        call()
    replay: Callable[[], None] = graph.replay
    return replay
