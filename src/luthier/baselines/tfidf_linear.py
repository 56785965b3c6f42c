"""`tfidf-linear`: a linear model on weighted words and word pairs; the classic to beat.

For two texts it sees the words of each and, weighted together, those that both share.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo


class TfidfLinearOptions(Section):
    """What counts as a word."""

    n_gram: int = Field(2, ge=1, le=3, description="Longest run of words counted as one.")
    max_features: int = Field(100_000, ge=1, description="Most frequent runs that are kept.")


class TfidfLinear:
    """A linear model on weighted words and word pairs."""

    name: ClassVar[str] = "tfidf-linear"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number"})
    Options = TfidfLinearOptions

    def __init__(self, options: TfidfLinearOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Weigh the words of the training rows, then fit."""
        from luthier.frozen_features.linear import fit_linear

        phase = f"baseline {self.name}"
        yield StepInfo(phase, 0, 0)
        return (yield from fit_linear(job, self.features(job), phase=phase))

    def features(self, job: Job) -> dict[str, Any]:
        """Give a sparse matrix (rows, words) for every split."""
        from scipy.sparse import csr_matrix, hstack
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = {
            split: job.problem.codec.task.texts(rows) for split, rows in job.problem.splits.items()
        }
        vectorizer = TfidfVectorizer(
            sublinear_tf=True,
            strip_accents="unicode",
            ngram_range=(1, self.options.n_gram),
            max_features=self.options.max_features,
            token_pattern=r"(?u)\b\w+\b|[^\w\s]",
        )
        vectorizer.fit(text for role in texts["train"] for text in role)
        features = {}
        nothing = csr_matrix((0, len(vectorizer.vocabulary_)))
        for split, roles in texts.items():
            parts = [vectorizer.transform(role) if role else nothing for role in roles]
            if len(parts) == 2:
                parts.append(parts[0].multiply(parts[1]))
            features[split] = hstack(parts, format="csr") if len(parts) > 1 else parts[0]
        return features
