"""`no-answer`: predicts that no question has an answer; the score without reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from luthier.job import Job
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline

CERTAIN = 1e9


class NoAnswer(PlainBaseline):
    """Predict that no question has an answer."""

    name: ClassVar[str] = "no-answer"
    units: ClassVar[frozenset[str]] = frozenset({"span"})
    kinds: ClassVar[frozenset[str]] = frozenset({"answer"})
    reads_nothing: ClassVar[bool] = True

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Learn nothing; the score of "no answer" beats that of any span."""

        def outputs_of(rows: Rows) -> Outputs:
            outputs = job.problem.codec.uninformed_outputs(rows)
            outputs[:, 0, 2] = CERTAIN
            return outputs

        return outputs_of
