"""Calibration of probabilities: reliability diagram, expected error, temperature.

Guo et al. 2017, https://arxiv.org/abs/1706.04599: section 2 for the error, 4.2 for temperature.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from luthier.declarations import JSON
from luthier.ragged import Array

N_BINS = 15
LEAST, MOST = 0.018, 55.0  # temperatures
CAREFUL = 0.5  # the least where few rows must not make a model surer than it says it is


def reliability(confidence: Array, right: Array, *, n_bins: int = N_BINS) -> list[dict[str, JSON]]:
    """Compare confidence with accuracy in bins of equal width.

    Args:
        confidence: Probability of each prediction, (rows,).
        right: Whether the prediction is right, (rows,).
        n_bins: Number of bins from 0 to 1.
    """
    edges = np.linspace(0, 1, n_bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, n_bins - 1)
    bins = []
    for number in range(n_bins):
        inside = place == number
        n_inside = int(inside.sum())
        bins.append(
            {
                "low": float(edges[number]),
                "high": float(edges[number + 1]),
                "confidence": float(confidence[inside].mean()) if n_inside else None,
                "accuracy": float(right[inside].mean()) if n_inside else None,
                "count": n_inside,
            }
        )
    return bins


def expected_calibration_error(bins: list[dict[str, JSON]]) -> float:
    """Average |confidence - accuracy| over bins, weighted by their rows (ECE)."""
    total = sum(item["count"] for item in bins)
    gaps = (abs(b["confidence"] - b["accuracy"]) * b["count"] for b in bins if b["count"])
    return float(sum(gaps) / total) if total else float("nan")


def fit_temperature(logits: Array, gold: Array, *, least: float = LEAST) -> float:
    """Find the temperature T with the lowest log loss of softmax(logits / T).

    Args:
        logits: Outputs before softmax, (rows, labels).
        gold: Label ids, (rows,).
        least: The smallest temperature; below 1, a model becomes surer than it was.
    """
    bounds = (float(np.log(least)), float(np.log(MOST)))
    rows = np.arange(len(gold))

    def log_loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, gold].mean())

    found = minimize_scalar(log_loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def fit_temperature_of_labels(logits: Array, gold: Array, *, least: float = LEAST) -> float:
    """Find the temperature with the lowest log loss of independent labels, sigmoid(logits / T).

    Args:
        logits: Outputs before the sigmoid, (rows, labels).
        gold: Indicators, (rows, labels).
        least: The smallest temperature; below 1, a model becomes surer than it was.
    """
    halves = np.stack([np.zeros_like(logits), logits], axis=-1).reshape(-1, 2)
    return fit_temperature(halves, np.asarray(gold).reshape(-1).astype(np.int64), least=least)
