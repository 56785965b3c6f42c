"""From the labels of rows to N-way k-shot episodes, as arrays of row numbers.

An episode is a small task: `ways` classes, `shots` rows of each to learn from (the support set) and
`queries` others to be judged by. Vinyals et al. 2016, section 2.2, https://arxiv.org/abs/1606.04080.
Next: `plan.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from luthier.ragged import Array
from luthier.seeding import stream


class Shape(NamedTuple):
    """How large an episode is.

    Args:
        ways: Classes. `shots`: Rows of each to learn from. `queries`: Rows of each to judge by.
    """

    ways: int
    shots: int
    queries: int

    @property
    def of_class(self) -> int:
        """Rows of one class."""
        return self.shots + self.queries

    @property
    def rows(self) -> int:
        """Rows in all."""
        return self.ways * self.of_class


def sample_episodes(labels: Array, shape: Shape, n_episodes: int, *, seed: int) -> Array:
    """Draw episodes; no row stands twice in one, and its classes come in random order.

    Each episode has a stream of its own, so more episodes leave the first ones as they are, and all
    methods are given the same.

    Args:
        labels: Class of every row, (rows,).
        shape: How large an episode is. Each class must have that many rows.
        n_episodes: How many.
        seed: The run's.

    Returns:
        Row numbers, (episodes, ways, shots + queries); a class's shots stand first.

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
    """Part the classes in two, so that what is learned can be judged by classes never seen.

    Args:
        labels: Class of every row, (rows,).
        n_held_out: Classes to set aside.
        seed: Of the draw.

    Returns:
        The classes to learn from and those held out, each in rising order.

    Raises:
        ValueError: No class would be left to learn from.
    """
    classes = np.unique(labels)
    if not 0 <= n_held_out < len(classes):
        raise ValueError(f"{n_held_out} of {len(classes)} classes cannot be held out")
    order = stream(seed, "classes").permutation(len(classes))
    return np.sort(classes[order[n_held_out:]]), np.sort(classes[order[:n_held_out]])
