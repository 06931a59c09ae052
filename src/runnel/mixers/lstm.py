"""torch's own LSTM (Hochreiter & Schmidhuber 1997), the baseline of every comparison."""

# B batch, T time, D model width

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from runnel.mixer import Mixer, MixerConfig, check_width, state_dtype
from runnel.ops.documents import run_by_document


@dataclass(frozen=True, kw_only=True)
class LSTMConfig(MixerConfig):
    """torch.nn.LSTM of width dim."""

    name: ClassVar[str] = "lstm"
    source: ClassVar[str] = "Hochreiter & Schmidhuber 1997; torch.nn.LSTM"

    forget_bias: float = 1.0
    """the forget gate's bias at the start; larger remembers longer"""

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ValueError(f"lstm wants dim of at least 1; got {self.dim}")

    def build(self) -> "LSTM":
        """Make the mixer with fresh weights."""
        return LSTM(self)


class LSTMState(NamedTuple):
    """The output and the cell after the last token."""

    h_BD: Tensor
    c_BD: Tensor


class LSTM(Mixer[LSTMState]):
    """c_t = f_t c_{t-1} + i_t tanh(g_t); h_t = o_t tanh(c_t); all gates see x_t and h_{t-1}."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.cell = nn.LSTM(config.dim, config.dim, batch_first=True)
        with torch.no_grad():
            _, _, bias_x, bias_h = self.cell.all_weights[0]
            bias_h.zero_()
            bias_x[config.dim : 2 * config.dim] = config.forget_bias

    def init_state(self, batch_size: int) -> LSTMState:
        """Zero."""
        weight = self.cell.all_weights[0][0]
        zeros = weight.new_zeros(batch_size, self.config.dim, dtype=state_dtype(weight))
        return LSTMState(zeros, zeros)

    def forward(
        self, x_BTD: Tensor, state: LSTMState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, LSTMState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        h_BD, c_BD = state or self.init_state(len(x_BTD))
        with torch.autocast(x_BTD.device.type, enabled=False):
            x_BTD = x_BTD.to(h_BD.dtype)
            if x_BTD.shape[1] == 0:
                return x_BTD, LSTMState(h_BD, c_BD)
            if reset_BT is None or not reset_BT.any():
                y_BTD, last = self.cell(x_BTD, (h_BD.unsqueeze(0), c_BD.unsqueeze(0)))
                return y_BTD, LSTMState(*(s.squeeze(0) for s in last))
            y_BTD, after = run_by_document(self._run, x_BTD, (h_BD, c_BD), reset_BT)
        return y_BTD, LSTMState(*after)

    def step(self, x_BD: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """See `Mixer.step`."""
        weight_x, weight_h, bias_x, bias_h = self.cell.all_weights[0]
        gates = F.linear(x_BD, weight_x, bias_x) + F.linear(state.h_BD, weight_h, bias_h)
        i, f, g, o = gates.chunk(4, dim=-1)
        c_BD = torch.sigmoid(f) * state.c_BD + torch.sigmoid(i) * torch.tanh(g)
        h_BD = torch.sigmoid(o) * torch.tanh(c_BD)
        return h_BD, LSTMState(h_BD, c_BD)

    def decays(self, x_BTD: Tensor) -> Tensor:
        """See `runnel.mixer.Remembers`: the forget gate f of the cells."""
        h_BTD = self.forward(x_BTD)[0]
        before_BTD = torch.cat([torch.zeros_like(h_BTD[:, :1]), h_BTD[:, :-1]], dim=1)
        weight_x, weight_h, bias_x, bias_h = self.cell.all_weights[0]
        gates = F.linear(x_BTD, weight_x, bias_x) + F.linear(before_BTD, weight_h, bias_h)
        return torch.sigmoid(gates.chunk(4, dim=-1)[1])

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """See `runnel.mixer.Recurs`."""
        return dict(zip("ifgo", self.cell.all_weights[0][1].chunk(4), strict=True))

    def _run(
        self, x: PackedSequence, states: tuple[Tensor, ...]
    ) -> tuple[PackedSequence, tuple[Tensor, ...]]:
        y, last = self.cell(x, tuple(s.unsqueeze(0) for s in states))
        return y, tuple(s.squeeze(0) for s in last)
