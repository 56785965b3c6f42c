"""Nearest class mean as a linear layer, without training."""

from __future__ import annotations

import numpy as np

from luthier.ragged import Array

STEPS = np.logspace(-1, 3, 33)  # candidate scales of the logits


def head_of_means(
    features: Array, answers: Array, n_outputs: int, *, distance: str
) -> tuple[Array, Array]:
    """Compute a linear layer whose highest output belongs to the nearest class mean.

    -|x - m|² / 2 = m·x - |m|² / 2 - |x|² / 2, and the last term is the same for all classes. For
    the Mahalanobis distance, both are multiplied by the inverse of the within-class covariance,
    shrunk as Ledoit & Wolf 2004 do ("A well-conditioned estimator …", J. Multivariate Analysis).

    Args:
        features: Features of the rows, (rows, width).
        answers: Label ids, (rows,).
        n_outputs: Number of labels.
        distance: The distance, `euclidean` or `mahalanobis`.

    Returns:
        Weight (outputs, width) and bias (outputs,), at the scale that maximises the leave-one-out
        likelihood of the training rows.
    """
    counts = np.bincount(answers, minlength=n_outputs)  # (outputs,)
    sums = np.zeros((n_outputs, features.shape[1]))
    np.add.at(sums, answers, features)
    means = sums / np.maximum(counts, 1)[:, None]
    metric = _metric(features - means[answers], distance)
    scale = _scale(features, answers, sums, counts, metric)
    weight = scale * means @ metric
    bias = -(weight * means).sum(axis=1) / 2
    bias[counts == 0] = -30.0
    return weight.astype(np.float32), bias.astype(np.float32)


def _metric(within: Array, distance: str) -> Array:
    """Return the matrix of the squared distance, (width, width)."""
    width = within.shape[1]
    if distance == "euclidean" or not np.abs(within).any():
        return np.eye(width)
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(within, assume_centered=True)
    return np.asarray(np.linalg.inv(covariance + 1e-9 * np.eye(width)))


def _scale(features: Array, answers: Array, sums: Array, counts: Array, metric: Array) -> float:
    """Choose the scale of the logits by leave-one-out likelihood."""
    kept = np.flatnonzero(counts[answers] > 1)
    if len(kept) == 0:
        return 10.0
    x, own = features[kept], answers[kept]
    means = sums / np.maximum(counts, 1)[:, None]
    logits = x @ metric @ means.T - ((means @ metric) * means).sum(axis=1) / 2
    left = (sums[own] - x) / (counts[own] - 1)[:, None]
    logits[np.arange(len(own)), own] = ((left @ metric) * (x - left / 2)).sum(axis=1)
    logits[:, counts == 0] = -np.inf
    spread = np.abs(logits[np.isfinite(logits)]).mean() + 1e-12
    scales = STEPS / spread

    def likelihood(scale: float) -> float:
        scaled = scale * (logits - logits.max(axis=1, keepdims=True))
        picked = scaled[np.arange(len(own)), own] - np.log(np.exp(scaled).sum(axis=1))
        return float(picked.mean())

    return float(max(scales, key=likelihood))
