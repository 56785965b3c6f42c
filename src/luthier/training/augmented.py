"""Training texts that are changed anew in every epoch, and encoded when a batch is made of them.

What a text becomes follows from (seed, epoch, row), so neither the number of workers nor an
interruption changes it. Validation and test rows are never changed. Next: `batch_sampler.py`,
which asks for batches.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from luthier.codec import LOSS
from luthier.errors import RecipeError
from luthier.items import Batch, Items
from luthier.job import Job
from luthier.ragged import Array
from luthier.records import Rows, StepInfo
from luthier.registry import find
from luthier.seeding import stream
from luthier.training.replay import learned_rows


class AugmentedRows:
    """Makes batches of changed training rows.

    Args:
        job: Its training rows, which are one item each, its codec and its augmenters.

    Raises:
        RecipeError: Rows are read in windows.
    """

    def __init__(self, job: Job):
        refuse_windows(job)
        self.codec, self.rows = job.problem.codec, learned_rows(job)
        self.augmenters, self.seed = job.plan.augmenters, job.plan.training.seed
        self.roles, self.texts = self.codec.task.input_roles, text_roles(job)

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Make a batch of rows as they are in an epoch; targets and weights stay theirs."""
        columns = {role: [self.rows[role][row] for row in chosen] for role in self.roles}
        for place, row in enumerate(np.asarray(chosen).tolist()):
            random = stream(self.seed, "augmentation", epoch, row)
            for role in self.texts:
                for one in self.augmenters:
                    columns[role][place] = one.change(columns[role][place], random)
        made = self.codec.encode(Rows.of(columns))
        own = replace(
            made,
            targets=None if items.targets is None else items.targets.take(chosen),
            weights=None if items.weights is None else items.weights[chosen],
        )
        return self.codec.batch(own, np.arange(len(chosen)), kind=kind, epoch=epoch)


def prepare_augmenters(job: Job) -> Generator[StepInfo, None, None]:
    """Let every augmenter look at all training texts before the first step."""
    if not job.plan.augmenters:
        return
    rows = job.problem.splits.train
    texts = [text for role in text_roles(job) for text in rows[role]]
    for one in job.plan.augmenters:
        yield from one.prepare(job, texts)


def text_roles(job: Job) -> list[str]:
    """Name the columns of texts that a model reads."""
    task = job.problem.codec.task
    return [
        column.role
        for column in task.columns
        if column.role in task.input_roles and find("inputs", column.kind).is_text
    ]


def refuse_windows(job: Job) -> None:
    """Refuse rows that are several items, since a changed text has other windows.

    Raises:
        RecipeError: There are such.
    """
    if job.problem.items["train"].row_of is not None:
        raise RecipeError(
            "Texts that are read in windows cannot be changed in every epoch.",
            received="augmentation with data.long_texts=windows",
            hint="data.long_texts=cut, or augmentation=[]",
        )
