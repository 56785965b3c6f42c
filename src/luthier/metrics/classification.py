"""All metrics of single-label classification from one pass over weighted rows.

The function that `measure_classification` makes takes row weights, the multiplicities of a
bootstrap resample, so that intervals and paired tests of all metrics share their resamples. Next:
`intervals.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luthier.declarations import SHARE, Metric
from luthier.metrics.auc import make_auc
from luthier.ragged import Array
from luthier.records import Measure

TINY = 1e-12  # lower bound of probabilities in log loss
METRICS = (
    Metric(
        "accuracy",
        "accuracy",
        unit=SHARE,
        higher_is_better=True,
        best=1.0,
        is_share_of_rows=True,
        is_leading=True,
    ),
    Metric("balanced_accuracy", "balanced accuracy", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("macro_f1", "macro F1", unit=SHARE, higher_is_better=True, best=1.0, is_leading=True),
    Metric(
        "micro_f1", "micro F1", unit=SHARE, higher_is_better=True, best=1.0, is_share_of_rows=True
    ),
    Metric("weighted_f1", "weighted F1", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("macro_precision", "macro precision", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("macro_recall", "macro recall", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("mcc", "MCC", higher_is_better=True, best=1.0, is_leading=True),
    Metric("auc", "AUC", unit=SHARE, higher_is_better=True, best=1.0, is_leading=True),
    Metric("log_loss", "log loss", higher_is_better=False, best=0.0, is_leading=True),
    Metric(
        "brier",
        "Brier score",
        higher_is_better=False,
        best=0.0,
        note="squared error of the probabilities: of one label where there are two, from 0 to 1; "
        "summed over labels where there are more, from 0 to 2; their mean where a row can have "
        "several",
    ),
)


def measure_classification(
    gold: Array, predicted: Array, probabilities: Array | None, *, n_labels: int
) -> Measure:
    """Prepare all metrics of single-label predictions.

    Macro averages run over the labels that occur in `gold` or `predicted`, as in scikit-learn.
    AUC is that of the second label for two labels, else the mean over one-against-the-rest curves
    of labels in `gold`. Brier is the mean over rows of the squared errors summed over labels
    (Brier 1950, from 0 to 2); for two labels it is that of one label, from 0 to 1, as usual there.

    Args:
        gold: True label ids, (rows,).
        predicted: Predicted label ids, (rows,).
        probabilities: Predicted, (rows, labels); None leaves out the metrics of probabilities.
        n_labels: Number of labels.

    Returns:
        A function from row weights (rows,), or None for ones, to metric values.
    """
    occurring, ids = np.unique(np.concatenate([gold, predicted]), return_inverse=True)
    n_found = len(occurring)  # a few rows have few of many labels, and a small confusion table
    cells = ids[: len(gold)] * n_found + ids[len(gold) :]
    of_probabilities = None
    if probabilities is not None:
        of_probabilities = _measure_probabilities(gold, probabilities, n_labels)

    def measure(weights: Array | None = None) -> dict[str, float]:
        w = np.ones(len(gold)) if weights is None else weights
        table = np.bincount(cells, weights=w, minlength=n_found**2).reshape(n_found, n_found)
        return from_confusion(table) | (of_probabilities(w) if of_probabilities else {})

    return measure


def _measure_probabilities(
    gold: Array, probabilities: Array, n_labels: int
) -> Callable[[Array], dict[str, float]]:
    surprise = -np.log(np.clip(probabilities[np.arange(len(gold)), gold], TINY, 1.0))
    squared = ((probabilities - np.eye(n_labels)[gold]) ** 2).sum(axis=1)
    if n_labels == 2:
        squared = squared / 2  # both labels have the same error: that of one of them
    judged = [1] if n_labels == 2 else [k for k in range(n_labels) if (gold == k).any()]
    curves = [make_auc(gold == label, probabilities[:, label]) for label in judged]

    def measure(w: Array) -> dict[str, float]:
        total = w.sum()
        return {
            "auc": nan_mean([curve(w) for curve in curves]),
            "log_loss": float(w @ surprise / total) if total else float("nan"),
            "brier": float(w @ squared / total) if total else float("nan"),
        }

    return measure


def from_confusion(table: Array) -> dict[str, float]:
    """Compute the metrics of a confusion table, (gold labels, predicted labels)."""
    precision, recall, f1, support = per_label(table)
    occurs = (table.sum(axis=0) + support) > 0
    total, right = table.sum(), np.diag(table).sum()
    accuracy = _share(right, total)
    return {
        "accuracy": accuracy,
        "balanced_accuracy": nan_mean(recall[support > 0]),
        "macro_f1": nan_mean(f1[occurs]),
        "micro_f1": accuracy,
        "weighted_f1": _share((f1 * support).sum(), total),
        "macro_precision": nan_mean(precision[occurs]),
        "macro_recall": nan_mean(recall[occurs]),
        "mcc": _mcc(table, total, right),
    }


def _mcc(table: Array, total: float, right: float) -> float:
    """Gorodkin 2004, equation 8, https://doi.org/10.1016/j.compbiolchem.2004.09.006."""
    gold, predicted = table.sum(axis=1), table.sum(axis=0)
    covariance = right * total - gold @ predicted
    spread = (total**2 - predicted @ predicted) * (total**2 - gold @ gold)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def per_label(table: Array) -> tuple[Array, Array, Array, Array]:
    """Compute precision, recall, F1 and support of every label, each (labels,).

    A ratio with denominator 0 counts as 0, as in scikit-learn.
    """
    right, gold, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    precision = right / np.where(predicted > 0, predicted, 1)
    recall = right / np.where(gold > 0, gold, 1)
    f1 = 2 * right / np.where(gold + predicted > 0, gold + predicted, 1)
    return precision, recall, f1, gold


def confusion(
    gold: Array, predicted: Array, *, n_labels: int, weights: Array | None = None
) -> Array:
    """Count rows by true and predicted label, (labels, labels)."""
    counts = np.bincount(gold * n_labels + predicted, weights=weights, minlength=n_labels**2)
    return counts.reshape(n_labels, n_labels)


def nan_mean(values: list[float] | Array) -> float:
    """Average the values that are not nan; nan if all are."""
    found = np.asarray(values, dtype=float)
    defined = found[~np.isnan(found)]
    return float(defined.sum() / len(defined)) if len(defined) else float("nan")


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
