"""How much likelier rows are in another domain, by a classifier that tells the two apart."""

from __future__ import annotations

import numpy as np

from luthier.frozen_features.linear import fit_head
from luthier.ragged import Array

N_FOLDS = 5
STRENGTH = 1.0  # inverse regularisation


def density_ratios(source: Array, target: Array, *, draw: np.random.Generator) -> Array:
    """Estimate p(x | target) / p(x | source) for every source row, out of fold.

    A probabilistic classifier's odds, times the ratio of the numbers of rows, are the ratio of the
    two densities (Bickel et al. 2009, "Discriminative learning under covariate shift", section 4).

    Args:
        source: Vectors of length 1, (rows, width).
        target: Others, (other rows, width).
        draw: Draws the folds.
    """
    rows = np.concatenate([source, target])
    is_target = np.repeat([0, 1], [len(source), len(target)])
    folds = np.concatenate(
        [draw.permutation(np.arange(n) % N_FOLDS) for n in (len(source), len(target))]
    )
    odds = np.zeros(len(source))
    for fold in range(N_FOLDS):
        is_known = folds != fold
        weight, bias = fit_head(rows[is_known], is_target[is_known], 2, STRENGTH)
        own = np.flatnonzero(~is_known[: len(source)])
        odds[own] = np.exp(source[own] @ (weight[1] - weight[0]) + bias[1] - bias[0])
    ratios: Array = odds * len(source) / len(target)
    return ratios


def importance_weights(ratios: Array, *, clip: float = 0.99) -> Array:
    """Clip density ratios at a quantile and scale them to a mean of 1, (rows,)."""
    clipped = np.minimum(ratios, np.quantile(ratios, clip))
    return np.asarray(clipped / clipped.mean(), dtype=np.float32)


def effective_size(weights: Array) -> float:
    """Return how many rows of equal weight estimate as surely, (Σw)² / Σw² (Kish 1965).

    >>> effective_size(np.array([1.0, 1.0, 0.0, 0.0]))
    2.0
    """
    return float(weights.sum() ** 2 / (weights.astype(float) ** 2).sum())
