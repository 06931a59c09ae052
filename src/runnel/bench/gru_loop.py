"""The loop that the memory mixer replaces: torch's GRUCell, step by step (tinystoriesgru)."""

# B batch, T time, D model width, V vocabulary

import torch
from torch import Tensor, nn

from runnel.models.plain import PlainConfig


class GRULoop(nn.Module):
    """`PlainConfig` with a memory mixer, as plain torch writes it; windows of at most `window`."""

    future: Tensor

    def __init__(self, config: PlainConfig, heads: int, dropout: float = 0.0, window: int = 256):
        super().__init__()
        dim = config.dim
        self.embedding = nn.Embedding(config.vocab_size, dim)
        self.places = nn.Embedding(window, dim)
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True, dropout=dropout)
        self.cell = nn.GRUCell(3 * dim, dim)
        self.priority, self.writer = nn.Linear(dim, 1), nn.Linear(dim, dim)
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, config.vocab_size)
        future = torch.ones(window, window, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Logits (B, T, V), from a fresh state."""
        time = tokens_BT.shape[1]
        x_BTD = self.embedding(tokens_BT)
        placed_BTD = self.dropout(x_BTD + self.places.weight[:time])
        mask_TT = self.future[:time, :time]
        a_BTD, _ = self.attention(placed_BTD, placed_BTD, placed_BTD, attn_mask=mask_TT)
        h_BD = memory_BD = torch.zeros_like(x_BTD[:, 0])
        outputs = []
        for t in range(time):
            h_BD = self.cell(torch.cat([x_BTD[:, t], a_BTD[:, t], memory_BD], dim=1), h_BD)
            p_B1, m_BD = torch.sigmoid(self.priority(h_BD)), torch.tanh(self.writer(h_BD))
            memory_BD = (1 - p_B1) * memory_BD + p_B1 * m_BD
            outputs.append(h_BD)
        return self.head(self.norm(torch.stack(outputs, dim=1)))
