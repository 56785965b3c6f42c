"""Scores validation rows during training and, beside them, a few of the training rows.

A model that is far better on rows that it learns from than on others over-fits. The sample is read
as validation rows are: with the same weights, without dropout, by the same metrics. It is drawn
once and changes nothing in the training. Next: `loop.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from luthier.items import Items
from luthier.job import Job
from luthier.ragged import Array
from luthier.records import Rows
from luthier.seeding import stream
from luthier.training.listeners import follow
from luthier.training.predict import infer_rows, validation_outputs
from luthier.training.step_plan import StepPlan

MOST, LEAST = 200, 20  # rows in the sample
SHARE = 0.06  # of the rows that steps read; a step costs two passes or more, so 3 % of its work
ALWAYS = 100  # rows that may be read in all, however short the training


class Evaluations:
    """The scores of a training after some of its steps.

    Args:
        job: The job, whose validation rows may be none.
        step_plan: The steps of the training.
    """

    def __init__(self, job: Job, step_plan: StepPlan):
        self.job, self.step_plan = job, step_plan
        self.has_validation = len(job.problem.items["validation"]) > 0
        self.sampled_after: frozenset[int] = frozenset()
        self.n_sampled = 0
        self._last: tuple[int, dict[str, float]] = (0, {})  # the step, and the sample's scores
        if not self.has_validation:
            return
        steps = [step for step in range(1, step_plan.n_steps + 1) if step_plan.is_evaluated(step)]
        n_train = len(job.problem.splits.train)
        n_rows, n_times = budget(n_train, len(steps), step_plan.epoch_after(step_plan.n_steps))
        random = stream(job.plan.training.seed, "training sample")
        chosen = np.sort(random.choice(n_train, n_rows, replace=False))
        self.rows = job.problem.splits.train.take(chosen)
        items = sample_of(job, chosen, self.rows)
        if items is not None:
            self.items, self.n_sampled = items, n_rows
            self.sampled_after = frozenset(spread_over(steps, n_times))

    def is_due(self, step: int) -> bool:
        """Return whether validation rows are scored after a step."""
        return self.has_validation and self.step_plan.is_evaluated(step)

    def after(self, step: int, model: nn.Module) -> dict[str, float]:
        """Score the validation rows and, after some steps, the sample of the training rows."""
        problem = self.job.problem
        if step in self.sampled_after:
            steps = infer_rows(
                model,
                self.items,
                self.rows,
                problem.codec,
                batch_size=self.job.plan.training.per_device_eval_batch_size,
                kinds=[problem.codec.task.validation_kind],
            )
            outputs = follow(steps, lambda info: None)
            gold = problem.codec.gold(self.rows)
            self._last = step, problem.codec.validation_scores(outputs, gold)
        return evaluate(model, self.job)

    def sampled(self, step: int) -> dict[str, Any]:
        """Return the scores of the sample after a step and its size, as `StepInfo` has them."""
        number, scores = self._last
        return {"training_scores": scores, "n_sampled": self.n_sampled} if number == step else {}


def evaluate(model: nn.Module, job: Job) -> dict[str, float]:
    """Score the validation rows."""
    return job.problem.validation_scores(validation_outputs(model, job))


def budget(n_train: int, n_evaluations: int, epochs: float) -> tuple[int, int]:
    """Say how many training rows to score, and how often, for 3 % of the training's work at most.

    >>> budget(5000, 3, 3.0), budget(64, 10, 10.0), budget(8, 3, 3.0)
    ((200, 3), (20, 5), (8, 3))
    """
    allowed = max(ALWAYS, int(SHARE * n_train * epochs))
    n_rows = min(n_train, MOST, max(LEAST, allowed // max(1, n_evaluations)))
    return n_rows, min(n_evaluations, max(1, allowed // max(1, n_rows)))


def spread_over(steps: Sequence[int], n_times: int) -> list[int]:
    """Choose so many of the steps at even distances, the last among them.

    >>> spread_over([10, 20, 30, 40, 50], 2)
    [20, 50]
    """
    return [steps[(number + 1) * len(steps) // n_times - 1] for number in range(n_times)]


def sample_of(job: Job, chosen: Array, rows: Rows) -> Items | None:
    """Encode training rows as validation rows are; None where they cannot be read in that way."""
    items, validation = job.problem.items["train"], job.problem.items["validation"]
    made = job.problem.codec.encode(rows)
    if made.inputs.keys() == validation.inputs.keys():
        return made
    if items.inputs.keys() != validation.inputs.keys() or items.row_of is not None:
        return None
    return _taken(items, chosen)  # of features that were stored, say


def _taken(items: Items, chosen: Array) -> Items:
    """Keep some rows of items that are one a row."""
    inputs = {name: one.take(chosen) for name, one in items.inputs.items()}
    targets = None if items.targets is None else items.targets.take(chosen)
    return replace(
        items,
        inputs=inputs,
        targets=targets,
        cost=items.cost[chosen],
        full_lengths=items.full_lengths[chosen],
        kept_lengths=None if items.kept_lengths is None else items.kept_lengths[chosen],
        weights=None,
        groups=None,
    )
