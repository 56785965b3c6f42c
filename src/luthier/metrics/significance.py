"""Significance tests of the difference between two systems on the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest, norm

from luthier.ragged import Array
from luthier.results import ALPHA


def mcnemar_exact(right_a: Array, right_b: Array) -> float:
    """Test whether two systems are right equally often, from the rows where only one is.

    The exact binomial form of McNemar 1947, https://doi.org/10.1007/BF02295996.

    >>> mcnemar_exact(np.ones(10), np.zeros(10))
    0.001953125
    """
    only_a = int((right_a.astype(bool) & ~right_b.astype(bool)).sum())
    only_b = int((right_b.astype(bool) & ~right_a.astype(bool)).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue)


def resamples_needed(n_resamples: int, n_comparisons: int, *, alpha: float = ALPHA) -> int:
    """Return how many resamples a test needs, at least `n_resamples`.

    The least p-value of R resamples, 2 / (R + 1), has to stay a fifth of alpha after Holm's
    correction multiplies it by the number of comparisons. Otherwise no difference could be found.

    >>> resamples_needed(1000, 3), resamples_needed(1000, 30)
    (1000, 5999)
    """
    return max(n_resamples, math.ceil(10 * n_comparisons / alpha) - 1)


def paired_bootstrap_p(differences: Array) -> tuple[float, bool]:
    """Test whether the difference of two systems is zero, from its resampled values.

    Twice the smaller share of resamples on either side of zero, with one added to both counts so
    that a finite number of resamples never gives p = 0 (Davison & Hinkley 1997, section 4.2).

    Returns:
        The p-value, and whether it is the least that so many resamples can give.
    """
    defined = differences[~np.isnan(differences)]
    if len(defined) == 0:
        return float("nan"), False
    fewer = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (len(defined) + 1)), fewer == 0


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for multiple comparisons, step down (Holm 1979, https://jstor.org/stable/4615733).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [float("nan")] * len(p_values)
    known = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    largest = 0.0
    for place, index in enumerate(sorted(known, key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(known) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def rows_needed(
    difference: float, spread: float, *, power: float = 0.8, alpha: float = ALPHA
) -> int | None:
    """Estimate the number of rows at which a difference of this size becomes significant.

    n = ((z_{1-alpha/2} + z_{power}) * spread / difference)², by the normal approximation.

    Args:
        difference: The difference of the two systems.
        spread: Standard deviation of the difference on one row.
        power: Probability of detecting a difference that exists.
        alpha: Probability of detecting one that does not.

    Returns:
        The number of rows; None if there is no difference to detect.
    """
    if not (math.isfinite(spread) and abs(difference) > 0):
        return None
    z = norm.ppf(1 - alpha / 2) + norm.ppf(power)
    needed = (z * spread / difference) ** 2
    return math.ceil(needed) if math.isfinite(needed) else None
