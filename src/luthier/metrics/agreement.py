"""How far several people agree: Krippendorff's alpha, Cohen's kappa, and F1 of their entities.

Metrics take weights of items, so that the bootstrap resamples items (`intervals.py`). A value is
nan where it is not defined: nobody gave two answers to an item, or all answers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.metrics.spans import Span
from luthier.ragged import Array

TENTATIVE, RELIABLE = 0.667, 0.8  # Krippendorff 2004, "Content Analysis", section 11.4.2
ALIKE, UNLIKE = 0.8, 0.4  # observed agreement and kappa between which the prevalence paradox lies


def nominal_alpha(votes: Array, n_labels: int, weights: Array | None = None) -> float:
    """Compute Krippendorff's alpha of labels, 1 - observed / expected disagreement.

    Krippendorff 2011, "Computing Krippendorff's alpha-reliability". Items with fewer than two
    answers take no part.

    Args:
        votes: Label ids, (items, annotators); -1: absent.
        n_labels: Number of labels.
        weights: Weight of each item, (items,); None: all weigh 1.

    >>> votes = np.array([[0, 0], [1, 1], [0, 1], [0, -1]])
    >>> round(nominal_alpha(votes, 2), 3)
    0.444
    """
    counts = np.stack([(votes == label).sum(axis=1) for label in range(n_labels)], axis=1)
    n_given, weights = _paired(counts.sum(axis=1), weights)
    unlike = n_given**2 - (counts**2).sum(axis=1)  # ordered pairs of unequal answers
    observed = (weights * unlike / np.maximum(n_given - 1, 1)).sum()
    totals = weights @ counts
    return _alpha(observed, totals.sum() ** 2 - (totals**2).sum(), totals.sum())


def interval_alpha(values: Array, weights: Array | None = None) -> float:
    """Compute Krippendorff's alpha of numbers, by squared differences.

    Args:
        values: Numbers, (items, annotators); nan: absent.
        weights: Weight of each item, (items,); None: all weigh 1.

    >>> round(interval_alpha(np.array([[1, 1], [2, 2], [3, 4], [5, np.nan]])), 3)
    0.878
    """
    n_given, weights = _paired((~np.isnan(values)).sum(axis=1), weights)
    filled = np.nan_to_num(values)
    sums, squares = filled.sum(axis=1), (filled**2).sum(axis=1)
    observed = (weights * 2 * (n_given * squares - sums**2) / np.maximum(n_given - 1, 1)).sum()
    n_values = (weights * n_given).sum()
    expected = 2 * (n_values * (weights * squares).sum() - (weights * sums).sum() ** 2)
    return _alpha(observed, expected, n_values)


def _paired(n_given: Array, weights: Array | None) -> tuple[Array, Array]:
    """Return how many answers each item has, and its weight: 0 where there are no two."""
    weights = np.ones(len(n_given)) if weights is None else weights
    return n_given, np.where(n_given > 1, weights, 0.0)


def _alpha(observed: float, expected: float, n_values: float) -> float:
    if n_values <= 1 or expected <= 0:
        return float("nan")
    return float(1 - (n_values - 1) * observed / expected)


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa of two annotators.

    Args:
        kappa: (observed - expected) / (1 - expected) agreement; nan where only one label occurs.
        observed: Share of items with equal answers.
        expected: Share that is expected by chance.
        n: Items that both answered.
    """

    kappa: float
    observed: float
    expected: float
    n: int

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Return the ends of kappa's interval, by the standard error of Cohen (1960)."""
        if not self.n or self.expected >= 1:
            return float("nan"), float("nan")
        spread = (self.observed * (1 - self.observed) / self.n) ** 0.5 / (1 - self.expected)
        return max(-1.0, self.kappa - z * spread), min(1.0, self.kappa + z * spread)

    @property
    def is_paradox(self) -> bool:
        """Whether kappa is low though answers are mostly equal, as one label prevails.

        Feinstein and Cicchetti 1990, "High agreement but low kappa".
        """
        return self.observed >= ALIKE and self.kappa < UNLIKE


def cohen_kappa(one: Array, other: Array, n_labels: int) -> Kappa:
    """Compute Cohen's kappa (1960) of two annotators, on the items that both answered.

    >>> found = cohen_kappa(np.array([0, 0, 1, 1, -1]), np.array([0, 1, 1, 1, 0]), 2)
    >>> found.kappa, found.observed, found.n
    (0.5, 0.75, 4)
    """
    both = (one >= 0) & (other >= 0)
    n_both = int(both.sum())
    if n_both == 0:
        return Kappa(float("nan"), float("nan"), float("nan"), 0)
    observed = float((one[both] == other[both]).mean())
    shares = [np.bincount(votes[both], minlength=n_labels) / n_both for votes in (one, other)]
    expected = float(shares[0] @ shares[1])
    kappa = (observed - expected) / (1 - expected) if expected < 1 else float("nan")
    return Kappa(float(kappa), observed, expected, n_both)


def span_f1(one: Sequence[Sequence[Span]], other: Sequence[Sequence[Span]]) -> float:
    """Compute F1 of the entities of two annotators: borders and type must be equal.

    It is the same from either side, and unlike kappa of tags it is not raised by the many words
    that are no entity (Hripcsak and Rothschild 2005, "Agreement, the F-measure, and reliability").

    >>> span_f1([[(0, 1, "PER"), (4, 6, "LOC")]], [[(0, 1, "PER"), (4, 5, "LOC")]])
    0.5
    """
    pairs = list(zip(one, other, strict=True))
    shared = sum(len({*left} & {*right}) for left, right in pairs)
    total = sum(len({*left}) + len({*right}) for left, right in pairs)
    return 2 * shared / total if total else float("nan")
