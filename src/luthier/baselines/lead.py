"""`lead`: the first sentences of the text; hard to beat for news (Nallapati et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline
from luthier.task_types.seq2seq import as_array
from luthier.text.sentences import sentences


class LeadOptions(Section):
    """How many sentences are taken."""

    sentences: int | None = Field(
        None, ge=1, description="Sentences taken; null: the median count of gold summaries."
    )


class Lead(PlainBaseline):
    """Return the first sentences of every text."""

    name: ClassVar[str] = "lead"
    units: ClassVar[frozenset[str]] = frozenset({"generation"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text"})
    Options = LeadOptions
    options: LeadOptions

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Take the median number of sentences of gold summaries, unless the recipe sets it."""
        codec = job.problem.codec
        counts = [len(sentences(str(text))) for text in codec.gold(job.problem.splits.train)]
        n_sentences = self.options.sentences or max(1, round(float(np.median(counts or [1]))))

        def first(text: str) -> str:
            return text[: [(0, 0), *sentences(text)[:n_sentences]][-1][1]]

        return lambda rows: as_array([first(text) for text in codec.task.texts(rows)[0]])
