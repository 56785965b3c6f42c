"""All metrics of multi-label classification from one pass over weighted rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luthier.declarations import SHARE, Metric
from luthier.metrics.auc import make_auc
from luthier.metrics.classification import TINY, nan_mean
from luthier.ragged import Array
from luthier.records import Measure

METRICS = (  # besides those of `classification.py`
    Metric("samples_f1", "samples F1", unit=SHARE, higher_is_better=True, best=1.0),
    Metric(
        "subset_accuracy",
        "subset accuracy",
        unit=SHARE,
        higher_is_better=True,
        best=1.0,
        is_share_of_rows=True,
        is_leading=True,
    ),
    Metric("hamming_loss", "Hamming loss", unit=SHARE, higher_is_better=False, best=0.0),
)


def measure_multi_label(gold: Array, predicted: Array, probabilities: Array | None) -> Measure:
    """Prepare all metrics of multi-label predictions.

    Args:
        gold: True indicators, (rows, labels).
        predicted: Predicted indicators, (rows, labels).
        probabilities: Predicted, (rows, labels); None leaves out the metrics of probabilities.

    Returns:
        A function from row weights (rows,), or None for ones, to metric values. F1 of a row
        (`samples_f1`) or of a label with neither true nor predicted labels counts as 0, as in
        scikit-learn.
    """
    is_gold, is_predicted = gold.astype(bool), predicted.astype(bool)
    right = (is_gold & is_predicted).astype(float)  # (rows, labels)
    either = is_gold.astype(float) + is_predicted
    exact = (is_gold == is_predicted).all(axis=1)
    wrong = (is_gold != is_predicted).mean(axis=1)
    of_row = 2 * right.sum(axis=1) / np.maximum(either.sum(axis=1), 1)
    of_probabilities = None
    if probabilities is not None:
        of_probabilities = _measure_probabilities(is_gold, probabilities)

    def measure(weights: Array | None = None) -> dict[str, float]:
        w = np.ones(len(gold)) if weights is None else weights
        share = w / w.sum() if w.sum() else w
        hits, all_of_them = w @ right, w @ either  # (labels,)
        f1 = 2 * hits / np.where(all_of_them > 0, all_of_them, 1)
        support = w @ is_gold.astype(float)
        pooled = all_of_them.sum()
        return {
            "micro_f1": float(2 * hits.sum() / pooled) if pooled else 0.0,
            "macro_f1": float(f1.mean()),
            "weighted_f1": float((f1 * support).sum() / support.sum()) if support.sum() else 0.0,
            "samples_f1": float(share @ of_row),
            "subset_accuracy": float(share @ exact),
            "hamming_loss": float(share @ wrong),
            **(of_probabilities(w, share) if of_probabilities else {}),
        }

    return measure


def _measure_probabilities(
    is_gold: Array, probabilities: Array
) -> Callable[[Array, Array], dict[str, float]]:
    clipped = np.clip(probabilities.astype(float), TINY, 1 - TINY)
    surprise = -np.where(is_gold, np.log(clipped), np.log1p(-clipped)).mean(axis=1)
    squared = ((probabilities - is_gold) ** 2).mean(axis=1)
    curves = [make_auc(is_gold[:, k], probabilities[:, k]) for k in range(is_gold.shape[1])]

    def measure(w: Array, share: Array) -> dict[str, float]:
        return {
            "auc": nan_mean([curve(w) for curve in curves]),
            "log_loss": float(share @ surprise),
            "brier": float(share @ squared),
        }

    return measure


def per_label_multi(gold: Array, predicted: Array, weights: Array | None = None) -> Array:
    """Compute precision, recall, F1 and support of every label, (4, labels)."""
    w = np.ones(len(gold)) if weights is None else weights
    right = w @ (gold.astype(bool) & predicted.astype(bool)).astype(float)
    true, said = w @ gold.astype(float), w @ predicted.astype(float)
    return np.stack(
        [
            right / np.where(said > 0, said, 1),
            right / np.where(true > 0, true, 1),
            2 * right / np.where(true + said > 0, true + said, 1),
            true,
        ]
    )
