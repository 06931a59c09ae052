"""The GRU with attention and memory in a form that trains in parallel, its gates minGRU's.

h comes from minGRU over [x, a], so it needs no earlier h; the memory that it writes is a linear
scan, and is read beside h.
"""

# B batch, T time, D model width, E = 2 D, K = D + 1

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from runnel.blend import positive
from runnel.context import Context, ContextState, check_context, linear_of_both
from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype
from runnel.ops import linear_scan, mingru_scan
from runnel.ops.parts import split


@dataclass(frozen=True, kw_only=True)
class MinGRUMemoryConfig(MixerConfig):
    """minGRU + attention + memory; every field but `dim` has a default."""

    name: ClassVar[str] = "mingru_memory"
    source: ClassVar[str] = "Feng et al. 2024, arXiv 2410.01201, in kavyamali/tinystoriesgru"

    heads: int = 0
    """heads of the attention; 0: the divisor of dim nearest to dim / 64"""
    window: int = 256
    """how many tokens the attention sees, and its learned places"""
    dropout: float = 0.0
    """part of the attention's inputs set to zero while training (fraction)"""

    def __post_init__(self) -> None:
        check_context(self.dim, self.heads, self.window, self.dropout)

    def build(self) -> "MinGRUMemory":
        """Make the mixer with fresh weights."""
        return MinGRUMemory(self)


class MinGRUMemoryState(NamedTuple):
    """Hidden state and memory after the last token, and what the attention still sees."""

    h_BD: Tensor
    memory_BD: Tensor
    context: ContextState


class MinGRUMemory(Mixer[MinGRUMemoryState]):
    """h = minGRU([x, a]); M_t = (1 - p_t) M_{t-1} + p_t m_t; y_t = W_y [h_t, M_t] + b_y.

    p_t = σ(w · h_t + b), one number a step; m_t = tanh(W h_t + b).
    """

    def __init__(self, config: MinGRUMemoryConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.context = Context(dim, config.heads, config.window, config.dropout)
        self.inputs = nn.Linear(2 * dim, 2 * dim)
        self.writer = nn.Linear(dim, dim + 1)
        self.output = nn.Linear(2 * dim, dim)

    def init_state(self, batch_size: int) -> MinGRUMemoryState:
        """Zero, and no key seen yet."""
        weight = self.inputs.weight
        zeros = weight.new_zeros(batch_size, self.config.dim, dtype=state_dtype(weight))
        return MinGRUMemoryState(zeros, zeros, self.context.init_state(batch_size))

    def forward(
        self, x_BTD: Tensor, state: MinGRUMemoryState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, MinGRUMemoryState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        before = self.init_state(len(x_BTD)) if state is None else state
        gate_BTD, candidate_BTD, context = self._inputs(x_BTD, state and state.context, reset_BT)
        h_BTD, h_BD = mingru_scan(gate_BTD, candidate_BTD, before.h_BD, reset_BT)
        written_BTK = self.writer(h_BTD)
        p_BT1, m_BTD = torch.sigmoid(written_BTK[..., -1:]), torch.tanh(written_BTK[..., :-1])
        memory_BTD, memory_BD = linear_scan(
            (1 - p_BT1).expand_as(m_BTD), p_BT1 * m_BTD, before.memory_BD, reset_BT
        )
        weight_h, weight_m = self.output.weight.split(self.config.dim, dim=1)
        y_BTD = linear_of_both(h_BTD, memory_BTD, weight_h, weight_m, self.output.bias)
        return y_BTD, MinGRUMemoryState(h_BD, memory_BD, context)

    def step(self, x_BD: Tensor, state: MinGRUMemoryState) -> tuple[Tensor, MinGRUMemoryState]:
        """See `Mixer.step`."""
        dtype = state.h_BD.dtype
        a_BD, context = self.context.step(x_BD, state.context)
        u_BE = torch.cat([x_BD, a_BD], dim=-1)
        gate_BD, u_BD = self.inputs(u_BE).to(dtype).chunk(2, dim=-1)
        h_BD = torch.lerp(state.h_BD, positive(u_BD), torch.sigmoid(gate_BD))
        written_BK = self.writer(h_BD.to(x_BD.dtype)).to(dtype)
        p_B1, m_BD = torch.sigmoid(written_BK[:, -1:]), torch.tanh(written_BK[:, :-1])
        memory_BD = (1 - p_B1) * state.memory_BD + p_B1 * m_BD
        y_BD = self.output(torch.cat([h_BD, memory_BD], dim=-1).to(x_BD.dtype))
        return y_BD, MinGRUMemoryState(h_BD, memory_BD, context)

    def decays(self, x_BTD: Tensor) -> Tensor:
        """See `runnel.mixer.Remembers`: 1 - z of h's channels, then 1 - p of M's."""
        gate_BTD, candidate_BTD, _ = self._inputs(x_BTD, None, None)
        h_BTD, _ = mingru_scan(gate_BTD, candidate_BTD)
        p_BT1 = torch.sigmoid(self.writer(h_BTD)[..., -1:])
        return torch.cat([torch.sigmoid(-gate_BTD), (1 - p_BT1).expand_as(h_BTD)], dim=-1)

    def _inputs(
        self, x_BTD: Tensor, state: ContextState | None, reset_BT: Tensor | None
    ) -> tuple[Tensor, Tensor, ContextState]:
        """Gate and candidate of minGRU over [x, a], and the context's state after them."""
        y_BTD, context = self.context.attended(x_BTD, state, reset_BT)
        parts = self.context.read_beside(x_BTD, y_BTD, self.inputs)
        gate_BTD, candidate_BTD = split(parts, self.config.dim)
        return gate_BTD, candidate_BTD, context
