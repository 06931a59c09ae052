"""torch's own GRU (Cho et al. 2014), the baseline of every comparison."""

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
class GRUConfig(MixerConfig):
    """torch.nn.GRU of width dim."""

    name: ClassVar[str] = "gru"
    source: ClassVar[str] = "Cho et al. 2014, arXiv 1406.1078; torch.nn.GRU"

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ValueError(f"gru wants dim of at least 1; got {self.dim}")

    def build(self) -> "GRU":
        """Make the mixer with fresh weights."""
        return GRU(self)


class GRUState(NamedTuple):
    """The hidden state after the last token."""

    h_BD: Tensor


class GRU(Mixer[GRUState]):
    """h_t = (1 - z_t) n_t + z_t h_{t-1}; n_t = tanh(W_n x_t + b + r_t (U_n h_{t-1} + c))."""

    def __init__(self, config: GRUConfig) -> None:
        super().__init__()
        self.config = config
        self.cell = nn.GRU(config.dim, config.dim, batch_first=True)

    def init_state(self, batch_size: int) -> GRUState:
        """Zero."""
        weight = self.cell.all_weights[0][0]
        zeros = weight.new_zeros(batch_size, self.config.dim, dtype=state_dtype(weight))
        return GRUState(zeros)

    def forward(
        self, x_BTD: Tensor, state: GRUState | None = None, reset_BT: Tensor | None = None
    ) -> tuple[Tensor, GRUState]:
        """See `Mixer.forward`."""
        check_width(x_BTD, self.config.dim)
        h_BD = (state or self.init_state(len(x_BTD))).h_BD
        with torch.autocast(x_BTD.device.type, enabled=False):
            x_BTD = x_BTD.to(h_BD.dtype)
            if x_BTD.shape[1] == 0:
                return x_BTD, GRUState(h_BD)
            if reset_BT is None or not reset_BT.any():
                y_BTD, last_1BD = self.cell(x_BTD, h_BD.unsqueeze(0))
                return y_BTD, GRUState(last_1BD.squeeze(0))
            y_BTD, (h_BD,) = run_by_document(self._run, x_BTD, (h_BD,), reset_BT)
        return y_BTD, GRUState(h_BD)

    def step(self, x_BD: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        """See `Mixer.step`."""
        h_BD = state.h_BD
        weight_x, weight_h, bias_x, bias_h = self.cell.all_weights[0]
        r_x, z_x, n_x = F.linear(x_BD, weight_x, bias_x).chunk(3, dim=-1)
        r_h, z_h, n_h = F.linear(h_BD, weight_h, bias_h).chunk(3, dim=-1)
        r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
        h_BD = torch.lerp(torch.tanh(n_x + r * n_h), h_BD, z)
        return h_BD, GRUState(h_BD)

    def decays(self, x_BTD: Tensor) -> Tensor:
        """See `runnel.mixer.Remembers`: the update gate z, whose outputs are the states."""
        h_BTD = self.forward(x_BTD)[0]
        before_BTD = torch.cat([torch.zeros_like(h_BTD[:, :1]), h_BTD[:, :-1]], dim=1)
        weight_x, weight_h, bias_x, bias_h = self.cell.all_weights[0]
        z_x = F.linear(x_BTD, weight_x, bias_x).chunk(3, dim=-1)[1]
        z_h = F.linear(before_BTD, weight_h, bias_h).chunk(3, dim=-1)[1]
        return torch.sigmoid(z_x + z_h)

    def recurrent_matrices(self) -> dict[str, Tensor]:
        """See `runnel.mixer.Recurs`."""
        return dict(zip("rzn", self.cell.all_weights[0][1].chunk(3), strict=True))

    def _run(
        self, x: PackedSequence, states: tuple[Tensor, ...]
    ) -> tuple[PackedSequence, tuple[Tensor, ...]]:
        y, last_1ND = self.cell(x, states[0].unsqueeze(0))
        return y, (last_1ND.squeeze(0),)
