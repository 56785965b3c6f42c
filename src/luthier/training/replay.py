"""Rows of an earlier task, mixed into every batch of training rows so that it is not forgotten.

Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal". They are added to a batch:
the training rows are those of a training without them, in the same order. How many, and which,
follows from (seed, epoch, batch), so neither an interruption nor the number of processes changes
it. Next: `batch_sampler.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from luthier.columns import SOFT
from luthier.data.join_rows import joined
from luthier.errors import RecipeError
from luthier.items import Items
from luthier.job import BatchSampler, Job
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.records import Rows
from luthier.seeding import stream
from luthier.training.batch_sampler import order_of


class ReplayOrder:
    """Batches of training items with items of an earlier task at their ends.

    Args:
        inner: The batches of training items.
        units: Items of the earlier task that stand together.
        share: Share of a batch that is of the earlier task; exact over an epoch, but for rounding.
        seed: The run's seed.
    """

    drop_last = False

    def __init__(self, inner: BatchSampler, units: Sequence[Array], *, share: float, seed: int):
        self.inner, self.units, self.seed = inner, units, seed
        self.per_item = share / (1 - share)
        self.epoch = 0
        self.skipped = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches are yielded next."""
        self.epoch = epoch
        self.inner.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.inner)

    def __iter__(self) -> Iterator[list[int]]:
        start, self.skipped = self.skipped, 0
        owed = float(
            stream(self.seed, "replay", self.epoch).random()
        )  # rounds up or down at random
        for number, batch in enumerate(self.inner):
            owed += self.per_item * len(batch)
            n_old, owed = int(owed), owed % 1
            if number >= start:
                yield [*batch, *self._drawn(number, n_old)]

    def _drawn(self, number: int, n_old: int) -> list[int]:
        """Draw items for a batch, none twice while there are others."""
        draw = stream(self.seed, "replay", self.epoch, number)
        n_units, found = len(self.units), list[int]()
        while len(found) < n_old:
            for unit in draw.permutation(n_units)[: n_old - len(found)]:
                found += self.units[unit].tolist()
        return found


def with_replay(job: Job) -> Job:
    """Let a job's batches hold rows of an earlier task, if there are any.

    Raises:
        RecipeError: The task packs rows into blocks, or the method has batches of its own.
    """
    if job.problem.replay is None:
        return job
    problem, n_train = job.problem, len(job.problem.splits.train)
    made = problem.codec.encode(learned_rows(job), training=True)
    if job.plan.sampler is not None or made.rows.ndim > 1 or SOFT in problem.splits.train:
        raise RecipeError(
            "Rows of an earlier task cannot be mixed into these batches: they are drawn in an "
            "order of their own, packed into blocks, or learned by probabilities of labels.",
            received=f"data.replay with {problem.codec.task.name}",
            hint="data.replay=null",
        )
    is_old = made.rows >= n_train
    n_new = int((~is_old).sum())
    own = problem.items["train"].weights
    if own is not None:
        own = np.concatenate([own, np.ones(len(made) - n_new, dtype=own.dtype)])
    items = replace(made, weights=own if made.weights is None else made.weights)
    seed, share = job.plan.training.seed, job.plan.replay_share

    def sampler(items: Items, settings: Training) -> BatchSampler:
        inner = order_of(items.cost[:n_new], settings, groups=_first(items.groups, n_new))
        old = np.arange(n_new, len(items))
        each = old if items.groups is None else items.groups[n_new:]
        units = np.split(old, np.flatnonzero(np.diff(each)) + 1)
        return ReplayOrder(inner, units, share=share, seed=seed)

    changed = {**problem.items, "train": items}
    return job.with_problem(items=changed).with_plan(sampler=sampler)


def _first(groups: Array | None, n: int) -> Array | None:
    return None if groups is None else groups[:n]


def learned_rows(job: Job) -> Rows:
    """Return the training rows, and after them those of an earlier task."""
    train, old = job.problem.splits.train, job.problem.replay
    if old is None:
        return train
    columns = {name: cells for name, cells in old.columns.items() if name in train}
    return joined([train, replace(old, columns=columns)])
