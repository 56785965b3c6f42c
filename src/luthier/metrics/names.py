"""What metrics are called, which way is better, and in which unit they are told."""

from __future__ import annotations

LOWER = frozenset(
    {
        "log_loss",
        "brier",
        "hamming_loss",
        "mae",
        "rmse",
        "ece",
        "perplexity",
        "cross_entropy",
        "ter",
    }
)
HUNDREDS = frozenset({"chrf", "bleu", "ter"})  # in sacreBLEU's unit, 0 to 100
NATURAL = HUNDREDS | {
    *("mcc", "log_loss", "brier", "mae", "rmse", "r2", "pearson", "spearman"),
    *("perplexity", "cross_entropy"),
}
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
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "partial_f1": "partial F1",
    "type_f1": "F1 by type",
    "token_accuracy": "token accuracy",
    "exact_match": "exact match",
    "has_answer_f1": "F1 where there is an answer",
    "has_answer_exact_match": "exact match where there is an answer",
    "no_answer_accuracy": "accuracy where there is none",
    "chrf": "chrF",
    "bleu": "BLEU",
    "ter": "TER",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "perplexity": "perplexity",
    "cross_entropy": "cross-entropy",
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
