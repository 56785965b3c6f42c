"""Where the tokens of a padded batch stand, and how rows of like length are put together.

    (batch, tokens, width) ⇄ (real tokens, width)          for everything that goes token by token
    (real tokens, heads, head width) ⇄ groups of rows      for attention, which goes row by row

A group is padded to its own longest row alone. In bfloat16, products of matrices come from kernels
that are made for one shape, which takes about as long as to run one; and memory that was given back
fits the next batch only where sizes come again. So the number of tokens is rounded up by spare
ones, which nothing reads and no gradient comes from, and so are the groups' widths.
Next: `attention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from luthier.models.speedups.host_copies import to_device

ALIKE = 0.7  # rows of a group are at least so long as this share of its longest
WORTH = 4096  # or would spare fewer pairs of tokens than this by a group of their own
MOST = 2**18  # pairs of tokens in a group of several rows: more leave the cache
WIDTH = 8  # what the width of a group is rounded up to


class Asking(NamedTuple):
    """The one token of each row that a head reads.

    Args:
        slots: Among all slots of the batch, (batch,). `tokens`: Among the real ones, (batch,).
        places: Within its row, (batch,).
        is_end: Whether they are the last of their rows.
    """

    slots: Tensor
    tokens: Tensor
    places: Tensor
    is_end: bool

    def to(self, device: torch.device) -> Asking:
        """Move it from the host to a device."""
        slots, tokens, places = (to_device(one, device) for one in self[:3])
        return Asking(slots, tokens, places, self.is_end)


class Group(NamedTuple):
    """Rows that attend together.

    Args:
        rows: Which of the batch. `width`: Tokens of the longest.
        first: Where the group begins among all groups' padded tokens.
        lengths: Tokens of each row, (rows,). Those of one length need no mask.
    """

    rows: tuple[int, ...]
    width: int
    first: int
    lengths: Tensor

    @property
    def is_even(self) -> bool:
        """Whether all rows have the same length."""
        return bool((self.lengths == self.width).all())


@dataclass
class Layout:
    """Real tokens of a padded batch, row after row.

    Args:
        mask: True where there is a token, (batch, tokens).
        slots: Place of each real token among all slots of the batch, and the last one's once more
            for each spare token, (tokens,).
        n_spare: How many of these are spare.
        lengths: Real tokens of each row, (batch,), as numbers of Python.
        groups: Rows of like length.
        places: Real token behind each slot of the groups, their padding repeats a row's last one.
        padding: Slots of the groups that are padding.
        offsets: On a device, where all rows attend at once: where each row begins among the real
            tokens, and their number, (batch + 1,). There are no groups then.
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
        """Which rows make up each group."""
        return [group.rows for group in self.groups]

    @property
    def n_real(self) -> int:
        """How many tokens are real."""
        return len(self.slots) - self.n_spare

    @staticmethod
    def far(mask: Tensor) -> Layout:
        """Find the real tokens of a mask on the host, for a device; `to` moves what was found.

        Kernels for rows of unequal length want a token in each: an empty row keeps its first slot.
        """
        real = mask != 0
        real[:, 0] |= ~real.any(dim=1)
        found = Layout.of(real, ())
        found.offsets = torch.tensor([0, *accumulate(found.lengths)])
        return found

    def to(self, device: torch.device) -> Layout:
        """Move what `far` found."""
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
        """Find the real tokens of an attention mask (batch, tokens), wherever the padding is.

        Args:
            mask: Of one text for each row.
            together: Which rows make up each group; None: those of like length; (): no groups.
            step: What the number of tokens is rounded up to; 1: nothing is rounded.
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
        """Find the tokens at some places, one of each row, (batch,); each must be a real one."""
        batch, tokens = self.mask.shape
        slots = places + torch.arange(batch, device=places.device) * tokens
        among = torch.searchsorted(self.slots, slots)
        starts = torch.tensor(self.lengths, device=places.device).cumsum(0)
        is_end = bool((among == starts - 1).all())
        return Asking(slots, among, among - torch.cat([starts.new_zeros(1), starts[:-1]]), is_end)

    def flatten(self, states: Tensor, slots: Tensor | None = None) -> Tensor:
        """Take all tokens but padding, or some slots, (batch or 1, tokens, …) to (1, taken, …)."""
        batch, tokens = self.mask.shape
        if len(states) != batch:
            states = states.expand(batch, *states.shape[1:])
        taken = self.slots if slots is None else slots
        return states.reshape(batch * tokens, *states.shape[2:]).index_select(0, taken)[None]

    def unflatten(self, states: Tensor, slots: Tensor | None = None) -> Tensor:
        """Put tokens back, (1, some tokens, width) to (batch, tokens, width); zeros elsewhere."""
        batch, tokens = self.mask.shape
        padded = states.new_zeros(batch * tokens, states.shape[-1])
        if slots is None:
            slots, states = self.slots[: self.n_real], states[:, : self.n_real]
        placed = padded.index_copy(0, slots, states[0])
        return placed.view(batch, tokens, -1)

    def by_head(self, n_heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give `places` and `padding` for (token, head) pairs, heads inside groups outside.

        Tokens of a group of `rows` and `width` stand as (rows, heads, width). Third: the slot of
        each pair of a real token, (real tokens × heads,).
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
    """Put rows of like length together, longest first; few short ones are no group of their own.

    What a group needs for each head and pair of tokens goes through memory several times, and what
    is large is asked from the system anew each time. So a group of long rows has few.

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
