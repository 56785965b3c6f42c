"""`translation-memory`: the translation of the most similar training text.

Similarity is the cosine of TF-IDF vectors of character n-grams.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.records import Outputs, StepInfo
from luthier.task_types.defaults import texts_of
from luthier.task_types.plain_baseline import PlainBaseline
from luthier.task_types.seq2seq import as_array

CHUNK = 64  # texts compared with the memory at once


class TranslationMemory(PlainBaseline):
    """Return the translation of the most similar training text."""

    name: ClassVar[str] = "translation-memory"
    units: ClassVar[frozenset[str]] = frozenset({"generation"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Index the character n-grams of all training sources, then look up the nearest."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        known = job.problem.codec.task.texts(job.problem.splits.train)[0]
        task = job.problem.codec.task
        answers = as_array(texts_of(job.problem.splits.train, str(task.answer_role)))
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        memory = vectorizer.fit_transform([*known, "nothing"])[: len(known)].T.tocsr()
        outputs = {}
        phase = f"baseline {self.name}"
        for split, rows in job.problem.scored_rows.items():
            sources = job.problem.codec.task.texts(rows)[0]
            nearest: list[int] = []
            for start in range(0, len(sources), CHUNK):
                similarity = vectorizer.transform(sources[start : start + CHUNK]) @ memory
                nearest += np.asarray(similarity.argmax(axis=1)).reshape(-1).tolist()
                yield StepInfo(
                    phase, start // CHUNK + 1, -(-len(sources) // CHUNK), rows=len(nearest)
                )
            outputs[split] = answers[np.array(nearest, dtype=np.int64)]
        return outputs
