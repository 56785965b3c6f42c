"""`translation-memory`: the translation of the training text that is most alike.

Alike is the cosine of weighted runs of letters.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo

CHUNK = 64  # texts compared with the memory together


class TranslationMemoryOptions(Section):
    """There is nothing to choose."""


class TranslationMemory:
    """Give the translation of the most similar training text."""

    name: ClassVar[str] = "translation-memory"
    units: ClassVar[frozenset[str]] = frozenset({"generation"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text"})
    Options = TranslationMemoryOptions

    def __init__(self, options: TranslationMemoryOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Weigh runs of letters of all training sources, then look up the nearest."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        known = job.problem.codec.task.texts(job.problem.splits.train)[0]
        answers = job.problem.codec.gold(job.problem.splits.train)
        weigher = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        memory = weigher.fit_transform([*known, "nothing"])[: len(known)].T.tocsr()
        outputs = {}
        phase = f"baseline {self.name}"
        for split, rows in job.problem.splits.items():
            if split not in job.problem.scored_splits:
                continue
            asked = job.problem.codec.task.texts(rows)[0]
            nearest: list[int] = []
            for start in range(0, len(asked), CHUNK):
                alike = weigher.transform(asked[start : start + CHUNK]) @ memory
                nearest += np.asarray(alike.argmax(axis=1)).reshape(-1).tolist()
                yield StepInfo(
                    phase, start // CHUNK + 1, -(-len(asked) // CHUNK), rows=len(nearest)
                )
            outputs[split] = answers[np.array(nearest, dtype=np.int64)]
        return outputs
