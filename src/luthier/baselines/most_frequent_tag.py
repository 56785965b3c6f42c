"""`most-frequent-tag`: predicts each word's most frequent training tag, without context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from luthier.formats.tagged_tokens import words_of
from luthier.job import Job
from luthier.ragged import Array
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline
from luthier.task_types.token_outputs import Pieces


class MostFrequentTag(PlainBaseline):
    """Predict each word's most frequent training tag, whatever its context."""

    name: ClassVar[str] = "most-frequent-tag"
    units: ClassVar[frozenset[str]] = frozenset({"token"})
    kinds: ClassVar[frozenset[str]] = frozenset({"tags"})

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Count the tags of every word; unseen words get the most frequent tag overall."""
        n_outputs = job.problem.codec.target.n_outputs
        gold = job.problem.gold["train"].values
        counts: dict[str, Array] = defaultdict(lambda: np.zeros(n_outputs))
        for word, tag in zip(words_of(job.problem.splits.train), gold.tolist(), strict=True):
            counts[word.lower()][tag] += 1
        unknown = np.eye(n_outputs)[np.bincount(gold, minlength=n_outputs).argmax()]

        def outputs_of(rows: Rows) -> Outputs:
            found = [counts.get(word.lower(), unknown) for word in words_of(rows)]
            n_words = np.array([len(words) for words in rows["words"]], dtype=np.int64)
            return Pieces.of_each_word(
                np.array(found, dtype=np.float32).reshape(-1, n_outputs), n_words
            )

        return outputs_of
