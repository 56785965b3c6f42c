"""What metrics are called, which way is better, and in which unit they are told."""

from __future__ import annotations

LOWER = frozenset({"log_loss", "brier", "hamming_loss", "mae", "rmse", "ece"})
NATURAL = frozenset({"mcc", "log_loss", "brier", "mae", "rmse", "r2", "pearson", "spearman"})
TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "weighted_f1": "weighted F1",
    "samples_f1": "samples F1",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "mcc": "MCC",
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "subset_accuracy": "subset accuracy",
    "hamming_loss": "Hamming loss",
    "pearson": "Pearson's r",
    "spearman": "Spearman's rho",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "R²",
    "ece": "calibration error",
}


def lower_is_better(metric: str) -> bool:
    """Say whether less of a metric is better."""
    return metric in LOWER


def as_points(metric: str) -> bool:
    """Say whether a metric is a share, told in per cent and its differences in points."""
    return metric not in NATURAL


def title(metric: str) -> str:
    """Give a metric's name for people."""
    return TITLES.get(metric, metric.replace("_", " "))
