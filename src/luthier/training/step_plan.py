"""Maps each optimizer step to its batches. The step number alone determines them.

So resuming needs only the number of finished steps. With batches by tokens, epochs differ in their
number of batches; these are counted from the order of each epoch, without running it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from luthier.distributed.group import group
from luthier.engines import Loader
from luthier.job import BatchSampler
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.seeding import seed_of
from luthier.training.batch_sampler import n_shares_of
from luthier.training.model_calls import TensorBatch


class StepPlan:
    """The steps of a training.

    Args:
        loader: The data loader, as the engine prepared it.
        order: The batch sampler, which decides the rows of every batch.
        settings: The recipe's training section.
    """

    def __init__(self, loader: Loader, order: BatchSampler, settings: Training):
        self.loader, self.order, self.settings = loader, order, settings
        self.n_accumulated = settings.gradient_accumulation_steps
        self._first = [0]  # steps before each epoch
        self.n_steps = settings.max_steps
        if settings.max_steps <= 0:
            whole, part = divmod(settings.num_train_epochs, 1)
            steps = self._before(int(whole))
            if part:
                steps = math.ceil(steps + part * (self._before(int(whole) + 1) - steps))
            self.n_steps = steps

    def _before(self, epoch: int) -> int:
        """Count the steps before an epoch."""
        now = self.order.epoch  # read while batches are being made
        while len(self._first) <= epoch:
            self.order.set_epoch(len(self._first) - 1)
            n_steps = math.ceil(len(self.loader) / self.n_accumulated)
            self._first.append(self._first[-1] + n_steps)
        self.order.set_epoch(now)
        return self._first[epoch]

    def place(self, done: int) -> tuple[int, int]:
        """Return the epoch of the step after `done` steps, and its position within the epoch."""
        while self._first[-1] < done:
            self._before(len(self._first))
        epoch = bisect_right(self._first, done) - 1
        return epoch, done - self._first[epoch]

    def epoch_after(self, step: int) -> float:
        """Return the number of epochs finished after a step, as a fraction."""
        epoch, within = self.place(step)
        if within == 0:
            return float(epoch)
        return epoch + within / (self._before(epoch + 1) - self._first[epoch])

    def after(self, done: int) -> Iterator[tuple[int, list[TensorBatch]]]:
        """Iterate over the steps after the first `done`, with the batches of each."""
        while done < self.n_steps:
            epoch, within = self.place(done)
            self.loader.set_epoch(epoch)  # Accelerate keeps its own count, which starts at 0
            self.order.set_epoch(epoch)
            self.order.skipped = within * self.n_accumulated
            n_own = n_shares_of(self.settings) // group().size
            for batches in windows(self.loader, self.n_accumulated * n_own):
                done += 1
                yield done, self._seeded(done, batches)
                if done == self.n_steps:
                    return

    def _seeded(self, step: int, batches: list[TensorBatch | None]) -> list[TensorBatch]:
        """Seed each share of a step by its number, so that any process can compute it.

        A process alone, with one share, draws from one stream in all steps. None is a share without
        rows.
        """
        seed, (rank, size) = self.settings.seed, (group().rank, group().size)
        given = [(place, one) for place, one in enumerate(batches) if one is not None]
        if size == 1 and self.settings.virtual_processes is None:
            return [one for _, one in given]
        return [
            replace(one, seed=seed_of(seed, "step", step, place * size + rank))
            for place, one in given
        ]

    def items(self, step: int) -> Array:
        """Return the items of a step, over all processes."""
        epoch, within = self.place(step - 1)
        size = self.n_accumulated
        self.order.set_epoch(epoch)
        batches = list(self.order)[within * size : (within + 1) * size]
        return np.concatenate([np.asarray(batch) for batch in batches])

    def is_evaluated(self, step: int) -> bool:
        """Return whether the validation rows are scored after a step."""
        settings = self.settings
        if settings.eval_strategy == "no":
            return False
        every = settings.eval_steps if settings.eval_strategy == "steps" else None
        is_time = step % every == 0 if every else self._ends_epoch(step)
        return step == self.n_steps or is_time

    def is_saved(self, step: int) -> bool:
        """Return whether the recipe asks for a checkpoint after a step."""
        if self.settings.save_strategy == "steps":
            return step % self.settings.save_steps == 0
        return self.settings.save_strategy == "epoch" and self._ends_epoch(step)

    def _ends_epoch(self, step: int) -> bool:
        return self.place(step)[1] == 0


def windows(loader: Iterable[TensorBatch | None], size: int) -> Iterator[list[TensorBatch | None]]:
    """Group a stream of batches into lists of `size`; the last may be shorter."""
    stream = iter(loader)
    while batches := list(islice(stream, size)):
        yield batches
