"""`mean-value`: predicts one number for all rows; the score without reading the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.ragged import Array
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline, strongest


class MeanValue(PlainBaseline):
    """Predict the mean of the training numbers for every row, or their median.

    The median has the lowest mean absolute error, the mean the lowest squared one: the better of
    the two by the metric of the verdict is taken.
    """

    name: ClassVar[str] = "mean-value"
    units: ClassVar[frozenset[str]] = frozenset({"sequence", "media", "joint"})
    kinds: ClassVar[frozenset[str]] = frozenset({"number"})
    reads_nothing: ClassVar[bool] = True

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Output one number for every row, as a deviation from the training mean."""
        codec = job.problem.codec
        gold, target = codec.gold(job.problem.splits.train), codec.target
        metric = codec.task.main_metric
        median = (np.median(gold) - target.mean) / target.scale

        def say(value: float, n_rows: int) -> Array:
            return np.full((n_rows, 1), value, dtype=np.float32)

        best = strongest(
            [0.0, float(median)],
            lambda value: codec.measure(gold, codec.decode(say(value, len(gold))))(None)[metric],
            metric=metric,
        )
        return lambda rows: say(best, len(rows))
