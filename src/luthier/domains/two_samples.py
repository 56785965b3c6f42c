"""How surely two sets of vectors differ: by a classifier that tells them apart, and by MMD.

Both are computed with the labels "first" and "second" dealt out again at random, too: what they
come to then is what chance gives, from which p follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luthier.ragged import Array

N_FOLDS = 5


@dataclass(frozen=True)
class Difference:
    """A distance of two sets, and what chance gives.

    Args:
        value: The distance.
        null_mean: Its mean with labels dealt out at random.
        null_high: What it exceeds there in one case of twenty.
        p: Share of random deals that come to as much, the true one among them.
    """

    value: float
    null_mean: float
    null_high: float
    p: float


def proxy_a(
    first: Array, second: Array, *, n_permutations: int, draw: np.random.Generator
) -> Difference:
    """Measure the proxy A-distance 2 (1 - 2 ε), ε the error of a linear classifier out of fold.

    Ben-David et al. 2007, "Analysis of representations for domain adaptation". The classifier is a
    ridge regression on the labels, whose predictions out of fold follow from one hat matrix H:
    those of fold B are y_B - (I - H_BB)⁻¹ (y_B - (H y)_B). So all random deals cost one product.

    Args:
        first: Vectors, (n, width).
        second: As many others.
        n_permutations: How often labels are dealt out at random.
        draw: Draws folds and deals.
    """
    n = len(first)
    vectors = np.concatenate([first, second])
    folds = np.concatenate([draw.permutation(np.arange(n) % N_FOLDS) for _ in range(2)])
    labels = np.repeat([1.0, -1.0], n)
    deals = np.stack(
        [labels, *(_dealt(labels, folds, draw) for _ in range(n_permutations))], axis=1
    )
    hat = _hat(vectors - vectors.mean(axis=0))
    fitted = hat @ deals
    errors = np.zeros(deals.shape[1])
    for fold in range(N_FOLDS):
        own = np.flatnonzero(folds == fold)
        left = np.linalg.solve(np.eye(len(own)) - hat[np.ix_(own, own)], deals[own] - fitted[own])
        errors += (np.sign(deals[own] - left) != deals[own]).sum(axis=0)
    return _difference(2 * (1 - 2 * errors / len(labels)))


def mmd(
    first: Array, second: Array, *, n_permutations: int, draw: np.random.Generator
) -> Difference:
    """Measure the unbiased squared maximum mean discrepancy, with a Gaussian kernel.

    Gretton et al. 2012, "A kernel two-sample test", equation 3; its width is the median distance.

    Args:
        first: Vectors, (n, width).
        second: As many others.
        n_permutations: How often labels are dealt out at random.
        draw: Draws deals.
    """
    n = len(first)
    vectors = np.concatenate([first, second])
    lengths = (vectors**2).sum(axis=1)
    squares = np.maximum(lengths[:, None] + lengths - 2 * vectors @ vectors.T, 0.0)
    width = float(np.median(squares[np.triu_indices(2 * n, 1)])) or 1.0
    kernel = np.exp(-squares / width)
    np.fill_diagonal(kernel, 0.0)
    labels = np.repeat([1.0, -1.0], n)
    deals = np.stack([labels, *(draw.permutation(labels) for _ in range(n_permutations))], axis=1)
    # the labels' product is 1 within a set and -1 between: two sums of the kernel, by one product
    signed = (deals * (kernel @ deals)).sum(axis=0)
    whole = kernel.sum()
    within, between = (whole + signed) / 2, (whole - signed) / 2
    return _difference(within / (n * (n - 1)) - between / n**2)


def _dealt(labels: Array, folds: Array, draw: np.random.Generator) -> Array:
    """Deal labels out at random, as many of each in every fold as before."""
    dealt = labels.copy()
    for fold in range(N_FOLDS):
        own = np.flatnonzero(folds == fold)
        dealt[own] = draw.permutation(labels[own])
    return dealt


def _hat(centred: Array) -> Array:
    """Return the hat matrix of a ridge regression, (rows, rows)."""
    gram = centred.T @ centred
    strength = float(np.trace(gram)) / len(gram) or 1.0  # the mean eigenvalue
    return np.asarray(centred @ np.linalg.solve(gram + strength * np.eye(len(gram)), centred.T))


def _difference(values: Array) -> Difference:
    """Compare the first value with the others, those of random deals."""
    own, null = float(values[0]), values[1:]
    p = (1 + int((null >= own - 1e-12).sum())) / (1 + len(null))
    return Difference(own, float(null.mean()), float(np.quantile(null, 0.95)), p)
