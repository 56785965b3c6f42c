"""`unigram`: predicts tokens by their training frequency; the score without context."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar, cast

import numpy as np

from luthier.job import Job
from luthier.records import Outputs, StepInfo
from luthier.task_types.plain_baseline import PlainBaseline

CHUNK = 256  # items per batch


class Unigram(PlainBaseline):
    """Give every token its frequency in the training texts as its probability."""

    name: ClassVar[str] = "unigram"
    units: ClassVar[frozenset[str]] = frozenset({"language"})
    kinds: ClassVar[frozenset[str]] = frozenset({"language"})
    reads_nothing: ClassVar[bool] = True

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Count the training tokens, plus one of each so that none has probability 0."""
        problem, codec = job.problem, cast(Any, job.problem.codec)
        labels = [items.target_array for items in problem.items.values()]
        seen = labels[0][labels[0] >= 0]  # of the training items, which come first
        n_tokens = 1 + max(int(one.max(initial=0)) for one in labels)
        counts = np.bincount(seen, minlength=n_tokens) + 1.0
        log_share, most_frequent = np.log(counts / counts.sum()), int(counts.argmax())
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(problem.splits.train))
        outputs = {}
        for split, rows in problem.scored_rows.items():
            items, summed = problem.items[split], np.zeros((len(rows), 3))
            for start in range(0, len(items), CHUNK):
                chosen = np.arange(start, min(start + CHUNK, len(items)))
                wanted = codec.batch(items, chosen, kind=codec.task.validation_kind).targets
                counted = wanted >= 0
                likely = np.where(counted, log_share[np.maximum(wanted, 0)], 0.0)
                right = (wanted == most_frequent).sum(axis=1)
                each = np.stack([likely.sum(axis=1), counted.sum(axis=1), right], axis=1)
                np.add.at(summed, items.rows[chosen], each)
            outputs[split] = codec.of_statistics(summed)
        return outputs
