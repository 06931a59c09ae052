"""GRU with attention and a memory that it writes itself (kavyamali/tinystoriesgru)."""

# B batch, T time, D model width, G = 3 D gates

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.context import Context, ContextState, check_context
from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype
from runnel.ops import linear_scan
from runnel.ops.gru_memory import CellWeights, gru_memory_scan, gru_memory_step
from runnel.ops.spectral import spectral_radius


@dataclass(frozen=True, kw_only=True)
class MemoryConfig(MixerConfig):
    """GRU + attention + memory; every field but `dim` has a default."""

    name: ClassVar[str] = "memory"
    source: ClassVar[str] = "kavyamali/tinystoriesgru"

    attention: bool = True
    """read a context made by attention beside the input; without it the pure form"""
    heads: int = 0
    """heads of the attention; 0: the divisor of dim nearest to dim / 64"""
    window: int = 256
    """how many tokens the attention sees, and its learned places"""
    radius: float | None = None
    """bound on the spectral radius of the four matrices that h goes through again; none: free"""
    dropout: float = 0.0
    """part of the attention's inputs set to zero while training (fraction)"""

    def __post_init__(self) -> None:
        check_context(self.dim, self.heads, self.window, self.dropout)
        if self.radius is not None and self.radius <= 0:
            raise ValueError(f"memory wants a radius above 0 or none; got {self.radius}")

    def build(self) -> "Memory":
        """Make the mixer with fresh weights."""
        return Memory(self)


class MemoryState(NamedTuple):
    """Hidden state and memory after the last token, and what the attention still sees."""

    h_BD: Tensor
    memory_BD: Tensor
    context: ContextState | tuple[()]


class Memory(Mixer[MemoryState]):
    """h_t = GRUCell([x_t, a_t, M_{t-1}], h_{t-1}); M_t = (1 - p_t) M_{t-1} + p_t m_t.

    p_t = σ(w · h_t + b), one number a step; m_t = tanh(W h_t + b). The attention and the input's
    part of the gates are computed for all t at once. The spectral bound scales U_r, U_z, U_n and W
    where they are read: the original pulls the weights themselves back after each step.
    """

    def __init__(self, config: MemoryConfig) -> None:
        super().__init__()
        self.config = config
        dim, start = config.dim, config.dim**-0.5
        self.context = None
        if config.attention:
            self.context = Context(dim, config.heads, config.window, config.dropout)
        self.inputs = nn.Linear(2 * dim if config.attention else dim, 3 * dim)
        self.recall = nn.Linear(dim, 3 * dim, bias=False)
        self.recurrent = nn.Linear(dim, 3 * dim)
        self.writer = nn.Linear(dim, dim)
        self.priority = nn.Linear(dim, 1)
        for part in (self.inputs, self.recall, self.recurrent):  # as torch's GRUCell starts
            for parameter in part.parameters():
                nn.init.uniform_(parameter, -start, start)
        self._bounded: tuple[tuple[int, ...], Tensor] | None = None

    def init_state(self, batch_size: int) -> MemoryState:
        """Zero, and no key seen yet."""
        weight = self.recurrent.weight
        zeros = weight.new_zeros(batch_size, self.config.dim, dtype=state_dtype(weight))
        context = self.context.init_state(batch_size) if self.context is not None else ()
        return MemoryState(zeros, zeros, context)

    def forward(
        self, x_BTD: Tensor, state: MemoryState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, MemoryState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        before = self.init_state(len(x_BTD)) if state is None else state
        seen = state.context if state is not None and state.context else None
        gates_BTG, context = self._gates(x_BTD, seen, reset_BT)
        h_BTD, memory_BD = gru_memory_scan(
            gates_BTG, self._weights(), before.h_BD, before.memory_BD, reset_BT
        )
        h_BD = h_BTD[:, -1] if h_BTD.shape[1] else before.h_BD
        return h_BTD, MemoryState(h_BD, memory_BD, context)

    def step(self, x_BD: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """See `Mixer.step`."""
        context: ContextState | tuple[()] = ()
        u_BE = x_BD
        if self.context is not None:
            assert isinstance(state.context, ContextState)
            a_BD, context = self.context.step(x_BD, state.context)
            u_BE = torch.cat([x_BD, a_BD], dim=-1)
        gates_BG = self.inputs(u_BE).to(state.h_BD.dtype)
        h_BD, memory_BD = gru_memory_step(gates_BG, self._weights(), state.h_BD, state.memory_BD)
        return h_BD, MemoryState(h_BD, memory_BD, context)

    def decays(self, x_BTD: Tensor) -> Tensor:
        """See `runnel.mixer.Remembers`: z of h's channels, then 1 - p of M's."""
        h_BTD = self.forward(x_BTD)[0]
        start = torch.zeros_like(h_BTD[:, :1])
        weights = self._weights()
        written_BTK = F.linear(h_BTD, weights.write_KD, weights.write_bias_K)
        written_BTD, p_BT1 = written_BTK[..., :-1], torch.sigmoid(written_BTK[..., -1:])
        kept_BTD = (1 - p_BT1).expand_as(h_BTD)
        memory_BTD, _ = linear_scan(kept_BTD, p_BT1 * torch.tanh(written_BTD))
        before = [torch.cat([start, past[:, :-1]], dim=1) for past in (h_BTD, memory_BTD)]
        gates_BTG = self._gates(x_BTD, None, None)[0]
        gates_BTG = gates_BTG + F.linear(before[0], weights.recurrent_GD, weights.recurrent_bias_G)
        gates_BTG = gates_BTG + F.linear(before[1], weights.memory_GD)
        return torch.cat([torch.sigmoid(gates_BTG.chunk(3, dim=-1)[1]), kept_BTD], dim=-1)

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """See `runnel.mixer.Recurs`: those that h goes through again, as the bound leaves them."""
        weights = self._weights()
        gates = dict(zip("rzn", weights.recurrent_GD.chunk(3), strict=True))
        return gates | {"writer": weights.write_KD[:-1]}

    def _gates(
        self, x_BTD: Tensor, state: ContextState | None, reset_BT: Tensor | None
    ) -> tuple[Tensor, ContextState | tuple[()]]:
        """What x and the context add to the gates, and the context's state after them."""
        if self.context is None:
            return self.inputs(x_BTD), ()
        y_BTD, context = self.context.attended(x_BTD, state, reset_BT)
        return self.context.read_beside(x_BTD, y_BTD, self.inputs), context

    def _weights(self) -> CellWeights:
        recurrent, writer = self.recurrent.weight, self.writer.weight
        if self.config.radius is not None:
            scale_4 = self._scales(self.config.radius, recurrent, writer)
            recurrent = (recurrent.unflatten(0, (3, -1)) * scale_4[:3, None, None]).flatten(0, 1)
            writer = writer * scale_4[3]
        return CellWeights(
            recurrent,
            self.recurrent.bias,
            self.recall.weight,
            torch.cat([writer, self.priority.weight]),
            torch.cat([self.writer.bias, self.priority.bias]),
        )

    def _scales(self, radius: float, recurrent_GD: Tensor, writer_DD: Tensor) -> Tensor:
        """What brings each matrix down to the bound.

        Without gradients it is computed once and kept while the weights stay; with them anew each
        time, for fused optimizers change weights without counting versions.
        """
        both = (recurrent_GD, writer_DD)
        version = tuple(n for w in both for n in (w._version, w.data_ptr(), hash(w.dtype)))
        keeps = not torch.is_grad_enabled()
        if keeps and self._bounded is not None and self._bounded[0] == version:
            return self._bounded[1]
        matrices = (*recurrent_GD.chunk(3), writer_DD)
        radius_4 = torch.stack([spectral_radius(m) for m in matrices])
        scale_4 = (radius / radius_4).clamp(max=1).to(recurrent_GD.dtype)
        self._bounded = (version, scale_4) if keeps else None
        return scale_4
