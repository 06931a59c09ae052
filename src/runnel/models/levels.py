"""Levels of a causal pyramid: tokens, groups of 4 of them, groups of 4 groups, and so on.

A level reads its positions, compresses each whole group of four into one position of the next
level, and adds what that says to the positions after the group, never to the group itself. Groups
begin anew with each document; those that it leaves incomplete are dropped. One position at a time,
a group is compressed when its last member comes, and not again.
"""

# B batch, T time, D width of a level, E = 2 D that of the next one, G groups,
# S = 4 slots of a group, P = 3 positions before

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from runnel.mixer import state_dtype
from runnel.mixers.attention import Attention, AttentionConfig, AttentionState
from runnel.models.feedforward import FeedForward, Kind
from runnel.ops.places import count_after, places, take

GROUP = 4

BlockStates = tuple[AttentionState, ...]


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, attention: AttentionConfig, kind: Kind) -> None:
        super().__init__()
        dim = attention.dim
        self.mixer_norm, self.feedforward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mixer = Attention(attention)
        self.feedforward = FeedForward(dim, 4 * dim, kind)

    def forward(
        self,
        x_BTD: Tensor,
        state: AttentionState | None,
        reset_BT: Tensor | None,
        length_B: Tensor | None,
    ) -> tuple[Tensor, AttentionState]:
        """Outputs (B, T, D), and the state after the first `length_B` positions of each row."""
        y_BTD, state = self.mixer(self.mixer_norm(x_BTD), state, reset_BT, length_B)
        return self._channels(x_BTD + y_BTD), state

    def step(self, x_BD: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """One position of `forward`."""
        y_BD, state = self.mixer.step(self.mixer_norm(x_BD), state)
        return self._channels(x_BD + y_BD), state

    def _channels(self, x: Tensor) -> Tensor:
        return x + self.feedforward(self.feedforward_norm(x))


class Blocks(nn.Module):
    """Blocks one after the other; the deepest level is nothing else."""

    def __init__(self, count: int, attention: AttentionConfig, kind: Kind) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(attention, kind) for _ in range(count))

    def init_state(self, batch_size: int) -> BlockStates:
        """One state for each block."""
        return tuple(block.mixer.init_state(batch_size) for block in self._blocks())

    def forward(
        self,
        x_BTD: Tensor,
        state: BlockStates | None,
        reset_BT: Tensor | None,
        length_B: Tensor | None,
    ) -> tuple[Tensor, BlockStates]:
        """See `Block.forward`."""
        states = (None,) * len(self.blocks) if state is None else state
        after = []
        for block, before in zip(self._blocks(), states, strict=True):
            x_BTD, block_state = block(x_BTD, before, reset_BT, length_B)
            after.append(block_state)
        return x_BTD, tuple(after)

    def step(self, x_BD: Tensor, state: BlockStates) -> tuple[Tensor, BlockStates]:
        """One position of `forward`."""
        after = []
        for block, before in zip(self._blocks(), state, strict=True):
            x_BD, block_state = block.step(x_BD, before)
            after.append(block_state)
        return x_BD, tuple(after)

    def _blocks(self) -> list[Block]:
        return list(self.blocks)  # type: ignore[arg-type]


class LevelState(NamedTuple):
    """What a level and all deeper ones remember."""

    before: BlockStates
    after: BlockStates
    count_B: Tensor
    """positions of the document so far"""
    pending_BPD: Tensor
    """the last three inputs of the compressor, which the next group may need"""
    heard_BSD: Tensor
    """what the last whole group says to the four positions after it"""
    inner: Any
    """the state of the next level"""


class Level(nn.Module):
    """Blocks, a compressor, the next level, an expander, blocks; the deepest level is Blocks alone.

    `attentions` and `counts` (of blocks before and after) are those of this level and all deeper
    ones. Rows may hold different numbers of whole groups: `length_B` says how many positions of
    each row count, the others are padding that no state sees.
    """

    def __init__(
        self, attentions: Sequence[AttentionConfig], counts: Sequence[tuple[int, int]], kind: Kind
    ) -> None:
        super().__init__()
        (attention, wide), (before, after) = attentions[:2], counts[0]
        self.dim = attention.dim
        self.before = Blocks(before, attention, kind)
        self.compressor_norm = nn.LayerNorm(self.dim)
        self.compressor = nn.Linear(GROUP * self.dim, wide.dim)
        self.inner: Level | Blocks
        if len(attentions) > 2:
            self.inner = Level(attentions[1:], counts[1:], kind)
        else:
            self.inner = Blocks(counts[1][0], wide, kind)
        self.expander_norm = nn.LayerNorm(wide.dim)
        self.expander = nn.Linear(wide.dim, GROUP * self.dim)
        self.after = Blocks(after, attention, kind)

    def init_state(self, batch_size: int) -> LevelState:
        """Nothing read: zeros throughout."""
        weight = self.compressor.weight
        empty_BSD = weight.new_zeros(batch_size, GROUP, self.dim, dtype=state_dtype(weight))
        return LevelState(
            self.before.init_state(batch_size),
            self.after.init_state(batch_size),
            torch.zeros(batch_size, dtype=torch.int64, device=weight.device),
            empty_BSD[:, 1:],
            empty_BSD,
            self.inner.init_state(batch_size),
        )

    def forward(
        self,
        x_BTD: Tensor,
        state: LevelState | None,
        reset_BT: Tensor | None,
        length_B: Tensor | None,
    ) -> tuple[Tensor, LevelState]:
        """Outputs (B, T, D), and the state after the first `length_B` positions of each row."""
        (batch, time, _), fresh = x_BTD.shape, state is None
        state = self.init_state(batch) if state is None else state
        x_BTD, before = self.before(x_BTD, None if fresh else state.before, reset_BT, length_B)
        place_BT = places(state.count_B, time, reset_BT)
        count_B = count_after(state.count_B, place_BT, length_B)

        end_BG, groups_B, heard_BT = whole_groups(place_BT, length_B)
        long_BTD = torch.cat([state.pending_BPD.to(x_BTD.dtype), x_BTD], dim=1)
        heard_BGSD = state.heard_BSD.to(x_BTD.dtype).unsqueeze(1)
        inner = state.inner
        if end_BG.shape[1]:
            members_BK = (end_BG.unsqueeze(2) + torch.arange(GROUP, device=x_BTD.device)).flatten(1)
            group_BGSD = take(long_BTD, members_BK).unflatten(1, (-1, GROUP))
            first_BG = None if reset_BT is None else place_BT.gather(1, end_BG) < GROUP
            z_BGE, inner = self.inner(
                self._compressed(group_BGSD), None if fresh else inner, first_BG, groups_B
            )
            heard_BGSD = torch.cat([heard_BGSD, self._expanded(z_BGE)], dim=1)
        index_BT = GROUP * heard_BT + place_BT % GROUP
        h_BTD = take(heard_BGSD.flatten(1, 2), index_BT) * (place_BT >= GROUP).unsqueeze(2)
        y_BTD, after = self.after(x_BTD + h_BTD, None if fresh else state.after, reset_BT, length_B)

        last_B1 = (torch.full_like(count_B, time) if length_B is None else length_B).unsqueeze(1)
        age_P = torch.arange(GROUP - 1, 0, -1, device=x_BTD.device)
        pending_BPD = take(long_BTD, last_B1 + GROUP - 1 - age_P)
        pending_BPD = pending_BPD * (age_P <= count_B.unsqueeze(1)).unsqueeze(2)
        heard_BSD = take(heard_BGSD.flatten(2), groups_B.unsqueeze(1)).unflatten(2, (GROUP, -1))
        dtype, spoken_B = state.heard_BSD.dtype, count_B >= GROUP
        after_state = LevelState(
            before,
            after,
            count_B,
            pending_BPD.to(dtype),
            heard_BSD.squeeze(1).to(dtype),
            inner,
        )
        if reset_BT is None:
            return y_BTD, after_state
        # A document that has no whole group yet leaves the earlier one's in the deeper levels.
        return y_BTD, after_state._replace(
            heard_BSD=_kept(after_state.heard_BSD, spoken_B),
            inner=tree_map(lambda leaf: _kept(leaf, spoken_B), inner),
        )

    def step(self, x_BD: Tensor, state: LevelState) -> tuple[Tensor, LevelState]:
        """One position; only rows whose group it completes go to the next level."""
        x_BD, before = self.before.step(x_BD, state.before)
        slot_B = state.count_B % GROUP
        row_B = torch.arange(len(x_BD), device=x_BD.device)
        h_BD = state.heard_BSD[row_B, slot_B].to(x_BD.dtype)
        y_BD, after = self.after.step(x_BD + h_BD, state.after)
        group_BSD = torch.cat(
            [state.pending_BPD, x_BD.to(state.pending_BPD.dtype).unsqueeze(1)], dim=1
        )
        heard_BSD, inner = state.heard_BSD, state.inner
        rows = (slot_B == GROUP - 1).nonzero().squeeze(1)
        if len(rows):
            z, there = self.inner.step(
                self._compressed(group_BSD[rows].to(x_BD.dtype)),
                tree_map(lambda leaf: leaf[rows], inner),
            )
            said = self._expanded(z).to(heard_BSD.dtype)
            heard_BSD = heard_BSD.index_copy(0, rows, said)
            inner = tree_map(lambda leaf, new: leaf.index_copy(0, rows, new), inner, there)
        after_state = LevelState(
            before, after, state.count_B + 1, group_BSD[:, 1:], heard_BSD, inner
        )
        return y_BD, after_state

    def _compressed(self, group: Tensor) -> Tensor:
        """(..., S, D) to (..., E): the strided convolution at one group."""
        return self.compressor(self.compressor_norm(group).flatten(-2))

    def _expanded(self, z: Tensor) -> Tensor:
        """(..., E) to (..., S, D): the transposed convolution at one position."""
        return self.expander(self.expander_norm(z)).unflatten(-1, (GROUP, self.dim))


def whole_groups(place_BT: Tensor, length_B: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Where the groups of each row end, how many there are, and which one each position hears.

    Ends are padded with the last position to the most that a row can have. A position hears the
    last group that was whole before it, counted from 1; 0 is the one before the row.
    """
    time = place_BT.shape[1]
    time_T = torch.arange(time, device=place_BT.device)
    whole_BT = place_BT % GROUP == GROUP - 1
    if length_B is not None:
        whole_BT = whole_BT & (time_T < length_B.unsqueeze(1))
    most = -(-time // GROUP)
    end_BG = torch.where(whole_BT, time_T, time - 1).sort(1).values[:, :most]
    counted_BT = whole_BT.cumsum(1)
    return end_BG, whole_BT.sum(1), counted_BT - whole_BT.long()


def _kept(leaf: Tensor, kept_B: Tensor) -> Tensor:
    return torch.where(kept_B.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, torch.zeros_like(leaf))
