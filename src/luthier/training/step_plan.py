"""Which batches belong to which optimizer step: it follows from the step's number alone.

So a training that goes on needs no more than the number of steps that are done. Batches by tokens
are not equally many in every epoch; they are counted from the order of each, not from what was run.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.training.batch_sampler import BatchOrder
from luthier.training.model_calls import TensorBatch


class StepPlan:
    """The steps of a training.

    Args:
        loader: Gives the batches of an epoch, as Accelerate prepared it.
        order: Which rows stand in them.
        settings: The recipe's training section.
        n_processes: That share the batches.
    """

    def __init__(self, loader: Any, order: BatchOrder, settings: Training, *, n_processes: int):
        self.loader, self.order, self.settings = loader, order, settings
        self.n_processes = n_processes
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
        now = self.order.epoch  # which batches that are being made ask for
        while len(self._first) <= epoch:
            self.order.set_epoch(len(self._first) - 1)
            n_steps = math.ceil(len(self.loader) / self.n_accumulated)
            self._first.append(self._first[-1] + n_steps)
        self.order.set_epoch(now)
        return self._first[epoch]

    def place(self, done: int) -> tuple[int, int]:
        """Say to which epoch the step after so many belongs, and how many of it came before."""
        while self._first[-1] < done:
            self._before(len(self._first))
        epoch = bisect_right(self._first, done) - 1
        return epoch, done - self._first[epoch]

    def epoch_after(self, step: int) -> float:
        """Say how many epochs are done after a step, as a fraction."""
        epoch, within = self.place(step)
        if within == 0:
            return float(epoch)
        return epoch + within / (self._before(epoch + 1) - self._first[epoch])

    def after(self, done: int) -> Iterator[tuple[int, list[TensorBatch]]]:
        """Walk over the steps after those that are done, with the batches of each."""
        while done < self.n_steps:
            epoch, within = self.place(done)
            self.loader.set_epoch(epoch)  # Accelerate counts by itself, and would begin at 0
            self.order.set_epoch(epoch)
            self.order.skipped = within * self.n_accumulated * self.n_processes
            for batches in windows(self.loader, self.n_accumulated):
                done += 1
                yield done, batches
                if done == self.n_steps:
                    return

    def items(self, step: int) -> Array:
        """Say which items a step learns from, over all processes."""
        epoch, within = self.place(step - 1)
        size = self.n_accumulated * self.n_processes
        self.order.set_epoch(epoch)
        batches = list(self.order)[within * size : (within + 1) * size]
        return np.concatenate([np.asarray(batch) for batch in batches])

    def is_evaluated(self, step: int) -> bool:
        """Say whether the validation rows are to be scored after a step."""
        settings = self.settings
        if settings.eval_strategy == "no":
            return False
        every = settings.eval_steps if settings.eval_strategy == "steps" else None
        is_time = step % every == 0 if every else self._ends_epoch(step)
        return step == self.n_steps or is_time

    def is_saved(self, step: int) -> bool:
        """Say whether the recipe asks for a checkpoint after a step."""
        if self.settings.save_strategy == "steps":
            return step % self.settings.save_steps == 0
        return self.settings.save_strategy == "epoch" and self._ends_epoch(step)

    def _ends_epoch(self, step: int) -> bool:
        return self.place(step)[1] == 0


def windows(loader: Iterable[TensorBatch], size: int) -> Iterator[list[TensorBatch]]:
    """Cut a stream of batches into lists of `size`; the last may be shorter."""
    stream = iter(loader)
    while batches := list(islice(stream, size)):
        yield batches
