"""`first-sentence`: answers with the first sentence of the text, whatever is asked."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo
from luthier.text.sentences import sentences


class FirstSentenceOptions(Section):
    """There is nothing to choose."""


class FirstSentence:
    """Answer with the first sentence of every text."""

    name: ClassVar[str] = "first-sentence"
    units: ClassVar[frozenset[str]] = frozenset({"span"})
    kinds: ClassVar[frozenset[str]] = frozenset({"answer"})
    Options = FirstSentenceOptions

    def __init__(self, options: FirstSentenceOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Cut the first sentence off."""
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.problem.splits.train))
        outputs = {}
        for split, rows in job.problem.splits.items():
            if split in job.problem.scored_splits:
                said = job.problem.codec.uninformed_outputs(rows)
                for row, context in enumerate(job.problem.codec.task.texts(rows)[1]):
                    first, past = next(iter(sentences(context)), (0, len(context)))
                    said[row, 1] = first, past, 0.0
                outputs[split] = said
        return outputs
