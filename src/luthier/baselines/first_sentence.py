"""`first-sentence`: answers every question with the first sentence of the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from luthier.job import Job
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline
from luthier.text.sentences import sentences


class FirstSentence(PlainBaseline):
    """Answer with the first sentence of every text."""

    name: ClassVar[str] = "first-sentence"
    units: ClassVar[frozenset[str]] = frozenset({"span"})
    kinds: ClassVar[frozenset[str]] = frozenset({"answer"})

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Learn nothing."""
        codec = job.problem.codec

        def outputs_of(rows: Rows) -> Outputs:
            outputs = codec.uninformed_outputs(rows)
            for row, context in enumerate(codec.task.texts(rows)[1]):
                first, past = next(iter(sentences(context)), (0, len(context)))
                outputs[row, 1] = first, past, 0.0
            return outputs

        return outputs_of
