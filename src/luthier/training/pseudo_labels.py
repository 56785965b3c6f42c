"""Which answers of a teacher to rows without labels are learned from, and how.

An answer counts by its calibrated probability, and no class gets many more rows than its share of
the training rows lets expect: the most frequent class is the surest, and without a quota would soon
be the answer to all (Zou et al. 2018, class-balanced self-training,
https://arxiv.org/abs/1810.07911). Next: `methods/self_training.py`.
"""

from __future__ import annotations

import numpy as np

from luthier.metrics.calibration import CAREFUL, fit_temperature, fit_temperature_of_labels
from luthier.metrics.softmax import softmax
from luthier.ragged import Array

SLACK = 2.0  # times its share beside the scarcest class that a class may have
FEW = 20  # validation rows; with fewer, a temperature is chance


def temperature_of(outputs: Array, gold: Array, *, kind: str) -> float:
    """Fit the temperature of a teacher on validation rows; 1 where these are too few.

    Args:
        outputs: Logits, (rows, labels).
        gold: Label ids, (rows,), or indicators, (rows, labels).
        kind: `single-label` or `multi-label`.
    """
    if len(outputs) < FEW:
        return 1.0
    fit = fit_temperature if kind == "single-label" else fit_temperature_of_labels
    return float(fit(outputs, gold, least=CAREFUL))


def probabilities(outputs: Array, temperature: float, *, kind: str) -> Array:
    """Turn logits, (rows, labels), into calibrated probabilities in float32."""
    calm = outputs.astype(np.float64) / temperature
    if kind == "single-label":
        return np.asarray(softmax(calm), dtype=np.float32)
    pair = softmax(np.stack([calm, np.zeros_like(calm)], axis=-1))
    return np.asarray(pair[..., 0], dtype=np.float32)


def classes_of(shares: Array, *, kind: str, counts: Array | None = None) -> Array:
    """Give every row the class by whose quota it is counted, (rows,).

    With several labels a row counts as the rarest that it has, or as one class more for none.

    Args:
        shares: Probabilities or indicators, (rows, labels).
        kind: `single-label` or `multi-label`.
        counts: Training rows of each label, (labels,); needed for several labels.
    """
    if kind == "single-label":
        return np.asarray(shares.argmax(axis=1))
    if counts is None:
        raise ValueError("the rarest label is known by counts")
    order = np.argsort(counts, kind="stable")
    given = shares[:, order] >= 0.5
    rarest: Array = np.where(given.any(axis=1), order[given.argmax(axis=1)], shares.shape[1])
    return rarest


def confidence_of(shares: Array, *, kind: str) -> Array:
    """Say how sure each answer is, (rows,): of several labels, the least sure one counts."""
    if kind == "single-label":
        return np.asarray(shares.max(axis=1))
    return np.asarray(np.maximum(shares, 1 - shares).min(axis=1))


def choose(confidence: Array, classes: Array, prior: Array, threshold: float) -> Array:
    """Choose the surest answers of every class, up to its quota.

    A quota is the class's share of the training rows times a number of rows that is the same for
    all: so many that the class with the fewest sure answers for its share gives all of them and no
    other more than twice what that would make it; but as many as there are training rows at least.

    Args:
        confidence: Of every row, (rows,).
        classes: Class of every row, (rows,).
        prior: Training rows of every class, (classes,).
        threshold: Least confidence.

    Returns:
        The chosen rows, ascending.

    >>> sure = np.array([0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.7, 0.91])
    >>> choose(sure, np.array([0, 0, 0, 0, 0, 0, 0, 1]), np.array([1, 1]), 0.9)
    array([0, 1, 7])
    """
    is_sure = confidence >= threshold
    found = np.bincount(classes[is_sure], minlength=len(prior)).astype(float)
    share = np.maximum(prior, 1) / np.maximum(prior, 1).sum()
    scarcest = (found / share)[found > 0].min(initial=np.inf)
    if not np.isfinite(scarcest):
        return np.empty(0, dtype=np.int64)
    quotas = np.ceil(share * max(SLACK * scarcest, float(prior.sum())) - 1e-9).astype(int)
    chosen = []
    for one, quota in enumerate(quotas):
        own = np.flatnonzero(is_sure & (classes == one))
        chosen.append(own[np.argsort(-confidence[own], kind="stable")][:quota])
    return np.sort(np.concatenate(chosen))
