"""`unigram`: how often each token is in the training texts; what one gets without context."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import numpy as np

from luthier.recipe.tree import Section
from luthier.records import Job, Outputs, Ragged, StepInfo

CHUNK = 256  # items looked at together


class UnigramOptions(Section):
    """There is nothing to choose."""


class Unigram:
    """Find every token as likely as it is frequent in training."""

    name: ClassVar[str] = "unigram"
    units: ClassVar[frozenset[str]] = frozenset({"language"})
    kinds: ClassVar[frozenset[str]] = frozenset({"language"})
    Options = UnigramOptions

    def __init__(self, options: UnigramOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Count the training tokens, one more of each so that none is impossible."""
        task: Any = job.task
        labels = job.encoded["train"].targets
        if not isinstance(labels, Ragged):
            raise ValueError("training items of language models carry token labels")
        seen = labels.values[labels.values >= 0]
        told: list[Any] = [encoded.targets for encoded in job.encoded.values()]
        n_tokens = 1 + max(int(one.values.max(initial=0)) for one in told)
        counts = np.bincount(seen, minlength=n_tokens) + 1.0
        surprise, likeliest = np.log(counts / counts.sum()), int(counts.argmax())
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.splits.train))
        outputs = {}
        for split, rows in job.splits.items():
            if split not in job.scored_splits:
                continue
            encoded, summed = job.encoded[split], np.zeros((len(rows), 3))
            for start in range(0, len(encoded), CHUNK):
                items = np.arange(start, min(start + CHUNK, len(encoded)))
                labels = job.collate(encoded, items, reading=job.task.validation_kind)["labels"]
                counted = labels >= 0
                likely = np.where(counted, surprise[np.maximum(labels, 0)], 0.0)
                right = (labels == likeliest).sum(axis=1)
                each = np.stack([likely.sum(axis=1), counted.sum(axis=1), right], axis=1)
                np.add.at(summed, encoded.rows[items], each)
            outputs[split] = task.of_statistics(summed)
        return outputs
