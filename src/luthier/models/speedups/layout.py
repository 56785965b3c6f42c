"""Positions of the real tokens of a padded batch, and groups of rows of similar length.

    (batch, tokens, width) ⇄ (real tokens, width)          for layers that treat each token alone
    (real tokens, heads, head width) ⇄ groups of rows      for attention, which works within rows

A group is padded only to its own longest row. The number of tokens and the widths of groups are
rounded up, for two reasons: matrix products in bfloat16 compile a kernel per shape, which takes
about as long as running one, and freed memory is reused only if the same sizes come again. The
spare tokens that rounding adds are read by nothing and pass no gradient. Next: `attention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from luthier.models.speedups.host_copies import to_device

ALIKE = 0.7  # least length of a group's rows, as a share of its longest
WORTH = 4096  # least number of pairs of tokens that a new group must save
MOST = 2**18  # most pairs of tokens in a group of several rows: more exceed the cache
WIDTH = 8  # the width of a group is a multiple of this


class Asking(NamedTuple):
    """The one token of each row that a head reads.

    Args:
        slots: Its index among all slots of the padded batch, (batch,).
        tokens: Its index among the real tokens, (batch,).
        places: Its index among the real tokens of its row, (batch,).
        is_end: Whether it is the last of its row, in every row.
    """

    slots: Tensor
    tokens: Tensor
    places: Tensor
    is_end: bool

    def to(self, device: torch.device) -> Asking:
        """Move the indices from the host to a device."""
        slots, tokens, places = (to_device(one, device) for one in self[:3])
        return Asking(slots, tokens, places, self.is_end)


class Group(NamedTuple):
    """Rows whose attention is computed together.

    Args:
        rows: Indices of the rows in the batch.
        width: Number of tokens that rows are padded to.
        first: Index of the group's first slot among the slots of all groups.
        lengths: Number of real tokens of each row, (rows,).
    """

    rows: tuple[int, ...]
    width: int
    first: int
    lengths: Tensor

    @property
    def is_even(self) -> bool:
        """Whether all rows have the same length, so that no mask is needed."""
        return bool((self.lengths == self.width).all())


@dataclass
class Layout:
    """Real tokens of a padded batch, row after row.

    Args:
        mask: True at real tokens, (batch, tokens).
        slots: Index of each real token among all slots of the batch, (tokens,); the last index is
            repeated for spare tokens.
        n_spare: Number of spare tokens.
        lengths: Number of real tokens of each row, (batch,), as Python integers.
        groups: Rows of similar length.
        places: Index of the real token at each slot of the groups; padding repeats the last.
        padding: Slots of the groups that are padding.
        offsets: Where each row starts among the real tokens, and their total, (batch + 1,).
            Set on a device only, where all rows are computed at once and there are no groups.
        by_heads: Results of `by_head`, by the number of heads.
        barred: Additive masks of groups, by what they depend on.
    """

    mask: Tensor
    slots: Tensor
    n_spare: int
    lengths: list[int]
    groups: list[Group]
    places: Tensor
    padding: Tensor
    offsets: Tensor | None = None
    by_heads: dict[int, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)
    barred: dict[tuple[Any, ...], Tensor | None] = field(default_factory=dict)

    @property
    def groups_of_rows(self) -> list[tuple[int, ...]]:
        """Indices of the rows of each group."""
        return [group.rows for group in self.groups]

    @property
    def n_real(self) -> int:
        """Number of real tokens."""
        return len(self.slots) - self.n_spare

    @staticmethod
    def far(mask: Tensor) -> Layout:
        """Lay out a mask on the host, for a device; `to` moves the result there.

        Kernels for rows of unequal length need a token in each, so an empty row keeps its first.
        """
        real = mask != 0
        real[:, 0] |= ~real.any(dim=1)
        found = Layout.of(real, ())
        found.offsets = torch.tensor([0, *accumulate(found.lengths)])
        return found

    def to(self, device: torch.device) -> Layout:
        """Move a layout made by `far`."""
        offsets = None if self.offsets is None else to_device(self.offsets, device)
        mask, slots = to_device(self.mask, device), to_device(self.slots, device)
        return replace(self, mask=mask, slots=slots, offsets=offsets)

    @staticmethod
    def of(
        mask: Tensor,
        together: Sequence[tuple[int, ...]] | None = None,
        *,
        step: int = 1,
    ) -> Layout:
        """Lay out an attention mask, with padding on either side.

        Args:
            mask: Attention mask, (batch, tokens); each row is one text.
            together: Indices of the rows of each group; None groups rows of similar length, and ()
                makes no groups.
            step: The number of tokens is rounded up to a multiple of this.
        """
        real = mask.bool()
        counts = real.sum(dim=1)
        lengths = counts.tolist()
        starts = (counts.cumsum(0) - counts).tolist()
        none = torch.empty(0, dtype=torch.long, device=mask.device)
        groups, places, is_padding = [], [none], [none.bool()]
        first = 0
        for rows in alike(lengths) if together is None else together:
            width = max(1, *(lengths[row] for row in rows))
            if step > 1:
                width = min(width + -width % WIDTH, mask.shape[1])
            own = counts[list(rows)]
            groups.append(Group(rows, width, first, own))
            begin = torch.tensor([starts[row] for row in rows], device=mask.device)
            steps = torch.arange(width, device=mask.device)
            last = (own - 1).clamp(min=0)
            # slot -> real token, (rows, width): counting on from a row's start, stopping at its end
            places.append((begin[:, None] + torch.minimum(steps, last[:, None])).flatten())
            is_padding.append((steps >= own[:, None]).flatten())
            first += len(rows) * width
        slots = torch.nonzero(real.flatten()).flatten()
        n_spare = min(-len(slots) % step, real.numel() - len(slots)) if len(slots) else 0
        if n_spare:
            slots = torch.cat([slots, slots[-1:].expand(n_spare)])
        padded = torch.nonzero(torch.cat(is_padding)).flatten()
        return Layout(real, slots, n_spare, lengths, groups, torch.cat(places), padded)

    def asking(self, places: Tensor) -> Asking:
        """Find the real tokens at given positions, one of each row, (batch,)."""
        batch, tokens = self.mask.shape
        slots = places + torch.arange(batch, device=places.device) * tokens
        among = torch.searchsorted(self.slots, slots)
        starts = torch.tensor(self.lengths, device=places.device).cumsum(0)
        is_end = bool((among == starts - 1).all())
        return Asking(slots, among, among - torch.cat([starts.new_zeros(1), starts[:-1]]), is_end)

    def flatten(self, states: Tensor, slots: Tensor | None = None) -> Tensor:
        """Take the real tokens, or those at `slots`, (batch or 1, tokens, …) to (1, taken, …)."""
        batch, tokens = self.mask.shape
        if len(states) != batch:
            states = states.expand(batch, *states.shape[1:])
        taken = self.slots if slots is None else slots
        return states.reshape(batch * tokens, *states.shape[2:]).index_select(0, taken)[None]

    def unflatten(self, states: Tensor, slots: Tensor | None = None) -> Tensor:
        """Put tokens back, (1, taken, width) to (batch, tokens, width); padding becomes zeros."""
        batch, tokens = self.mask.shape
        padded = states.new_zeros(batch * tokens, states.shape[-1])
        if slots is None:
            slots, states = self.slots[: self.n_real], states[:, : self.n_real]
        placed = padded.index_copy(0, slots, states[0])
        return placed.view(batch, tokens, -1)

    def by_head(self, n_heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Expand `places` and `padding` to pairs of a token and a head.

        The slots of a group are ordered as (rows, heads, width), so that each row and head is one
        contiguous matrix (width, head width).

        Returns:
            For each slot, its pair among (real tokens × heads,); the slots that are padding; and
            for each pair of a real token, its slot.
        """
        if n_heads not in self.by_heads:
            heads = torch.arange(n_heads, device=self.mask.device)
            places, paddings = [], []
            back = torch.empty(self.n_real, n_heads, dtype=torch.long, device=self.mask.device)
            is_padding = torch.zeros(len(self.places), dtype=torch.bool, device=self.mask.device)
            is_padding[self.padding] = True
            for group in self.groups:
                n_rows, width = len(group.rows), group.width
                own = slice(group.first, group.first + n_rows * width)
                tokens = self.places[own].view(n_rows, 1, width)
                place = (tokens * n_heads + heads[:, None]).flatten()  # (rows, heads, width)
                padded = is_padding[own].view(n_rows, 1, width).expand(-1, n_heads, -1).flatten()
                here = torch.arange(len(place), device=place.device) + group.first * n_heads
                back.view(-1)[place[~padded]] = here[~padded]
                places.append(place)
                paddings.append(here[padded])
            self.by_heads[n_heads] = (
                torch.cat(places),
                torch.cat(paddings),
                back.view(-1),
            )
        return self.by_heads[n_heads]


def alike(lengths: list[int]) -> list[tuple[int, ...]]:
    """Group rows of similar length, longest first; a few short rows join the group before them.

    The attention weights of a group pass through memory several times, and large buffers are
    requested from the system each time. So groups of long rows have few rows.

    >>> alike([5, 90, 88, 6])
    [(1, 2), (3, 0)]
    >>> alike([5, 9, 8, 6])
    [(1, 2, 3, 0)]
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    groups: list[list[int]] = []
    for place, row in enumerate(order):
        longest, own = lengths[groups[-1][0]] if groups else 0, lengths[row]
        spared = (len(order) - place) * (longest**2 - own**2)
        has_room = groups and (len(groups[-1]) + 1) * longest**2 <= MOST
        if has_room and (own >= ALIKE * longest or spared < WORTH):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [tuple(group) for group in groups]
