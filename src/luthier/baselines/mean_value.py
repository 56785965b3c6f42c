"""`mean-value`: predicts the mean of the training numbers; the score without reading the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline


class MeanValue(PlainBaseline):
    """Predict the mean of the training numbers for every row."""

    name: ClassVar[str] = "mean-value"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"number"})

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Output 0 for every row: outputs are deviations from the training mean."""
        return lambda rows: np.zeros((len(rows), 1), dtype=np.float32)
