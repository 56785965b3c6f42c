"""`lexical-overlap`: the sentence that shares most with the question, rare words weighing more.

After the sliding window baseline of Rajpurkar et al. 2016, section 5.1, with sentences as windows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline
from luthier.text.sentences import sentences


class LexicalOverlap(PlainBaseline):
    """Answer with the sentence that shares most words with the question."""

    name: ClassVar[str] = "lexical-overlap"
    units: ClassVar[frozenset[str]] = frozenset({"span"})
    kinds: ClassVar[frozenset[str]] = frozenset({"answer"})

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Weight words by how few training contexts have them; score every sentence."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        codec = job.problem.codec
        vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        vectorizer.fit([*codec.task.texts(job.problem.splits.train)[1], "nothing"])

        def outputs_of(rows: Rows) -> Outputs:
            outputs = codec.uninformed_outputs(rows)
            for row, (question, context) in enumerate(zip(*codec.task.texts(rows), strict=True)):
                spans = sentences(context)
                if not spans:
                    continue
                words = vectorizer.transform([context[a:b] for a, b in spans])
                scores = (words @ vectorizer.transform([question]).T).toarray()[:, 0]
                best = np.argsort(-scores, kind="stable")[: outputs.shape[1] - 1]
                outputs[row, 1 : 1 + len(best)] = [(*spans[one], scores[one]) for one in best]
                outputs[row, 0, 2] = 0.0
            return outputs

        return outputs_of
