"""`copy-source`: gives the source back as its own translation; right for names and numbers."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo
from luthier.task_types.seq2seq import as_array


class CopySourceOptions(Section):
    """There is nothing to choose."""


class CopySource:
    """Give the source back as it is."""

    name: ClassVar[str] = "copy-source"
    units: ClassVar[frozenset[str]] = frozenset({"generation"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text"})
    Options = CopySourceOptions

    def __init__(self, options: CopySourceOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Copy."""
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.problem.splits.train))
        return {
            split: as_array(list(job.problem.codec.task.texts(rows)[0]))
            for split, rows in job.problem.splits.items()
            if split in job.problem.scored_splits
        }
