"""Probability thresholds of labels, chosen on validation rows."""

from __future__ import annotations

import numpy as np

from luthier.ragged import Array

FEWEST = 5  # positive validation rows that choosing a threshold takes


def best_thresholds(probabilities: Array, gold: Array) -> Array:
    """Choose the threshold with the highest F1 for each label.

    Labels with fewer than 5 positive rows keep 0.5: a threshold fitted to so few would be noise.
    The threshold is the midpoint between two neighbouring probabilities.

    Args:
        probabilities: On validation, (rows, labels).
        gold: True indicators, (rows, labels).

    Returns:
        Thresholds, (labels,).
    """
    columns = zip(probabilities.T, gold.T, strict=True)
    return np.array([_best(p, truth.astype(bool)) for p, truth in columns])


def _best(probabilities: Array, truth: Array) -> float:
    n_positive = int(truth.sum())
    if n_positive < FEWEST:
        return 0.5
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    hits = np.cumsum(truth[order])  # true positives when the first 1, 2, … rows are given
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + n_positive)
    is_edge = np.append(ranked[:-1] != ranked[1:], True)  # rows of equal probability go together
    last = int(np.argmax(np.where(is_edge, f1, -1.0)))
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + below) / 2)
