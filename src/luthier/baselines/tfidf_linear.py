"""`tfidf-linear`: a linear model on TF-IDF of words and word pairs; the classic baseline.

For two texts, the features are the words of each and the products for words that both share.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo
from luthier.task_types.plain_baseline import PlainBaseline


class TfidfLinearOptions(Section):
    """Size of the vocabulary."""

    n_gram: int = Field(2, ge=1, le=3, description="Longest n-gram of words.")
    max_features: int = Field(100_000, ge=1, description="Most frequent n-grams that are kept.")


class TfidfLinear(PlainBaseline):
    """A linear model on TF-IDF of words and word pairs."""

    name: ClassVar[str] = "tfidf-linear"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number"})
    Options = TfidfLinearOptions
    options: TfidfLinearOptions

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Compute TF-IDF features of all rows, then fit."""
        from luthier.frozen_features.linear import fit_linear

        phase = f"baseline {self.name}"
        yield StepInfo(phase, 0, 0)
        return (yield from fit_linear(job, self.features(job), phase=phase))

    def features(self, job: Job) -> dict[str, Any]:
        """Compute a sparse matrix (rows, words) for every split."""
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
        empty = csr_matrix((0, len(vectorizer.vocabulary_)))
        for split, roles in texts.items():
            parts = [vectorizer.transform(role) if role else empty for role in roles]
            if len(parts) == 2:
                parts.append(parts[0].multiply(parts[1]))
            features[split] = hstack(parts, format="csr") if len(parts) > 1 else parts[0]
        return features
