"""`mean-value`: always the mean of the training numbers; what one gets without reading the text."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo


class MeanValueOptions(Section):
    """There is nothing to choose."""


class MeanValue:
    """Always the mean of the training numbers."""

    name: ClassVar[str] = "mean-value"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"number"})
    Options = MeanValueOptions

    def __init__(self, options: MeanValueOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Give an output of 0 to every row: outputs are deviations from the mean."""
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.problem.splits.train))
        return {
            split: np.zeros((len(rows), 1), dtype=np.float32)
            for split, rows in job.problem.splits.items()
            if split in job.problem.scored_splits
        }
