"""Base of baselines: one step that reads the training rows, then outputs for the scored rows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, ClassVar

from luthier.job import Job
from luthier.recipe.tree import NoOptions, Section
from luthier.records import Outputs, Rows, StepInfo


class PlainBaseline:
    """A baseline without options. Plug-ins implement `learn`, or override `fit` for longer work."""

    name: ClassVar[str]
    Options: ClassVar[type[Section]] = NoOptions
    trains: ClassVar[bool] = False  # whether it trains a model for as long as fine-tuning does
    options: Any

    def __init__(self, options: Section):
        self.options = options

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Learn from the training rows; return the function that computes outputs for rows."""
        raise NotImplementedError

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Learn in one step, then compute the outputs of every scored split."""
        outputs_of = self.learn(job)
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.problem.splits.train))
        return {split: outputs_of(rows) for split, rows in job.problem.scored_rows.items()}
