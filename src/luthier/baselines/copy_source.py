"""`copy-source`: returns the source as its own translation; right for names and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from luthier.job import Job
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline
from luthier.task_types.seq2seq import as_array


class CopySource(PlainBaseline):
    """Return the source unchanged."""

    name: ClassVar[str] = "copy-source"
    units: ClassVar[frozenset[str]] = frozenset({"generation"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Learn nothing."""
        return lambda rows: as_array(list(job.problem.codec.task.texts(rows)[0]))
