"""`average`: a model for each input, whose answers are averaged: joining without a joint model."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.metrics.softmax import softmax
from luthier.protocols import KINDS
from luthier.records import Outputs, StepInfo
from luthier.task_types.inputs_alone import outputs_alone
from luthier.task_types.plain_baseline import PlainBaseline

LEAST = 1e-12  # probability, so that its logarithm is a number


class Average(PlainBaseline):
    """The mean of the log-probabilities, or of the numbers, of a model for each input."""

    name: ClassVar[str] = "average"
    units: ClassVar[frozenset[str]] = frozenset({"joint"})
    kinds: ClassVar[frozenset[str]] = KINDS
    trains: ClassVar[bool] = True

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Train a model for each input, and average what they say."""
        found = yield from outputs_alone(job, self.name)
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.problem.splits.train))
        return {
            split: np.mean([self.log_share(job, one[split]) for one in found.values()], axis=0)
            for split in job.problem.scored_splits
        }

    def log_share(self, job: Job, outputs: Outputs) -> Outputs:
        """Return log-probabilities, (rows, labels); numbers, and no rows, as they are."""
        if job.problem.codec.target.kind == "number" or not len(outputs):
            return outputs
        return np.log(softmax(outputs) + LEAST)
