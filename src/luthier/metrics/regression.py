"""All metrics of regression from one pass over weighted rows."""

from __future__ import annotations

import numpy as np

from luthier.declarations import Metric
from luthier.ragged import Array
from luthier.records import Measure

METRICS = (
    Metric("pearson", "Pearson's r", higher_is_better=True, best=1.0, is_leading=True),
    Metric("spearman", "Spearman's rho", higher_is_better=True, best=1.0, is_leading=True),
    Metric("mae", "mean absolute error", higher_is_better=False, best=0.0, is_leading=True),
    Metric("rmse", "root mean squared error", higher_is_better=False, best=0.0, is_leading=True),
    Metric("r2", "R²", higher_is_better=True, best=1.0, is_leading=True),
)


def measure_regression(gold: Array, predicted: Array) -> Measure:
    """Prepare all metrics of predicted numbers.

    Args:
        gold: True numbers, (rows,).
        predicted: Predicted numbers, (rows,).

    Returns:
        A function from row weights (rows,), or None for ones, to metric values. A correlation
        with a constant column is 0.
    """
    gold, predicted = gold.astype(float), predicted.astype(float)
    error = predicted - gold
    rank_gold, rank_predicted = make_midranks(gold), make_midranks(predicted)

    def measure(weights: Array | None = None) -> dict[str, float]:
        w = np.ones(len(gold)) if weights is None else weights
        share = w / w.sum() if w.sum() else w
        squared = float(share @ error**2)
        spread = float(share @ (gold - share @ gold) ** 2)
        return {
            "pearson": correlation(gold, predicted, share),
            "spearman": correlation(rank_gold(w), rank_predicted(w), share),
            "mae": float(share @ np.abs(error)),
            "rmse": squared**0.5,
            "r2": 1 - squared / spread if spread > 0 else float("nan"),
        }

    return measure


def correlation(a: Array, b: Array, share: Array) -> float:
    """Correlate two weighted columns (rows,); 0 if one of them is constant."""
    a, b = a - share @ a, b - share @ b
    spread = (share @ a**2) * (share @ b**2)
    return float(share @ (a * b) / np.sqrt(spread)) if spread > 1e-24 else 0.0


def make_midranks(values: Array):  # type: ignore[no-untyped-def]
    """Prepare mean ranks under row weights: a row of weight 2 counts as two equal rows."""
    unique, group = np.unique(values, return_inverse=True)

    def midranks(weights: Array) -> Array:
        mass = np.bincount(group, weights=weights, minlength=len(unique))
        return (np.cumsum(mass) - mass / 2)[group]

    return midranks
