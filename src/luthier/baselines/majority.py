"""`majority`: always the most frequent label; what one gets without reading the text."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo


class MajorityOptions(Section):
    """There is nothing to choose."""


class Majority:
    """Always the most frequent label, with the training shares as probabilities."""

    name: ClassVar[str] = "majority"
    units: ClassVar[frozenset[str]] = frozenset({"sequence", "choice"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "choice"})
    Options = MajorityOptions

    def __init__(self, options: MajorityOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Count the labels; every row gets the same outputs."""
        gold = job.problem.codec.gold(job.problem.splits.train)
        n_rows = len(gold)
        if job.problem.codec.target.kind == "multi-label":
            share = (gold.sum(axis=0) + 0.5) / (n_rows + 1)
            outputs = np.log(share) - np.log1p(-share)  # the logit whose sigmoid is the share
        else:
            counts = np.bincount(gold, minlength=job.problem.codec.target.n_outputs)
            outputs = np.log((counts + 0.5) / (n_rows + 0.5 * job.problem.codec.target.n_outputs))
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=n_rows)
        return {
            split: np.tile(outputs.astype(np.float32), (len(rows), 1))
            for split, rows in job.problem.splits.items()
            if split in job.problem.scored_splits
        }
