"""The running mean of the weights, which is often better than any one of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from runnel.errors import InputError


class Average:
    """mean <- mean + (1 - d) (weight - mean) after every step, d the decay.

    Early on d is smaller, (1 + n) / (10 + n) after n steps, so that the first weights are
    forgotten as fast as they are outgrown.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._weights: dict[str, Tensor] = {
            n: p for n, p in model.named_parameters() if p.requires_grad
        }
        self._means = {n: p.detach().clone() for n, p in self._weights.items()}

    @torch.no_grad()
    def update(self, steps: int, gate: Tensor | None = None) -> None:
        """Take in the weights after `steps` steps, unless the gate (one truth value) is shut."""
        keep = min(self.decay, (1 + steps) / (10 + steps))
        means, weights = list(self._means.values()), list(self._weights.values())
        if gate is not None:
            # A mean that moves towards itself stays.
            weights = [torch.where(gate, w, m) for w, m in zip(weights, means, strict=True)]
        torch._foreach_lerp_(means, weights, 1 - keep)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within this context the model's weights are the means."""
        weights = list(self._weights.values())
        with torch.no_grad():
            before = torch._foreach_clone(weights)
            torch._foreach_copy_(weights, list(self._means.values()))
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(weights, before)

    def state(self) -> dict[str, Tensor]:
        """The means by the weights' names."""
        return dict(self._means)

    @torch.no_grad()
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore the means; InputError where one is missing or of another shape."""
        for name, mean in self._means.items():
            if name not in state or state[name].shape != mean.shape:
                raise InputError(
                    f"expected the mean of {name}, shape {tuple(mean.shape)}, in the checkpoint; "
                    "it is not there; resume with the configuration that wrote it"
                )
            mean.copy_(state[name])
