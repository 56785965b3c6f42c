"""Groups encoded rows into batches of tensors, and orders them.

Rows are padded only to the length of their batch. The order of an epoch follows from (seed, epoch)
alone, so it is the same for any number of workers. A batch has a fixed number of rows, or as many
as fit a budget of tokens; padding does not count, so batches are the same whether or not it is
computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader

from luthier.distributed.group import group
from luthier.items import Batch, Items
from luthier.job import BatchSampler
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.seeding import stream
from luthier.signals import leave_alone
from luthier.training.model_calls import TensorBatch, to_tensors

GROUP = 50  # batches sorted together: large enough to reduce padding, small enough to mix


class BatchOrder:
    """The batches of each epoch, as arrays of row indices.

    Rows of one group are adjacent in one batch, and are drawn together.

    `random` draws every batch from all rows. `group_by_length` draws sections of `GROUP` batches
    and sorts each by length: less padding, but the rows of a batch are no longer independent.
    `sequential` keeps the order of the rows.

    Args:
        lengths: Tokens of every row, (rows,).
        batch_size: Most rows in a batch, in whole groups; a larger group is a batch of its own.
        strategy: `random`, `group_by_length` or `sequential`, as in `TrainingArguments`.
        seed: The run's seed.
        tokens: Most tokens in a batch without padding, in place of `batch_size`; a longer row is a
            batch of its own. The number of batches of an epoch then depends on its order.
        groups: Group of every row, ascending, (rows,); None: every row is its own group.
    """

    drop_last = False  # read by Accelerate to distribute batches

    def __init__(
        self,
        lengths: Array,
        *,
        batch_size: int,
        strategy: str,
        seed: int,
        tokens: int | None = None,
        groups: Array | None = None,
    ):
        each = np.arange(len(lengths)) if groups is None else np.asarray(groups)
        self.starts = np.flatnonzero(np.diff(each, prepend=-1))  # first row of every group
        self.sizes = np.diff(self.starts, append=len(each))
        self.costs = np.add.reduceat(np.asarray(lengths), self.starts) if len(each) else each
        self.batch_size = batch_size
        self.tokens = tokens
        self.strategy = strategy
        self.seed = seed
        self.epoch = 0
        self.skipped = 0  # batches to leave out of the next epoch, trained on before resuming

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches are yielded next."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self.tokens is None and len(self.starts) == self.sizes.sum():
            return -(-len(self.starts) // self.batch_size)
        return len(self._batches())

    def __iter__(self) -> Iterator[list[int]]:
        start, self.skipped = self.skipped, 0
        for groups in self._batches()[start:]:
            rows = [np.arange(self.sizes[one]) + self.starts[one] for one in groups]
            yield np.concatenate(rows).tolist()

    def _batches(self) -> list[Array]:
        """Distribute the groups over batches."""
        n_groups = len(self.starts)
        if self.strategy == "sequential":
            order = np.arange(n_groups)
        else:
            order = stream(self.seed, "order", self.epoch).permutation(n_groups)
        return self._grouped(order) if self.strategy == "group_by_length" else self._cut(order)

    def _cut(self, order: Array) -> list[Array]:
        if self.tokens is not None:
            return cut_by_tokens(order, self.costs[order], self.tokens)
        return cut_by_tokens(order, self.sizes[order], self.batch_size)

    def _grouped(self, order: Array) -> list[Array]:
        """Sort each section of `GROUP` batches by length, then shuffle whole batches.

        Without the last shuffle, lengths would fall within every section of the epoch.
        """
        used, most = (
            (self.sizes, self.batch_size) if self.tokens is None else (self.costs, self.tokens)
        )
        size = max(1.0, most / max(1.0, float(used.mean()))) if len(order) else 1.0
        n_together = int(size * GROUP)  # groups
        lengths = self.costs / self.sizes
        batches: list[Array] = []
        for start in range(0, len(order), n_together):
            section = order[start : start + n_together]
            batches += self._cut(section[np.argsort(-lengths[section], kind="stable")])
        shuffled = stream(self.seed, "batches", self.epoch).permutation(len(batches))
        return [batches[i] for i in shuffled]


def order_of(lengths: Array, settings: Training, *, groups: Array | None) -> BatchOrder:
    """Make the order of batches that a training section names."""
    return BatchOrder(
        lengths,
        batch_size=settings.per_device_train_batch_size,
        strategy=settings.train_sampling_strategy,
        seed=settings.seed,
        tokens=settings.tokens_per_batch,
        groups=groups,
    )


class Shares:
    """The shares of every batch that this process computes, so that a batch is the same for all.

    Rows are dealt one by one, since neighbours may be of similar length; rows of one group stay
    together.

    Args:
        order: The batches of all processes.
        groups: Group of every row, (rows,); None: every row is its own group.
        n_shares: Shares of a batch, a multiple of the number of processes.
    """

    def __init__(self, order: BatchSampler, groups: Array | None, n_shares: int):
        self.order, self.groups, self.n_shares = order, groups, n_shares

    def __len__(self) -> int:
        """Return the number of whole batches."""
        return len(self.order)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.order:
            for number in range(group().rank, self.n_shares, group().size):
                yield share_of(np.asarray(batch), self.groups, number, self.n_shares).tolist()


def n_shares_of(settings: Training) -> int:
    """Return into how many shares a batch is divided."""
    return settings.virtual_processes or group().size


def share_of(batch: Array, groups: Array | None, rank: int, size: int) -> Array:
    """Return the rows of a batch that belong to one of its shares.

    Args:
        batch: Row indices, (rows of the batch,).
        groups: Group of every row of the split, (rows,); None: every row is its own group.
        rank: Number of the share.
        size: Number of shares.

    >>> share_of(np.array([4, 5, 6, 7, 8]), None, 1, 2)
    array([5, 7])
    >>> share_of(np.array([0, 1, 2, 3, 4, 5]), np.array([0, 0, 1, 1, 2, 2]), 0, 2)
    array([0, 1, 4, 5])
    """
    each = batch if groups is None else groups[batch]
    numbers = np.cumsum(np.diff(each, prepend=each[:1]) != 0)  # of the groups within the batch
    own: Array = batch[numbers % size == rank]
    return own


def cut_by_tokens(order: Array, lengths: Array, most: int) -> list[Array]:
    """Split an order into batches of at most `most` tokens, each as full as possible.

    Args:
        order: Row indices, (rows,).
        lengths: Tokens of these rows, (rows,).
        most: Most tokens in a batch; a longer row is a batch of its own.

    >>> cut_by_tokens(np.array([7, 8, 9]), np.array([2, 3, 9]), 5)
    [array([7, 8]), array([9])]
    """
    ends = np.cumsum(lengths)
    batches, start, used = [], 0, 0
    while start < len(order):
        past = max(start + 1, int(np.searchsorted(ends, used + most, side="right")))
        batches.append(order[start:past])
        start, used = past, int(ends[past - 1])
    return batches


def cut_by_slots(order: Array, lengths: Array, most: int) -> list[Array]:
    """Split an order of falling length into batches of rows × longest row ≤ `most`.

    That product is the size of a padded batch. A longer row is a batch of its own.

    >>> cut_by_slots(np.array([5, 6, 7, 8]), np.array([4, 2, 2, 1]), 4)
    [array([5]), array([6, 7]), array([8])]
    """
    batches, start = [], 0
    while start < len(order):
        past = start + max(1, most // max(1, int(lengths[start])))
        batches.append(order[start:past])
        start = past
    return batches


class Batches(Protocol):
    """Makes batches of items: a codec, or what stands before one."""

    def batch(self, items: Items, chosen: Array, *, epoch: int = 0) -> Batch[Array]:
        """Make one batch for the loss."""
        ...


def make_loader(
    items: Items, codec: Batches, order: BatchSampler, *, n_workers: int = 0, n_shares: int = 1
) -> DataLoader[TensorBatch | None]:
    """Make the PyTorch `DataLoader` over the items; it yields batches of tensors.

    Of several shares, it yields those of this process one after the other; None, where one is
    empty.
    """

    def make_batch(chosen: list[int]) -> TensorBatch | None:
        if not chosen:
            return None
        return to_tensors(codec.batch(items, np.asarray(chosen), epoch=order.epoch))

    rows = range(len(items))  # a row is its index; whole batches are collated
    return DataLoader(
        rows,  # type: ignore[arg-type]
        batch_sampler=order if n_shares == 1 else Shares(order, items.groups, n_shares),
        collate_fn=make_batch,
        num_workers=n_workers,
        worker_init_fn=_begin_worker if n_workers else None,
        generator=torch.Generator(),  # not the global one, which dropout uses
    )


def _begin_worker(number: int) -> None:
    leave_alone()
