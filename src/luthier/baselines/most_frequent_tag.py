"""`most-frequent-tag`: each word's most frequent training tag; what one gets without context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import numpy as np

from luthier.formats.tagged_tokens import words_of
from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo
from luthier.task_types.token_outputs import Pieces


class MostFrequentTagOptions(Section):
    """There is nothing to choose."""


class MostFrequentTag:
    """Each word's most frequent training tag, whatever stands around it."""

    name: ClassVar[str] = "most-frequent-tag"
    units: ClassVar[frozenset[str]] = frozenset({"token"})
    kinds: ClassVar[frozenset[str]] = frozenset({"tags"})
    Options = MostFrequentTagOptions

    def __init__(self, options: MostFrequentTagOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Count the tags of every word; words never seen get the most frequent tag of all."""
        rows, target = job.problem.splits.train, job.problem.codec.target
        gold = job.problem.gold["train"].values
        counts: dict[str, Any] = defaultdict(lambda: np.zeros(target.n_outputs))
        for word, tag in zip(words_of(rows), gold.tolist(), strict=True):
            counts[word.lower()][tag] += 1
        whole = np.bincount(gold, minlength=target.n_outputs)
        unknown = np.eye(target.n_outputs)[whole.argmax()]
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(rows))
        outputs = {}
        for split, judged in job.problem.splits.items():
            if split in job.problem.scored_splits:
                said = [counts.get(word.lower(), unknown) for word in words_of(judged)]
                outputs[split] = Pieces.of_each_word(
                    np.array(said, dtype=np.float32).reshape(-1, target.n_outputs),
                    np.array([len(words) for words in judged["words"]], dtype=np.int64),
                )
        return outputs
