"""`word-overlap`: how many words two texts share; the score without understanding either."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from typing import ClassVar

import numpy as np

from luthier.job import Job
from luthier.ragged import Array
from luthier.records import Outputs, Rows, StepInfo
from luthier.task_types.plain_baseline import PlainBaseline

WORD = re.compile(r"\w+")


class WordOverlap(PlainBaseline):
    """A linear model on the share of words that the two texts have in common."""

    name: ClassVar[str] = "word-overlap"
    units: ClassVar[frozenset[str]] = frozenset({"sequence", "choice"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number", "choice"})

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Measure the overlap of the first and the last text of every row, then fit."""
        from luthier.frozen_features.linear import fit_linear

        if job.problem.codec.target.kind == "choice":
            return (yield from super().fit(job))
        features = {}
        for split, rows in job.problem.splits.items():
            texts = job.problem.codec.task.texts(rows)
            pairs = zip(texts[0], texts[-1], strict=True)
            features[split] = np.array([overlap(*pair) for pair in pairs]).reshape(-1, 4)
        return (yield from fit_linear(job, features, phase=f"baseline {self.name}"))

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Score choices by their overlap with the text, without learning."""
        return lambda rows: of_choices(rows, job)


def of_choices(rows: Rows, job: Job) -> Outputs:
    """Score every choice by its share of words that also occur in the text, (rows, choices)."""
    outputs = job.problem.codec.uninformed_outputs(rows)
    for row, (text, choices) in enumerate(zip(rows["text"], rows["choices"], strict=True)):
        outputs[row, : len(choices)] = [overlap(str(text), choice)[2] for choice in choices]
    return outputs


def overlap(first: str, second: str) -> Array:
    """Describe two texts by what they share.

    Returns:
        Shared words as a share of all, of the first text's and of the second's, and the
        difference of the log lengths, (4,).

    >>> overlap("a red cat", "a cat").round(2).tolist()
    [0.67, 0.67, 1.0, 0.29]
    """
    a, b = (set(WORD.findall(text.lower())) for text in (first, second))
    shared = len(a & b)
    return np.array(
        [
            shared / max(len(a | b), 1),
            shared / max(len(a), 1),
            shared / max(len(b), 1),
            np.log1p(len(a)) - np.log1p(len(b)),
        ]
    )
