"""`no-answer`: always answers that there is none; what one gets without reading."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo

CERTAIN = 1e9


class NoAnswerOptions(Section):
    """There is nothing to choose."""


class NoAnswer:
    """Say of every question that it has no answer."""

    name: ClassVar[str] = "no-answer"
    units: ClassVar[frozenset[str]] = frozenset({"span"})
    kinds: ClassVar[frozenset[str]] = frozenset({"answer"})
    Options = NoAnswerOptions

    def __init__(self, options: NoAnswerOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Prefer none to anything."""
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.problem.splits.train))
        outputs = {}
        for split, rows in job.problem.splits.items():
            if split in job.problem.scored_splits:
                outputs[split] = job.problem.codec.uninformed_outputs(rows)
                outputs[split][:, 0, 2] = CERTAIN
        return outputs
