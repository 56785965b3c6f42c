"""Vectors that lie far apart, and groups of those that lie close: k-means in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luthier.ragged import Array

ROUNDS = 25  # of k-means at most; it mostly ends before
AT_ONCE = 2**24  # distances held at once


def spread_out(
    distances_to: Callable[[int], Array],
    n_points: int,
    n: int,
    random: np.random.Generator,
    *,
    first: Array | None = None,
) -> list[int]:
    """Draw points, each with a chance proportional to its squared distance to those before.

    The seeding of k-means++ (Arthur & Vassilvitskii 2007, section 2.2).

    Args:
        distances_to: Gives the squared distances of all points to one of them, (points,).
        n_points: How many points there are.
        n: How many to draw, at most as many as there are.
        random: Generator of the draws.
        first: Squared distances to a place that counts as drawn, (points,); None: there is none,
            and all points have the same chance to be the first.

    Returns:
        Indices, each once. Where all that are left lie on those before, they are drawn evenly.
    """
    left, nearest = np.ones(n_points, dtype=bool), first
    drawn: list[int] = []
    for _ in range(min(n, n_points)):
        chances = left.astype(np.float64)
        if nearest is not None and (nearest[left] > 0).any():
            chances *= np.maximum(nearest, 0.0)
        index = int(random.choice(n_points, p=chances / chances.sum()))
        drawn.append(index)
        left[index] = False
        distances = distances_to(index)
        nearest = distances if nearest is None else np.minimum(nearest, distances)
    return drawn


def k_means(points: Array, n_clusters: int, random: np.random.Generator) -> Array:
    """Group points by their nearest mean (Lloyd 1982), from means that are spread out.

    Args:
        points: (points, width).
        n_clusters: How many groups to make, at most as many as there are points.
        random: Generator of the first means.

    Returns:
        The group of every point, (points,); a group may be empty.
    """
    norms = (points**2).sum(axis=1)

    def distances_to(index: int) -> Array:
        return np.asarray(norms + norms[index] - 2 * (points @ points[index]))

    means = points[spread_out(distances_to, len(points), n_clusters, random)]
    groups = _nearest(points, means)
    for _ in range(ROUNDS):
        order = np.argsort(groups, kind="stable")
        filled, starts, counts = np.unique(groups[order], return_index=True, return_counts=True)
        means[filled] = np.add.reduceat(points[order], starts) / counts[:, None]
        before, groups = groups, _nearest(points, means)
        if (before == groups).all():
            break
    return groups


def _nearest(points: Array, means: Array) -> Array:
    """Find the nearest mean of every point, (points,)."""
    norms = (means**2).sum(axis=1) / 2
    step = max(1, AT_ONCE // max(1, len(means)))
    parts = [
        np.argmax(points[first : first + step] @ means.T - norms, axis=1)
        for first in range(0, len(points), step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
