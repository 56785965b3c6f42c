"""Means over rows with their intervals, and paired differences with their tests.

The resamples are those of `metrics/intervals.py`: one of them weighs the rows alike for all that is
measured on them, so differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from luthier.metrics.intervals import interval, resamples
from luthier.metrics.significance import paired_bootstrap_p
from luthier.ragged import Array
from luthier.results import Score


@dataclass(frozen=True)
class Resampled:
    """Rows, and resamples of them.

    Args:
        weights: How often each row is in each resample, (resamples, rows).
        confidence: Level of the intervals.
    """

    weights: Array
    confidence: float

    @staticmethod
    def of(n_rows: int, *, n_resamples: int, confidence: float, seed: int) -> Resampled:
        """Draw resamples of rows."""
        drawn = resamples(n_rows, n_resamples=n_resamples, seed=seed)
        return Resampled(np.stack(list(drawn)), confidence)

    def means(self, values: Array) -> Array:
        """Return the mean of every resample, (resamples, …), of values (rows, …).

        Rows whose value is nan do not count; a resample without others is nan.
        """
        flat = values.reshape(len(values), -1)
        is_known = ~np.isnan(flat)
        n_known = self.weights @ is_known
        sums = self.weights @ np.where(is_known, flat, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums / n_known).reshape(-1, *values.shape[1:])

    def score(self, values: Array) -> Score:
        """Give the mean of values (rows,) its interval; nan where no row has a value."""
        n_known = int((~np.isnan(values)).sum())
        mean = float(np.nanmean(values)) if n_known else float("nan")
        return Score(mean, *interval(self.means(values), confidence=self.confidence), n_known)

    def against(self, values: Array, others: Array) -> tuple[Score, float, bool]:
        """Compare paired values (rows,): the difference, its p-value, and whether p is a bound."""
        differences = values - others
        return self.score(differences), *paired_bootstrap_p(self.means(differences))


def by_row(values: Array, rows: Array) -> Array:
    """Average values (decisions, …) over the decisions of each row, in the order of the rows.

    What is nan does not count.

    >>> by_row(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 7])).tolist()
    [2.0, 5.0]
    """
    _, of_row = np.unique(rows, return_inverse=True)
    flat = values.reshape(len(values), -1)
    is_known = ~np.isnan(flat)
    shape = (of_row.max(initial=-1) + 1, flat.shape[1])
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, of_row, np.where(is_known, flat, 0.0))
    np.add.at(counts, of_row, is_known)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / counts).reshape(-1, *values.shape[1:])


def plainly(score: Score) -> Mapping[str, float]:
    """Write a score as JSON."""
    return {"value": score.value, "low": score.low, "high": score.high, "n": score.n}
