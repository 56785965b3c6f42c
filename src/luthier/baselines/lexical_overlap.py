"""`lexical-overlap`: the sentence that shares most with the question, rare words counting more.

After the sliding window baseline of Rajpurkar et al. 2016, section 5.1, with sentences as windows.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo
from luthier.text.sentences import sentences


class LexicalOverlapOptions(Section):
    """There is nothing to choose."""


class LexicalOverlap:
    """Answer with the sentence that shares most words with the question."""

    name: ClassVar[str] = "lexical-overlap"
    units: ClassVar[frozenset[str]] = frozenset({"span"})
    kinds: ClassVar[frozenset[str]] = frozenset({"answer"})
    Options = LexicalOverlapOptions

    def __init__(self, options: LexicalOverlapOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Weigh words by how few training contexts have them; score every sentence."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        contexts = job.problem.codec.task.texts(job.problem.splits.train)[1]
        weigher = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        weigher.fit([*contexts, "nothing"])
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(contexts))
        outputs = {}
        for split, rows in job.problem.splits.items():
            if split not in job.problem.scored_splits:
                continue
            said = job.problem.codec.uninformed_outputs(rows)
            questions, contexts = job.problem.codec.task.texts(rows)
            for row, (question, context) in enumerate(zip(questions, contexts, strict=True)):
                cut = sentences(context)
                if not cut:
                    continue
                asked = weigher.transform([question])
                alike = (weigher.transform([context[a:b] for a, b in cut]) @ asked.T).toarray()[
                    :, 0
                ]
                best = np.argsort(-alike, kind="stable")[: said.shape[1] - 1]
                said[row, 1 : 1 + len(best)] = [(*cut[one], alike[one]) for one in best]
                said[row, 0, 2] = 0.0
            outputs[split] = said
        return outputs
