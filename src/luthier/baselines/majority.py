"""`majority`: predicts the most frequent label; the score without reading the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline


class Majority(PlainBaseline):
    """Predict the most frequent label, with the training shares as probabilities."""

    name: ClassVar[str] = "majority"
    units: ClassVar[frozenset[str]] = frozenset({"sequence", "choice"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "choice"})

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Count the labels; every row gets the same outputs."""
        target = job.problem.codec.target
        gold = job.problem.codec.gold(job.problem.splits.train)
        if target.kind == "multi-label":
            share = (gold.sum(axis=0) + 0.5) / (len(gold) + 1)
            outputs = np.log(share) - np.log1p(-share)  # the logit whose sigmoid is the share
        else:
            counts = np.bincount(gold, minlength=target.n_outputs)
            outputs = np.log((counts + 0.5) / (len(gold) + 0.5 * target.n_outputs))
        return lambda rows: np.tile(outputs.astype(np.float32), (len(rows), 1))
