"""Weights of training rows in the loss, where a job has such. Next: `loop.py`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from luthier.errors import RecipeError
from luthier.job import Job


def with_row_weights(job: Job) -> Job:
    """Give the items of a job's training rows the weights of their rows.

    Raises:
        RecipeError: The task packs rows into blocks.
    """
    weights, items = job.problem.row_weights, job.problem.items["train"]
    if weights is None:
        return job
    if items.rows.ndim > 1:
        raise RecipeError(
            "Rows that are packed into blocks cannot weigh differently.",
            received=f"data.row_weights with {job.problem.codec.task.name}",
            hint="data.row_weights=null",
        )
    own = 1.0 if items.weights is None else items.weights
    weighted = replace(items, weights=np.asarray(weights[items.rows] * own, dtype=np.float32))
    return job.with_problem(items={**job.problem.items, "train": weighted})
