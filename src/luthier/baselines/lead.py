"""`lead`: the first sentences of the text; for news hard to beat (Nallapati et al. 2017)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo
from luthier.task_types.seq2seq import as_array
from luthier.text.sentences import sentences


class LeadOptions(Section):
    """How much is taken."""

    sentences: int | None = Field(
        None, ge=1, description="Sentences taken; null: as many as true summaries have."
    )


class Lead:
    """Give the first sentences of every text."""

    name: ClassVar[str] = "lead"
    units: ClassVar[frozenset[str]] = frozenset({"generation"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text"})
    Options = LeadOptions

    def __init__(self, options: LeadOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Take as many sentences as true summaries have (the median), or as are asked for."""
        written = [
            len(sentences(str(text))) for text in job.problem.codec.gold(job.problem.splits.train)
        ]
        n_sentences = self.options.sentences or max(1, round(float(np.median(written or [1]))))
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(written))
        outputs = {}
        for split, rows in job.problem.splits.items():
            if split in job.problem.scored_splits:
                texts = job.problem.codec.task.texts(rows)[0]
                ends = [[(0, 0), *sentences(text)[:n_sentences]][-1][1] for text in texts]
                outputs[split] = as_array(
                    [text[:end] for text, end in zip(texts, ends, strict=True)]
                )
        return outputs
