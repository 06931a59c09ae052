"""The context of a memory mixer: causal attention whose places are counted within its window.

As kavyamali/tinystoriesgru generates: a token sees the last W tokens, itself included; while a
sequence has no more than W, each stands at its own place from the start, and from then on the
oldest one that is seen stands at place 0 and the newest at W - 1.
"""

# B batch, T time, D width, N heads, H width of a head, W window, S keys within reach

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixer import choose_heads, state_dtype
from runnel.ops.attention import causal_attention
from runnel.ops.dropout import dropout
from runnel.ops.places import count_after, places
from runnel.ops.ring import ages, last_entries, within_reach


def check_context(dim: int, heads: int, window: int, dropout: float) -> None:
    """Raise ValueError unless a context can be made of these."""
    if dim < 1 or window < 1 or heads < 0 or not 0 <= dropout < 1:
        raise ValueError(
            "a memory mixer wants dim and window of at least 1, heads of at least 0 and dropout in "
            f"[0, 1); got dim={dim}, window={window}, heads={heads}, dropout={dropout}"
        )
    choose_heads(dim, heads)


class ContextState(NamedTuple):
    """The last W keys and values without their places, oldest first, and the tokens so far."""

    keys_BNWH: Tensor
    values_BNWH: Tensor
    count_B: Tensor


def linear_of_both(
    x_BTD: Tensor, y_BTE: Tensor, weight_x: Tensor, weight_y: Tensor, bias: Tensor
) -> Tensor:
    """W [x, y] + b from the halves of W, without joining x and y."""
    from_x = F.linear(x_BTD, weight_x, bias)
    both = torch.addmm(from_x.flatten(0, 1), y_BTE.flatten(0, 1), weight_y.T)
    return both.view_as(from_x)


class Context(nn.Module):
    """a_t = W_o softmax(q_t k / sqrt(H)) v over the window, all made from x + place.

    A key of a sliding window would have to be made anew for every place that it passes. But
    W (x + p) = W x + W p: keys are kept without their place, and the products with W p of all W
    places are added where they fall.
    """

    def __init__(self, dim: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        self.heads = choose_heads(dim, heads)
        self.window, self.dropout = window, dropout
        self.inputs = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)
        self.places = nn.Embedding(window, dim)

    def init_state(self, batch_size: int) -> ContextState:
        """No key seen yet."""
        weight = self.inputs.weight
        shape = (batch_size, self.heads, self.window, weight.shape[1] // self.heads)
        keys = weight.new_zeros(shape, dtype=state_dtype(weight))
        count = torch.zeros(batch_size, dtype=torch.int64, device=weight.device)
        return ContextState(keys, keys, count)

    def forward(
        self, x_BTD: Tensor, state: ContextState | None, reset_BT: Tensor | None
    ) -> tuple[Tensor, ContextState]:
        """The contexts (B, T, D) and the state after the last token."""
        y_BTD, after = self.attended(x_BTD, state, reset_BT)
        return self.output(y_BTD), after

    def attended(
        self, x_BTD: Tensor, state: ContextState | None, reset_BT: Tensor | None
    ) -> tuple[Tensor, ContextState]:
        """The contexts before W_o, and the state after the last token."""
        batch, time, _ = x_BTD.shape
        x_BTD = dropout(x_BTD, self.dropout, self.training)
        if state is None and reset_BT is None and time <= self.window:
            return self._whole(x_BTD)
        before = self.init_state(batch) if state is None else state
        query, key, value = self._heads(self.inputs(x_BTD))
        count_BT = places(before.count_B, time, reset_BT)
        if state is None and time <= self.window:
            y = self._from_the_start(query, key, value, count_BT)
        else:
            y = self._sliding(query, key, value, before, count_BT)
        count_B = count_after(before.count_B, count_BT)
        after = ContextState(
            last_entries(_joined(before.keys_BNWH, key), before.keys_BNWH, count_B),
            last_entries(_joined(before.values_BNWH, value), before.values_BNWH, count_B),
            count_B,
        )
        return y.transpose(1, 2).flatten(2), after

    def read_beside(self, x_BTD: Tensor, y_BTD: Tensor, layer: nn.Linear) -> Tensor:
        """W [x, a] + b of a layer, where a = W_o y + b_o is read by that layer alone.

        W_o is taken into its matrix: one product less over all tokens, and nothing joined.
        """
        with torch.autocast(x_BTD.device.type, enabled=False):
            weight_x, weight_a = layer.weight.split(x_BTD.shape[-1], dim=1)
            weight_y = weight_a @ self.output.weight
            bias = torch.addmv(layer.bias, weight_a, self.output.bias)
        return linear_of_both(x_BTD, y_BTD, weight_x, weight_y, bias)

    def step(self, x_BD: Tensor, state: ContextState) -> tuple[Tensor, ContextState]:
        """One token of `forward`."""
        window, (ring, _, count_B) = self.window, state
        query, key, value = self._heads(self.inputs(x_BD).unsqueeze(1).to(ring.dtype))
        keys = torch.cat([state.keys_BNWH[:, :, 1:], key], dim=2)
        values = torch.cat([state.values_BNWH[:, :, 1:], value], dim=2)
        own_B = count_B.clamp(max=window - 1)
        place_BW = own_B.unsqueeze(1) - torch.arange(window - 1, -1, -1, device=count_B.device)
        placed = self._placed().to(ring.dtype)
        place_q, place_k, place_v = self._heads(placed[place_BW.clamp(min=0)])
        scores = (query + place_q[:, :, -1:]) @ (keys + place_k).mT * keys.shape[-1] ** -0.5
        unseen = (place_BW < 0)[:, None, None, :]
        weights = torch.softmax(scores.masked_fill(unseen, -torch.inf), dim=-1)
        y_BD = (weights @ (values + place_v)).transpose(1, 2).flatten(1)
        return self.output(y_BD.to(x_BD.dtype)), ContextState(keys, values, count_B + 1)

    def _whole(self, x_BTD: Tensor) -> tuple[Tensor, ContextState]:
        """One sequence a row, from its start: places are added to x itself."""
        batch, time, _ = x_BTD.shape
        query, key, value = self._heads(self.inputs(x_BTD + self.places.weight[:time]))
        y = causal_attention(query, key, value)
        _, place_k, place_v = self._heads(self._placed()[:time].unsqueeze(0))
        dtype, before = state_dtype(self.inputs.weight), self.window - time
        keys, values = (
            F.pad(placed.to(dtype) - place.to(dtype), (0, 0, before, 0))
            for placed, place in ((key, place_k), (value, place_v))
        )
        count_B = torch.full((batch,), time, device=x_BTD.device)
        return y.transpose(1, 2).flatten(2), ContextState(keys, values, count_B)

    def _from_the_start(
        self, query: Tensor, key: Tensor, value: Tensor, count_BT: Tensor
    ) -> Tensor:
        """No window slides: each token keeps its own place in its document."""
        place_q, place_k, place_v = self._heads(self._placed()[count_BT])
        mask = within_reach(count_BT, self.window, 0).unsqueeze(1)
        return F.scaled_dot_product_attention(
            query + place_q, key + place_k, value + place_v, attn_mask=mask
        )

    def _sliding(
        self, query: Tensor, key: Tensor, value: Tensor, before: ContextState, count_BT: Tensor
    ) -> Tensor:
        keys, values = _joined(before.keys_BNWH, key), _joined(before.values_BNWH, value)
        own_BT = count_BT.clamp(max=self.window - 1)
        seen = within_reach(count_BT, self.window, self.window).unsqueeze(1)
        age_TS = ages(count_BT.shape[1], self.window, count_BT.device)
        place = (own_BT.unsqueeze(-1) - age_TS).clamp(0, self.window - 1).unsqueeze(1)
        place = place.expand(-1, self.heads, -1, -1)
        placed = self._placed()
        query = query + self._heads(placed[own_BT])[0]
        _, place_k, place_v = self._heads(placed.unsqueeze(0))
        scores = query @ keys.mT + (query @ place_k.mT).gather(-1, place)
        scores = (scores * keys.shape[-1] ** -0.5).masked_fill(~seen, -torch.inf)
        weights = torch.softmax(scores, dim=-1)
        at_place = weights.new_zeros(*weights.shape[:3], self.window)
        at_place = at_place.scatter_add(-1, place, weights)
        return weights @ values + at_place @ place_v

    def _placed(self) -> Tensor:
        """What each place adds to query, key and value (W, 3 D)."""
        return F.linear(self.places.weight, self.inputs.weight)

    def _heads(self, x_BT3: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in x_BT3.chunk(3, -1)
        )
        return query, key, value


def _joined(ring_BNWH: Tensor, new_BNTH: Tensor) -> Tensor:
    return torch.cat([ring_BNWH.to(new_BNTH.dtype), new_BNTH], dim=2)
