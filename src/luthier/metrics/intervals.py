"""Confidence intervals of scores, by the bootstrap over rows.

Efron & Tibshirani 1993, chapters 6 and 13. A resample is a vector of row weights, drawn from one
stream: all systems share the resamples, so differences between systems are paired.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import beta

from luthier.metrics.names import metric_of
from luthier.ragged import Array
from luthier.records import Measure
from luthier.seeding import stream


def resamples(n_rows: int, *, n_resamples: int, seed: int) -> Iterator[Array]:
    """Draw row weights (rows,): the count of each row in a resample of as many rows."""
    generator = stream(seed, "bootstrap")
    for _ in range(n_resamples):
        yield np.bincount(generator.integers(0, n_rows, size=n_rows), minlength=n_rows).astype(
            float
        )


def bootstrap(measure: Measure, n_rows: int, *, n_resamples: int, seed: int) -> dict[str, Array]:
    """Compute the metrics on every resample.

    Returns:
        Metric to its values, (resamples,).
    """
    measured = [measure(w) for w in resamples(n_rows, n_resamples=n_resamples, seed=seed)]
    return {name: np.array([one[name] for one in measured]) for name in measured[0]}


def interval(values: Array, *, confidence: float) -> tuple[float, float]:
    """Compute the percentile interval of resampled values; nan if all are nan."""
    defined = values[~np.isnan(values)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def exact_interval(share: float, n_rows: int, *, confidence: float) -> tuple[float, float]:
    """Compute the exact interval of a share of rows; at 0 and 1 the bootstrap has no spread.

    Clopper & Pearson 1934, https://doi.org/10.1093/biomet/26.4.404.
    """
    tail, hits = (1 - confidence) / 2, round(share * n_rows)
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n_rows - hits + 1))
    high = 1.0 if hits == n_rows else float(beta.ppf(1 - tail, hits + 1, n_rows - hits))
    return low, high


def interval_of(
    metric: str, value: float, values: Array, n_rows: int, *, confidence: float
) -> tuple[float, float]:
    """Take percentiles of the resamples, or the exact interval of a share of rows at 0 or 1."""
    if value in (0.0, 1.0) and metric_of(metric).is_share_of_rows:
        return exact_interval(value, n_rows, confidence=confidence)
    return interval(values, confidence=confidence)
