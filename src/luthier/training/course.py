"""Which batches belong to which optimizer step: it follows from the step's number alone.

So a training that goes on needs no more than the number of steps that are done.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from luthier.recipe.tree import Training
from luthier.records import Array
from luthier.training.batches import BatchOrder, Tensors


class Course:
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
        self.steps_per_epoch = math.ceil(len(loader) / self.n_accumulated)
        self.n_steps = settings.max_steps
        if settings.max_steps <= 0:
            self.n_steps = math.ceil(self.steps_per_epoch * settings.num_train_epochs)

    def after(self, done: int) -> Iterator[tuple[int, list[Tensors]]]:
        """Walk over the steps after those that are done, with the batches of each."""
        while done < self.n_steps:
            epoch, within = divmod(done, self.steps_per_epoch)
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
        epoch, within = divmod(step - 1, self.steps_per_epoch)
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
        return step == self.n_steps or step % (every or self.steps_per_epoch) == 0

    def is_saved(self, step: int) -> bool:
        """Say whether the recipe asks for a checkpoint after a step."""
        if self.settings.save_strategy == "steps":
            return step % self.settings.save_steps == 0
        return self.settings.save_strategy == "epoch" and step % self.steps_per_epoch == 0


def windows(loader: Iterable[Tensors], size: int) -> Iterator[list[Tensors]]:
    """Cut a stream of batches into lists of `size`; the last may be shorter."""
    stream = iter(loader)
    while batches := list(islice(stream, size)):
        yield batches
