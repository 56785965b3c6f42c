"""Where the tokens of a padded batch stand, and how rows of like length are put together.

    (batch, tokens, width) ⇄ (real tokens, width)          for everything that goes token by token
    (real tokens, heads, head width) ⇄ groups of rows      for attention, which goes row by row

A group is padded to its own longest row alone. Next: `attention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

ALIKE = 0.7  # rows of a group are at least so long as this share of its longest
WORTH = 4096  # or would spare fewer pairs of tokens than this by a group of their own


class Asking(NamedTuple):
    """The one token of each row that a head reads.

    Args:
        slots: Among all slots of the batch, (batch,). `tokens`: Among the real ones, (batch,).
        places: Within its row, (batch,).
    """

    slots: Tensor
    tokens: Tensor
    places: Tensor


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
        slots: Place of each real token among all slots of the batch, (real tokens,).
        lengths: Real tokens of each row, (batch,), as numbers of Python.
        groups: Rows of like length.
        places: Real token behind each slot of the groups, their padding repeats a row's last one.
        padding: Slots of the groups that are padding.
        back: Slot in the groups of each real token, (real tokens,).
    """

    mask: Tensor
    slots: Tensor
    lengths: list[int]
    groups: list[Group]
    places: Tensor
    padding: Tensor
    back: Tensor
    kept: dict[Any, Any] = field(default_factory=dict)  # what was derived from it, by what it is

    @property
    def groups_of_rows(self) -> list[tuple[int, ...]]:
        """Which rows make up each group."""
        return [group.rows for group in self.groups]

    @staticmethod
    def of(mask: Tensor, together: Sequence[tuple[int, ...]] | None = None) -> Layout:
        """Find the real tokens of an attention mask (batch, tokens), wherever the padding is.

        Args:
            mask: Of one text for each row.
            together: Which rows make up each group; None: those of like length.
        """
        real = mask.bool()
        counts = real.sum(dim=1)
        lengths = counts.tolist()
        starts = (counts.cumsum(0) - counts).tolist()
        groups, places, is_padding = [], [], []
        first = 0
        for rows in alike(lengths) if together is None else together:
            width = max(1, *(lengths[row] for row in rows))
            own = counts[list(rows)]
            groups.append(Group(rows, width, first, own))
            begin = torch.tensor([starts[row] for row in rows], device=mask.device)
            steps = torch.arange(width, device=mask.device)
            last = (own - 1).clamp(min=0)
            places.append((begin[:, None] + torch.minimum(steps, last[:, None])).flatten())
            is_padding.append((steps >= own[:, None]).flatten())
            first += len(rows) * width
        place, padded = torch.cat(places), torch.cat(is_padding)
        back = torch.empty(int(counts.sum()), dtype=torch.long, device=mask.device)
        kept = torch.nonzero(~padded).flatten()
        back[place[kept]] = kept
        return Layout(
            real,
            torch.nonzero(real.flatten()).flatten(),
            lengths,
            groups,
            place,
            torch.nonzero(padded).flatten(),
            back,
        )

    def asking(self, places: Tensor) -> Asking:
        """Find the tokens at some places, one of each row, (batch,); each must be a real one."""
        batch, tokens = self.mask.shape
        slots = places + torch.arange(batch, device=places.device) * tokens
        among = torch.searchsorted(self.slots, slots)
        starts = torch.tensor(self.lengths, device=places.device).cumsum(0)
        return Asking(slots, among, among - torch.cat([starts.new_zeros(1), starts[:-1]]))

    def flatten(self, states: Tensor, slots: Tensor | None = None) -> Tensor:
        """Take the real tokens, or some slots, (batch or 1, tokens, …) to (1, taken, …)."""
        batch, tokens = self.mask.shape
        if len(states) != batch:
            states = states.expand(batch, *states.shape[1:])
        taken = self.slots if slots is None else slots
        return states.reshape(batch * tokens, *states.shape[2:]).index_select(0, taken)[None]

    def unflatten(self, states: Tensor, slots: Tensor | None = None) -> Tensor:
        """Put tokens back, (1, some tokens, width) to (batch, tokens, width); zeros elsewhere."""
        batch, tokens = self.mask.shape
        padded = states.new_zeros(batch * tokens, states.shape[-1])
        placed = padded.index_copy(0, self.slots if slots is None else slots, states[0])
        return placed.view(batch, tokens, -1)

    def by_head(self, n_heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give `places`, `padding` and `back` for (token, head) pairs, heads inside groups outside.

        Tokens of a group of `rows` and `width` stand as (rows, heads, width).
        """
        if ("heads", n_heads) not in self.kept:
            heads = torch.arange(n_heads, device=self.mask.device)
            places, paddings = [], []
            back = torch.empty(len(self.slots), n_heads, dtype=torch.long, device=self.mask.device)
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
            self.kept["heads", n_heads] = (
                torch.cat(places),
                torch.cat(paddings),
                back.view(-1),
            )
        return self.kept["heads", n_heads]


def alike(lengths: list[int]) -> list[tuple[int, ...]]:
    """Put rows of like length together, longest first; few short ones are no group of their own.

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
        if groups and (own >= ALIKE * longest or spared < WORTH):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [tuple(group) for group in groups]
