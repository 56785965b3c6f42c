"""Sample N-way k-shot episodes from the labels of rows, as arrays of row indices.

An episode is a small task: `ways` classes, `shots` rows of each to learn from (the support set) and
`queries` further rows of each to classify. Vinyals et al. 2016, section 2.2, https://arxiv.org/abs/1606.04080.
Next: `plan.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from luthier.ragged import Array
from luthier.seeding import stream


class Shape(NamedTuple):
    """Size of an episode.

    Args:
        ways: Number of classes.
        shots: Number of rows of each class to learn from.
        queries: Number of rows of each class to classify.
    """

    ways: int
    shots: int
    queries: int

    @property
    def of_class(self) -> int:
        """Number of rows of one class."""
        return self.shots + self.queries

    @property
    def rows(self) -> int:
        """Number of rows in all."""
        return self.ways * self.of_class


def sample_episodes(labels: Array, shape: Shape, n_episodes: int, *, seed: int) -> Array:
    """Draw episodes; an episode has no row twice, and its classes are in random order.

    Each episode has a random stream of its own, so drawing more episodes does not change the first
    ones, and all methods get the same.

    Args:
        labels: Class of each row, (rows,).
        shape: Size of an episode; each class must have enough rows.
        n_episodes: Number of episodes.
        seed: Seed of the run.

    Returns:
        Row indices, (episodes, ways, shots + queries); the shots of a class come first.

    >>> sample_episodes(np.array([0, 0, 1, 1]), Shape(2, 1, 1), 3, seed=0).shape
    (3, 2, 2)
    """
    rows_of = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    episodes = np.empty((n_episodes, shape.ways, shape.of_class), dtype=np.int64)
    for number in range(n_episodes):
        draw = stream(seed, "episodes", number)
        for way, label in enumerate(draw.permutation(len(rows_of))[: shape.ways]):
            rows = rows_of[label]
            episodes[number, way] = draw.choice(rows, size=shape.of_class, replace=False)
    return episodes


def split_classes(labels: Array, n_held_out: int, seed: int) -> tuple[Array, Array]:
    """Split the classes in two, so that a model can be tested on classes it never saw.

    Args:
        labels: Class of each row, (rows,).
        n_held_out: Number of classes to hold out.
        seed: Seed of the draw.

    Returns:
        The classes for training and those held out, each in increasing order.

    Raises:
        ValueError: No class would be left for training.
    """
    classes = np.unique(labels)
    if not 0 <= n_held_out < len(classes):
        raise ValueError(f"{n_held_out} of {len(classes)} classes cannot be held out")
    order = stream(seed, "classes").permutation(len(classes))
    return np.sort(classes[order[n_held_out:]]), np.sort(classes[order[:n_held_out]])
