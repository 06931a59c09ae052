"""Which weight is moved by which optimizer, and the optimizers as one."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from runnel.errors import InputError
from runnel.training.config import TrainingConfig
from runnel.training.muon import Muon

Role = Literal["matrix", "table", "vector"]

_TABLES = {"embedding", "embeddings", "head", "position", "positions"}


class Weight(NamedTuple):
    """A parameter and what it is to the optimizers."""

    name: str
    parameter: nn.Parameter
    role: Role


def weights(model: nn.Module) -> Iterator[Weight]:
    """Every trained parameter once, with its role, decided by its module's type and name.

    matrix: what a hidden activation is multiplied by (linear layers and torch's own recurrences).
    table: embeddings, and the head even where it is a linear layer: one row per token or position.
    vector: all else, whatever its shape: biases, norms, starts, lower bounds, convolution taps.
    """
    seen: set[int] = set()
    for path, module in model.named_modules():
        for own, parameter in module.named_parameters(recurse=False):
            if id(parameter) in seen or not parameter.requires_grad:
                continue
            seen.add(id(parameter))
            name = f"{path}.{own}" if path else own
            yield Weight(name, parameter, _role(name, module, parameter))


def _role(name: str, module: nn.Module, parameter: nn.Parameter) -> Role:
    if parameter.ndim != 2:
        return "vector"
    if isinstance(module, nn.Embedding) or _TABLES & set(name.split(".")):
        return "table"
    if isinstance(module, (nn.Linear, nn.RNNBase, nn.RNNCellBase)):
        return "matrix"
    return "vector"


class Optimizers:
    """AdamW, beside Muon where the configuration wants it; their state goes by weight names."""

    KINDS = ("muon.momentum.", "adamw.step.", "adamw.exp_avg.", "adamw.exp_avg_sq.")
    """what stands before the weight's name in `state`"""

    def __init__(self, model: nn.Module, config: TrainingConfig, dtype: torch.dtype) -> None:
        """`dtype` is the format of Muon's products."""
        self.config = config
        chosen = list(weights(model))
        muon = config.optimizer.kind == "muon"
        matrices = {w.name: w.parameter for w in chosen if muon and w.role == "matrix"}
        self._adamw_weights = {w.name: w.parameter for w in chosen if w.name not in matrices}
        decayed = [
            w.parameter for w in chosen if w.name in self._adamw_weights and w.role != "vector"
        ]
        plain = [
            w.parameter for w in chosen if w.name in self._adamw_weights and w.role == "vector"
        ]
        self._adamw = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.optimizer.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=config.optimizer.betas,
            fused=all(p.device.type in ("cpu", "cuda") for p in self._adamw_weights.values()),
        )
        self._muon = Muon(
            matrices,
            momentum=config.optimizer.momentum,
            weight_decay=config.optimizer.matrix_weight_decay,
            dtype=dtype,
        )

    def step(self, factor: float, gate: Tensor | None = None) -> None:
        """Move every weight along its gradient, at `factor` of the peak learning rates.

        With a gate, one truth value on the device, weights and moments stay as they are where it is
        false, whatever the gradients hold; where it is true the step is the same to the bit. That
        asks for a fused AdamW.
        """
        for group in self._adamw.param_groups:
            group["lr"] = self.config.learning_rate * factor
        # What torch's GradScaler hands to a fused optimizer: 1 leaves everything as it is.
        self._adamw.found_inf = None if gate is None else (~gate).float()  # type: ignore[attr-defined]
        self._adamw.step()
        self._muon.step(self.config.optimizer.matrix_learning_rate * factor, gate)

    def state(self) -> dict[str, Tensor]:
        """Every moment by name; the tensors are the optimizers' own."""
        found = {f"muon.momentum.{name}": m for name, m in self._muon.momenta().items()}
        for name, parameter in self._adamw_weights.items():
            for moment, value in self._adamw.state.get(parameter, {}).items():
                found[f"adamw.{moment}.{name}"] = value
        return found

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave; InputError where names or shapes do not fit this model."""
        momenta = self._muon.momenta()
        moments = ("step", "exp_avg", "exp_avg_sq")
        for name, value in state.items():
            optimizer, _, rest = name.partition(".")
            moment, _, weight = rest.partition(".")
            if optimizer == "muon" and moment == "momentum" and weight in momenta:
                _check_shape(name, value, momenta[weight].shape)
                momenta[weight].copy_(value)
            elif optimizer == "adamw" and moment in moments and weight in self._adamw_weights:
                parameter = self._adamw_weights[weight]
                like = torch.zeros(()) if moment == "step" else parameter.detach()
                _check_shape(name, value, like.shape)
                copy = torch.empty_like(like, device=parameter.device).copy_(value)
                self._adamw.state[parameter][moment] = copy
            else:
                raise InputError(
                    f"expected moments of this model's weights; got {name!r} in the checkpoint; "
                    "resume with the configuration that wrote it"
                )
        missing = [name for name in momenta if f"muon.momentum.{name}" not in state]
        missing += [
            name
            for name, parameter in self._adamw_weights.items()
            if 0 < len(self._adamw.state.get(parameter, {})) < len(moments)
        ]
        if missing:
            raise InputError(
                f"expected the moments of {missing[0]} in the checkpoint; they are missing; "
                "resume from another checkpoint"
            )


def _check_shape(name: str, value: Tensor, shape: torch.Size) -> None:
    if value.shape != shape:
        raise InputError(
            f"expected {name} of shape {tuple(shape)}; got {tuple(value.shape)} in the checkpoint; "
            "resume with the configuration that wrote it"
        )
