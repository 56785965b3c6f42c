"""`weak-vote`: what labelling functions say themselves; the score of the rules without a model.

A model that learned from their votes must beat them, or it has learned no more than they knew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from luthier.columns import VOTED
from luthier.job import Job
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline

LEAST = 1e-5  # what the shares of labels weigh beside votes


class WeakVote(PlainBaseline):
    """The merged votes of `data.weak`; the most frequent training label where there is none."""

    name: ClassVar[str] = "weak-vote"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label"})
    needs: ClassVar[str] = "data.weak"

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Count the training labels, for rows on which no function votes."""
        codec = job.problem.codec
        names, gold = codec.target.names, codec.gold(job.problem.splits.train)
        shares = (np.bincount(gold, minlength=len(names)) + 0.5) / (len(gold) + 0.5 * len(names))

        def outputs_of(rows: Rows) -> Outputs:
            voted = rows[VOTED] if VOTED in rows else [{}] * len(rows)
            probabilities = [[one.get(name, 0.0) for name in names] for one in voted]
            told = np.array(probabilities, dtype=float).reshape(len(rows), len(names))
            return np.log(told + LEAST * shares).astype(np.float32)  # where votes are even, too

        return outputs_of
